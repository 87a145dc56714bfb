"""Whether hardware virtualization is of use here. ``/dev/kvm`` alone says nothing: on some hosts it answers, makes
virtual processors, and runs ordinary code thousands of times slower than the processor does.

The probe runs a counting loop in a virtual processor in real mode and the same loop natively, and compares the two as
a ratio, so that nested virtualization on a slow host is still recognised. It runs as a program of its own (a virtual
processor that hangs is ended with it), once for each boot. Source: Linux Documentation/virt/kvm/api.rst.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import re
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from hostd.core.errors import CommandFailed
from hostd.core.run import Run

CACHE = "/run/hostd/kvm.json"
DEVICE: Final = "/dev/kvm"
_LOOPS: Final = 60_000
_ROUNDS: Final = 5
# A processor that really runs the loop needs about as long as natively; one that emulates it, thousands of times.
_WORST_RATIO: Final = 50.0
_TIMEOUT_S: Final = 20.0

_API_VERSION, _CREATE_VM, _VCPU_MMAP_SIZE, _CREATE_VCPU = 0xAE00, 0xAE01, 0xAE04, 0xAE41
_SET_MEMORY, _RUN, _SET_REGS, _GET_SREGS, _SET_SREGS = 0x4020AE46, 0xAE80, 0x4090AE82, 0x8138AE83, 0x4138AE84
_EXPECTED_API = 12
_EXIT_IO = 2
_SREGS_BYTES = 312
_REGISTERS = 18
_RIP, _RFLAGS = 16, 17
_MEMORY_BYTES, _ENTRY = 0x10000, 0x1000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``reason`` is for people, also when it works. ``ratio``: virtual to native time, 0 when nothing was timed."""

    usable: bool
    reason: str
    ratio: float = 0.0


def judge(*, cpuinfo: str, device: bool, paravirtual: bool, ratio: Callable[[], float]) -> Verdict:
    """From what the host shows to a verdict. ``ratio`` may raise OSError; it is called when the rest speaks for KVM."""
    if not device:
        return Verdict(
            usable=False, reason=f"{DEVICE} does not exist: virtualization is off in the firmware or not here"
        )
    if not re.search(r"^flags\s*:.*\b(vmx|svm)\b", cpuinfo, re.MULTILINE):
        return Verdict(usable=False, reason="the processor shows neither vmx nor svm")
    if paravirtual:
        return Verdict(
            usable=False, reason="the kernel offers paravirtual KVM (kvm_pvm), which cannot run ordinary guests"
        )
    try:
        measured = ratio()
    except OSError as err:
        return Verdict(usable=False, reason=f"{DEVICE} does not work: {err}")
    if measured > _WORST_RATIO:
        slow = f"code runs {measured:.0f} times slower under KVM than natively"
        return Verdict(usable=False, reason=slow, ratio=measured)
    return Verdict(usable=True, reason="hardware virtualization works", ratio=measured)


def native_s(loops: int) -> float:
    """Seconds of a loop of ``dec``/``jnz`` on this processor, the best of several."""
    code = b"\xb9" + struct.pack("<I", loops) + b"\xff\xc9\x75\xfc\xc3"  # mov ecx,n; l: dec ecx; jnz l; ret
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(code)
        buffer = ctypes.c_char.from_buffer(page)
        call = ctypes.CFUNCTYPE(None)(ctypes.addressof(buffer))
        best = min(_timed(call) for _ in range(_ROUNDS))
        del buffer, call
    return best


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class VirtualLoop:
    """A virtual processor in real mode with a counting loop in its memory."""

    def __init__(self) -> None:
        self._kvm = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        if fcntl.ioctl(self._kvm, _API_VERSION, 0) != _EXPECTED_API:
            raise OSError("unknown KVM interface")
        machine = fcntl.ioctl(self._kvm, _CREATE_VM, 0)
        self._memory = mmap.mmap(-1, _MEMORY_BYTES, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        self._pin = ctypes.c_char.from_buffer(self._memory)
        region = struct.pack("<IIQQQ", 0, 0, 0, _MEMORY_BYTES, ctypes.addressof(self._pin))
        fcntl.ioctl(machine, _SET_MEMORY, region)
        self._vcpu = fcntl.ioctl(machine, _CREATE_VCPU, 0)
        self._state = mmap.mmap(self._vcpu, fcntl.ioctl(self._kvm, _VCPU_MMAP_SIZE, 0))
        special = bytearray(fcntl.ioctl(self._vcpu, _GET_SREGS, bytes(_SREGS_BYTES)))
        struct.pack_into("<Q", special, 0, 0)  # code segment: base
        struct.pack_into("<H", special, 12, 0)  # and selector
        fcntl.ioctl(self._vcpu, _SET_SREGS, bytes(special))

    def seconds(self, loops: int) -> float:
        """Time until the loop has reported its end by writing to a port, the best of several."""
        # mov cx,n; l: dec cx; jnz l; mov al,'K'; out 0x10,al; hlt
        code = b"\xb9" + struct.pack("<H", loops) + b"\x49\x75\xfd\xb0K\xe6\x10\xf4"
        self._memory[_ENTRY : _ENTRY + len(code)] = code
        return min(self._once() for _ in range(_ROUNDS))

    def _once(self) -> float:
        registers = [0] * _REGISTERS
        registers[_RIP], registers[_RFLAGS] = _ENTRY, 2
        fcntl.ioctl(self._vcpu, _SET_REGS, struct.pack(f"<{_REGISTERS}Q", *registers))
        elapsed = _timed(lambda: fcntl.ioctl(self._vcpu, _RUN, 0))
        reason = struct.unpack_from("<I", self._state, 8)[0]
        if reason != _EXIT_IO:
            raise OSError(f"the virtual processor stopped for reason {reason} instead of running its code")
        return elapsed


def measure() -> float:
    """Virtual to native time of the loop; what entering and leaving the virtual processor costs is taken off."""
    loop = VirtualLoop()
    virtual = max(loop.seconds(_LOOPS) - loop.seconds(1), 0.0)
    return virtual / max(native_s(_LOOPS), 1e-9)


def probe() -> Verdict:
    """Judge this host."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        cpuinfo = file.read()
    return judge(
        cpuinfo=cpuinfo,
        device=os.path.exists(DEVICE),
        paravirtual=os.path.isdir("/sys/module/kvm_pvm"),
        ratio=measure,
    )


def verdict(run: Run, cache: str = "") -> Verdict:
    """The verdict of this boot: from the cache, else by running the probe and remembering what it said."""
    cache = cache or CACHE
    if known := remembered(cache):
        return known
    found = _ask(run)
    os.makedirs(os.path.dirname(cache), exist_ok=True)
    temporary = f"{cache}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(asdict(found), file)
    os.chmod(temporary, 0o644)
    os.replace(temporary, cache)
    return found


def remembered(cache: str = "") -> Verdict | None:
    """What the probe said at this boot; None before it ran. For processes that may not open the device."""
    try:
        with open(cache or CACHE, encoding="utf-8") as file:
            return Verdict(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None


def _ask(run: Run) -> Verdict:
    try:
        out = run([sys.executable, "-m", "hostd.node.kvm_probe"], timeout_s=_TIMEOUT_S).stdout
        return Verdict(**json.loads(out))
    except (CommandFailed, ValueError, TypeError) as err:
        return Verdict(usable=False, reason=f"the probe did not end well: {err}")


if __name__ == "__main__":
    json.dump(asdict(probe()), sys.stdout)
