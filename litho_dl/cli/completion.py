"""litho-dl completion: the script for shell completion of commands, options and names."""

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_LITHO_DL_COMPLETE"  # as click derives it from the program's name


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes litho-dl's commands, options and recipe names in SHELL.

    \b
    bash: add to ~/.bashrc                    eval "$(litho-dl completion bash)"
    zsh:  add to ~/.zshrc, after compinit     eval "$(litho-dl completion zsh)"
    fish: litho-dl completion fish > ~/.config/fish/completions/litho-dl.fish
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(context.find_root().command, {}, "litho-dl", VARIABLE).source())
