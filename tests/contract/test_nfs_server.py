"""What is asked of an NFS server over the network, of a real one: nfs-ganesha, in a network of its own.

The driver itself mounts with the kernel's client, which ``make test-storage-vm`` has.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import CommandFailed
from hostd.core.run import Result, run
from hostd.storage import scanning
from tests.lib.required import lack, missing
from tests.lib.waiting import eventually

HERE = "127.0.0.1"
CONFIG = """
NFS_CORE_PARAM {{ Protocols = 3, 4; mount_path_pseudo = true; allow_set_io_flusher_fail = true; }}
NFSv4 {{ Graceless = true; RecoveryRoot = "{folder}/recovery"; }}
EXPORT {{
    Export_Id = 1; Path = "{folder}/store"; Pseudo = "/store"; Protocols = 3, 4; Access_Type = RW;
    Squash = No_Root_Squash; SecType = sys;
    FSAL {{ Name = VFS; }}
}}
EXPORT {{
    Export_Id = 2; Path = "{folder}/closed"; Pseudo = "/closed"; Protocols = 3, 4; Access_Type = None;
    Squash = No_Root_Squash; SecType = sys;
    CLIENT {{ Clients = 192.0.2.0/24; Access_Type = RO; }}
    FSAL {{ Name = VFS; }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """It exports ``/store`` to all, and ``/closed`` to a network that nobody here is in."""

    enter: tuple[str, ...]
    programs: tuple[subprocess.Popen[bytes], ...]

    def run(self, argv: Sequence[str], **how: Any) -> Result:
        """As ``hostd.core.run.run``, in the server's network."""
        return run([*self.enter, *argv], **how)

    def signal(self, number: int) -> None:
        for program in self.programs:
            program.send_signal(number)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if reason := lack(["ganesha.nfsd", "rpcbind", "showmount", "unshare", "nsenter"], "start an NFS server"):
        missing("ganesha", reason)
    for name in ("store", "closed", "recovery", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "ganesha.conf").write_text(CONFIG.format(folder=tmp_path))
    with ExitStack() as stack:

        def start(*argv: str) -> subprocess.Popen[bytes]:
            program = subprocess.Popen(argv, stdin=subprocess.PIPE)
            stack.enter_context(program)  # its pipe is closed, and its end awaited
            stack.callback(program.kill)
            return program

        begin = "mount -t tmpfs run /run && ip link set lo up && exec cat"
        holder = start("unshare", "--net", "--mount", "sh", "-c", begin)
        enter = ("nsenter", "--net", "--mount", f"--target={holder.pid}")
        eventually(lambda: "LOOPBACK,UP" in run([*enter, "ip", "link", "show", "lo"], check=False).stdout, 60)
        ports = start(*enter, "rpcbind", "-f")
        config, log = str(tmp_path / "ganesha.conf"), str(tmp_path / "ganesha.log")
        nfs = start(*enter, "ganesha.nfsd", "-F", "-f", config, "-L", log, "-p", str(tmp_path / "pid"))
        made = Server(enter=enter, programs=(ports, nfs))
        eventually(lambda: "mountd" in made.run(["rpcinfo", "-p", HERE], check=False).stdout, 60)
        yield made
        made.signal(signal.SIGCONT)


def test_what_it_exports_is_listed(server: Server) -> None:
    """Of those that this client may have: the server keeps the others to itself."""
    assert [path for path, _ in scanning.nfs_exports(server.run, HERE)] == ["/store"]


def test_one_that_hangs_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_ANSWER_S", 2.0)
    server.signal(signal.SIGSTOP)
    with pytest.raises(CommandFailed, match="showmount"):
        scanning.nfs_exports(server.run, HERE)
    server.signal(signal.SIGCONT)
    eventually(lambda: len(scanning.nfs_exports(server.run, HERE)) == 1, 60)


def test_one_that_is_not_there_is_told(server: Server) -> None:
    for program in server.programs:
        program.kill()
        program.wait()
    with pytest.raises(CommandFailed, match="showmount"):
        scanning.nfs_exports(server.run, HERE)
