"""Commands in processes of their own, which tests kill."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def started(*arguments: object, **settings: object) -> subprocess.Popen[str]:
    """Starts a command line; it heeds Ctrl-C although the shell starts it in the background."""
    settings.setdefault("preexec_fn", _heed_ctrl_c)
    command = [sys.executable, "-m", "litho_dl.cli.main", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)


def _heed_ctrl_c() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def kill_all(run: subprocess.Popen[str]) -> None:
    """Kills a command that was started in a session of its own, with all its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


def workers(process: int) -> list[int]:
    """The worker processes below a process, by number."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")).split()
    found = []
    for child in map(int, children):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"spawn_main" in command:
            found.append(child)
        found += workers(child)
    return found


def alive(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def write_pid(path: str | os.PathLike[str]) -> None:
    """Writes the number of the process that calls this, at once or not at all."""
    partial = Path(f"{os.fspath(path)}.{os.getpid()}")
    partial.write_text(str(os.getpid()))
    partial.replace(path)
