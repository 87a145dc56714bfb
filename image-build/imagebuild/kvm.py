"""Is KVM of use here? ``/dev/kvm`` may exist, answer, make machines, and still run them hundreds of times too slowly.

The probe runs the same counting loop natively and in a real-mode virtual machine and compares the two. Real hardware
needs about the same time for both; anything far slower is worse than plain emulation. Interface: Linux,
Documentation/virt/kvm/api.rst.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

COUNT = 20_000
SLOWER_AT_MOST = 40.0
"""A virtual machine's loop may take this many times the native loop (start and exit of the machine are in it)."""

KVM_GET_API_VERSION, KVM_CREATE_VM, KVM_GET_VCPU_MMAP_SIZE = 0xAE00, 0xAE01, 0xAE04
KVM_CREATE_VCPU, KVM_SET_USER_MEMORY_REGION, KVM_RUN = 0xAE41, 0x4020AE46, 0xAE80
KVM_GET_SREGS, KVM_SET_SREGS, KVM_SET_REGS = 0x8138AE83, 0x4138AE84, 0x4090AE82
KVM_EXIT_IO = 2
MEMORY = 0x10000
ENTRY = 0x1000


def guest_code(count: int) -> bytes:
    """Real-mode x86: ``mov cx,count; l: dec cx; jnz l; mov al,'K'; out 0x10,al; hlt``."""
    return b"\xb9" + struct.pack("<H", count) + b"\x49\x75\xfd\xb0K\xe6\x10\xf4"


def native_code(count: int) -> bytes:
    """64-bit x86: ``mov ecx,count; l: dec ecx; jnz l; ret``."""
    return b"\xb9" + struct.pack("<I", count) + b"\xff\xc9\x75\xfc\xc3"


def believable(exit_reason: int, guest_s: float, native_s: float) -> bool:
    """Whether the guest ended by its own ``out`` and not much later than the native loop."""
    return exit_reason == KVM_EXIT_IO and guest_s <= SLOWER_AT_MOST * max(native_s, 2e-5)


def usable(device: Path = Path("/dev/kvm"), timeout_s: float = 5) -> bool:
    """Whether virtual machines should use KVM; decided in a child process, for a broken KVM may also hang."""
    if not os.access(device, os.R_OK | os.W_OK) or Path("/sys/module/kvm_pvm").exists():
        return False
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if not flags & {"vmx", "svm"}:
        return False
    try:
        child = subprocess.run([sys.executable, "-P", __file__, str(device)], timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return False
    return child.returncode == 0


def run_guest(device: Path, count: int) -> tuple[int, float]:
    """Exit reason and seconds of the loop in a virtual machine. OSError where KVM refuses something."""
    kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    if fcntl.ioctl(kvm, KVM_GET_API_VERSION, 0) != 12:
        return -1, 0.0
    machine = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    memory = mmap.mmap(-1, MEMORY, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    code = guest_code(count)
    memory[ENTRY : ENTRY + len(code)] = code
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(machine, KVM_SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", 0, 0, 0, MEMORY, address))
    cpu = fcntl.ioctl(machine, KVM_CREATE_VCPU, 0)
    shared = mmap.mmap(cpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    segments = bytearray(fcntl.ioctl(cpu, KVM_GET_SREGS, bytes(312)))
    struct.pack_into("<Q", segments, 0, 0)  # cs.base
    struct.pack_into("<H", segments, 12, 0)  # cs.selector
    fcntl.ioctl(cpu, KVM_SET_SREGS, bytes(segments))
    registers = [0] * 18
    registers[16], registers[17] = ENTRY, 2  # rip, rflags
    fcntl.ioctl(cpu, KVM_SET_REGS, struct.pack("<18Q", *registers))
    start = time.perf_counter()
    fcntl.ioctl(cpu, KVM_RUN, 0)
    return struct.unpack_from("<I", shared, 8)[0], time.perf_counter() - start


def run_native(count: int) -> float:
    """Seconds of the loop in this process."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(native_code(count))
    call = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main(device: str) -> int:
    try:
        attempts = [(run_guest(Path(device), COUNT), run_native(COUNT)) for _ in range(3)]
    except OSError:
        return 1
    (reason, guest_s), native_s = min(attempts, key=lambda a: a[0][1])
    return 0 if believable(reason, guest_s, native_s) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
