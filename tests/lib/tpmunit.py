"""swtpm without systemd: the command of ``hostd-tpm@.service`` is started as the unit would; and what a TPM is asked.

The TPM's identity is its endorsement key, which is made from a seed in its state: the same state, the same key.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hostd.core.run import Result, run
from hostd.guests.qemu import tpm

UNIT = Path(__file__).resolve().parents[2] / "debian/units/hostd-tpm@.service"
# TPM 2.0 library specification, part 3: CreatePrimary in the endorsement hierarchy (a P-256 storage key), ChangeEPS.
_PASSWORD = "00000009 40000009 0000 00 0000"
_PUBLIC = "0023 000b 00030072 0000 0006 0080 0043 0010 0003 0010 0000 0000"
CREATE_PRIMARY = f"00000131 4000000b {_PASSWORD} 0004 0000 0000 001a {_PUBLIC} 0000 00000000"
CHANGE_SEED = f"00000124 4000000c {_PASSWORD}"


class TpmUnits:
    """A ``run`` that takes care of the TPM's units; everything else is really run."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}

    def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
        if argv[0] != "systemctl":
            return run(argv, **kwargs)
        verb, unit = argv[1:]
        vmid = unit.removeprefix("hostd-tpm@").removesuffix(".service")
        if verb == "start":
            self._start(vmid)
        else:
            self._stop(vmid)
        return Result(argv=list(argv), code=0, stdout="", stderr="")

    def _start(self, vmid: str) -> None:
        folder = Path(tpm.folder(int(vmid)))
        (folder / "state").unlink()
        (folder / "state").symlink_to(os.readlink(folder / "volume"))  # the unit mounts it
        kind = (folder / "environment").read_text().strip().removeprefix("KIND=")
        command = exec_start().replace("$KIND", kind).replace("%i", vmid)
        run([*shlex.split(command), "--pid", f"file={folder}/pid"])
        self.pids[vmid] = int((folder / "pid").read_text())

    def _stop(self, vmid: str) -> None:
        pid = self.pids.pop(vmid, 0)
        if pid and alive(pid):
            os.kill(pid, 15)
        end_s = time.monotonic() + 10
        while pid and alive(pid):
            assert time.monotonic() < end_s, "swtpm does not end"
            time.sleep(0.02)
        folder = Path(tpm.folder(int(vmid)))
        run(["truncate", "--size=>4M", str((folder / "volume").resolve())], check=False)


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def exec_start() -> str:
    """The unit's command, its lines joined."""
    text = UNIT.read_text().replace("\\\n", " ")
    return next(line for line in text.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")


def ask(volume: str, command: str, place: Path) -> bytes:
    """What a TPM 2.0 whose state is in ``volume`` answers to a command (code and what follows, in hex); started once.

    The state must not be in use. The answer's header must say success.
    """
    body = bytes.fromhex(command)
    request = b"\x80\x02" + (len(body) + 6).to_bytes(4, "big") + body
    path = place / "ask.sock"
    argv = ["swtpm", "socket", "--tpm2", "--tpmstate", f"backend-uri=file://{volume}", "--server"]
    argv += [f"type=unixio,path={path}", "--flags", "not-need-init,startup-clear", "--terminate"]
    with subprocess.Popen(argv) as process:
        try:
            answer = _exchange(str(path), request)
        except BaseException:
            process.kill()
            raise
    path.unlink(missing_ok=True)
    assert answer[6:10] == bytes(4), f"TPM error {answer.hex()}"
    return answer


def _exchange(path: str, request: bytes) -> bytes:
    """The socket's file is there a moment before somebody listens."""
    end_s = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            try:
                client.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                assert time.monotonic() < end_s, "swtpm does not listen"
                time.sleep(0.02)
                continue
            client.sendall(request)
            return client.recv(4096)


def identity(volume: str, place: Path) -> str:
    """The endorsement key's public part, in hex: the last point of the answer's public area."""
    answer = ask(volume, CREATE_PRIMARY, place)
    size = int.from_bytes(answer[18:20], "big")
    return answer[20 : 20 + size].hex()
