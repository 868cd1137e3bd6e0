"""Dask's cluster on this machine: no web pages, nothing that other machines reach, TLS where Dask's settings ask."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from litho_dl.core.workers import run_tasks

pytest.importorskip("distributed", reason="Dask is an extra")
ROLES = ("scheduler", "worker", "client")


def listening(task: int) -> list[str]:
    """Addresses on which this worker and the process that started its nanny listen, as `/proc/net/tcp` writes them."""
    own = set()
    for process in (os.getpid(), os.getppid()):
        for path in Path(f"/proc/{process}/fd").iterdir():
            name = os.readlink(path) if path.is_symlink() else ""
            own.add(name.removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()]
    return [row[1] for row in rows if row[3] == "0A" and row[9] in own]


def addresses(task: int) -> tuple[str, str]:
    """The worker's own address and its scheduler's."""
    from distributed import get_worker

    return get_worker().address, get_worker().scheduler.address


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks for ports in /proc")
def test_a_local_cluster_opens_no_port_for_pages_and_none_to_others():
    (found,) = run_tasks(listening, [0], workers=1, scheduler="local")
    assert len(found) == 3  # of worker, nanny and scheduler
    assert {address.partition(":")[0] for address in found} == {"0100007F"}
    assert f"0100007F:{8787:04X}" not in found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_local_cluster_keeps_to_the_tls_settings_of_dask(tmp_path):
    import dask

    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=here"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    own = {name: str(tmp_path / f"{name}.pem") for name in ("cert", "key")}
    tls = {f"distributed.comm.tls.{role}.{name}": value for role in ROLES for name, value in own.items()}
    tls |= {"distributed.comm.tls.ca-file": own["cert"], "distributed.comm.require-encryption": True}
    with dask.config.set(tls):
        ((worker, scheduler),) = run_tasks(addresses, [0], workers=1, scheduler="local")
    assert worker.startswith("tls://127.0.0.1:")
    assert scheduler.startswith("tls://127.0.0.1:")
