"""A guest that can tell whether it survived being moved: it counts, keeps data in memory, answers on a connection.

Debian's kernel and busybox, booted by QEMU itself; on port 7777 of its address it answers lines: ``tick`` (a counter
that rises each second), ``mem`` (checksum of 32 MiB of its memory), ``disk`` and ``write`` (checksum of its disk; new
data on it), ``dirty`` and ``calm`` (from now on it writes to its memory all the time; no more), ``pcr`` and ``extend``
(register 16 of its TPM; a digest more in it, which only a running TPM knows).
"""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

from tests.lib import tinylinux

PORT = 7777
MARK = b"HOLDFAST-IN-THE-CLEAR "
# TPM2_PCR_Extend of register 16 by the empty password (TPM 2.0 library, part 3): header, handle, authorisation, digest.
_BODY = bytes.fromhex("000000100000000940000009000000000000000001000b") + b"holdfast" * 4
EXTEND = bytes.fromhex("8002") + (len(_BODY) + 10).to_bytes(4) + bytes.fromhex("00000182") + _BODY
LINKS = (
    "sh", "mount", "modprobe", "sleep", "dd", "cat", "ip", "nc", "sha256sum", "yes", "head", "mkdir", "mv", "kill",
)  # fmt: skip
INIT = """#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in %s; do modprobe -q "$m"; done
for word in $(cat /proc/cmdline); do case $word in guest=*) address=${word#guest=};; esac; done
ip link set lo up; ip link set eth0 up; ip address add "$address" dev eth0
mkdir /mem; mount -t tmpfs -o size=80m mem /mem
dd if=/dev/urandom of=/mem/data bs=1M count=24 2>/dev/null
yes "HOLDFAST-IN-THE-CLEAR $((6 * 7))" | head -c 8388608 >> /mem/data
echo 0 > /mem/tick
( n=0; while sleep 1; do n=$((n+1)); echo $n > /mem/tick.new; mv /mem/tick.new /mem/tick; done ) &
echo "movable guest is up" > /dev/ttyS0
while :; do nc -ll -p 7777 -e /serve; sleep 1; done
"""
SERVE = r"""#!/bin/sh
while read -r what; do
    case $what in
    tick) cat /mem/tick;;
    mem) sha256sum < /mem/data;;
    disk) echo 3 > /proc/sys/vm/drop_caches; sha256sum < /dev/sda;;
    write) dd if=/dev/urandom of=/dev/sda bs=1M count=6 seek=3 conv=fsync 2>/dev/null; echo written;;
    dirty) ( while :; do dd if=/dev/urandom of=/mem/churn bs=1M count=24 conv=notrunc 2>/dev/null; done ) & echo dirty;;
    calm) kill $!; echo calm;;
    extend)
        exec 3<>/dev/tpm0; printf '%s' >&3
        dd bs=4096 count=1 <&3 >/mem/answer 2>/dev/null; exec 3>&-; echo extended;;
    pcr) cat /sys/class/tpm/tpm0/pcr-sha256/16;;
    esac
done
""".replace("%s", "".join(f"\\{byte:03o}" for byte in EXTEND))


def _boot_files(cache: Path, work: Path) -> tuple[Path, Path]:
    package = tinylinux.kernel_package(cache)
    return tinylinux.build_boot_files(package, work, programs={"init": INIT, "serve": SERVE}, links=LINKS)


def build(cache: Path, work: Path, target: Path) -> None:
    """``vmlinuz`` and ``initrd`` in ``target``, for everybody to read."""
    for source, name in zip(_boot_files(cache, work), ("vmlinuz", "initrd"), strict=True):
        shutil.copy(source, target / name)
        (target / name).chmod(0o644)


def build_medium(cache: Path, work: Path, address: str) -> Path:
    """The same as an ISO to boot from, with the address (and prefix length) that it takes."""
    return tinylinux.iso_of(_boot_files(cache, work), work, append=f"panic=-1 guest={address}")


def arguments(folder: str, address: str) -> str:
    """``args`` of its configuration. ``address``: with its prefix length."""
    kernel = f"console=ttyS0 quiet mitigations=off tsc=reliable panic=-1 guest={address}"
    return f"-kernel {folder}/vmlinuz -initrd {folder}/initrd -append '{kernel}'"


class Line:
    """A connection to the guest that stays open."""

    def __init__(self, address: str, port: int = PORT, limit_s: float = 240) -> None:
        end_s = time.monotonic() + limit_s
        while not self._open(address, port):
            assert time.monotonic() < end_s, f"the guest at {address}:{port} does not answer"
            time.sleep(1)

    def _open(self, address: str, port: int) -> bool:
        """A connection alone says nothing where somebody on the way takes it in the guest's name."""
        try:
            self._peer = socket.create_connection((address, port), 5)
        except OSError:
            return False
        self._peer.settimeout(90)
        self._lines = self._peer.makefile("r")
        try:
            self.ask("tick")
        except (OSError, AssertionError):
            self.close()
            return False
        return True

    def ask(self, what: str) -> str:
        self._peer.sendall(f"{what}\n".encode())
        answer = self._lines.readline().strip()
        assert answer, f"the guest hung up on '{what}'"
        return answer

    def close(self) -> None:
        self._lines.close()
        self._peer.close()
