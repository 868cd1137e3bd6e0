"""The option --no-cache."""

import os

import click


def _without_cache(context: click.Context, parameter: click.Parameter, chosen: bool) -> None:
    """Names no folder for built kernels, for this command and the processes that it starts."""
    if not chosen:
        return
    name = "LITHO_DL_CACHE"  # as `process.cache` reads it
    before = os.environ.get(name)

    def restore() -> None:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before

    context.find_root().call_on_close(restore)  # its own is not closed where another option is refused
    os.environ[name] = ""


no_cache_option = click.option(
    "--no-cache",
    is_flag=True,
    expose_value=False,
    callback=_without_cache,
    help="Build the kernels of a recipe anew, and do not keep them.",
)
