"""Virtual machines for `make run` and the tests: QEMU of the tools tree, with what makes emulation fast (DESIGN §6).

`qemu_argv` is pure; `Vm` starts a machine, talks to its monitor (QMP) and ends it. Serial line and monitor are unix
sockets in the machine's folder; all that comes over the serial line is also in ``serial.log`` there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from imagebuild import tools
from imagebuild.context import Context
from imagebuild.shell import Process, StepFailed, spawn

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


NIC_SLOT, MEDIUM_SLOT, RNG_SLOT = "0x10", "0x11", "0x12"
"""Fixed places on the PCI bus: network interfaces are named after theirs, which must not depend on other devices."""


class Firmware(StrEnum):
    BIOS = "bios"
    UEFI = "uefi"


class MediumBus(StrEnum):
    """How the installation medium is attached."""

    CDROM = "cdrom"
    USB = "usb"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A virtual disk; ``serial`` becomes part of its name in /dev/disk/by-id.

    ``path`` is an image file, or with format ``nbd`` the unix socket of a server of the NBD protocol.
    """

    path: Path
    serial: str
    format: str = "qcow2"


@dataclass(frozen=True, kw_only=True)
class Forward:
    """TCP port of this machine's loopback address → port of the guest."""

    host: int
    guest: int


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A machine. Disks start before the medium, so an installed system starts by itself; an empty disk is passed over.

    ``cpu`` empty: the host's own with KVM, else the model that is fastest to emulate. ``durable`` honours flushes.
    ``mac`` empty: the one that belongs to ``folder``. ``lan`` is the port of a switch (`lan.py`), whose router then
    makes the ``forwards``; without it the machine has QEMU's user network for itself.
    """

    folder: Path
    firmware: Firmware = Firmware.BIOS
    disks: Sequence[Disk] = ()
    medium: Path | None = None
    medium_bus: MediumBus = MediumBus.CDROM
    memory_mib: int = 2048
    cpus: int = 2
    cpu: str = ""
    mac: str = ""
    kvm: bool = False
    forwards: Sequence[Forward] = ()
    lan: int | None = None
    exit_on_reboot: bool = False
    durable: bool = False
    extra: Sequence[str] = field(default=())

    @property
    def monitor(self) -> Path:
        return self.folder / "monitor.sock"

    @property
    def serial(self) -> Path:
        return self.folder / "serial.sock"

    @property
    def serial_log(self) -> Path:
        return self.folder / "serial.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "qemu.pid"


def mac_address(folder: Path) -> str:
    """A stable address for the machine that lives in ``folder``, in QEMU's own range."""
    digest = hashlib.sha256(str(folder).encode()).digest()
    return f"52:54:00:{digest[0]:02x}:{digest[1]:02x}:{digest[2]:02x}"


def qemu_argv(spec: Spec) -> list[str]:
    """Command line of QEMU 10 (qemu(1)) for ``spec``."""
    machine = "q35,accel=kvm" if spec.kvm else "q35"
    argv = ["qemu-system-x86_64", "-machine", machine, "-nodefaults", "-vga", "none", "-display", "none"]
    if not spec.kvm:
        argv += ["-accel", "tcg,thread=multi,tb-size=512"]
    argv += ["-cpu", spec.cpu or ("host" if spec.kvm else "Nehalem")]
    argv += ["-smp", str(spec.cpus), "-m", str(spec.memory_mib), "-pidfile", str(spec.pid_file)]
    # The guest's own clock counts on by itself: one start in ten saw a step of this machine's as the year 2611.
    argv += ["-rtc", "base=utc,clock=vm"]
    argv += ["-qmp", f"unix:{spec.monitor},server=on,wait=off"]
    argv += [
        "-chardev",
        f"socket,id=serial0,path={spec.serial},server=on,wait=off,logfile={spec.serial_log},logappend=on",
    ]
    argv += ["-serial", "chardev:serial0", "-device", f"virtio-rng-pci,addr={RNG_SLOT}"]
    if spec.firmware is Firmware.UEFI:
        argv += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"]
        argv += ["-drive", f"if=pflash,unit=1,format=raw,file={spec.folder / 'efivars.fd'}"]
    cache = "none" if spec.durable else "unsafe"
    for number, disk in enumerate(spec.disks):
        argv += ["-drive", f"if=none,id=disk{number},{_source(disk)},cache={cache},discard=unmap"]
        argv += ["-device", f"virtio-blk-pci,drive=disk{number},serial={disk.serial},bootindex={number + 1}"]
    if spec.medium is not None:
        argv += _medium_argv(spec.medium, spec.medium_bus, bootindex=len(spec.disks) + 1)
    argv += ["-netdev", _network(spec)]
    mac = spec.mac or mac_address(spec.folder)
    argv += ["-device", f"virtio-net-pci,netdev=net0,mac={mac},romfile=,addr={NIC_SLOT}"]
    if spec.exit_on_reboot:
        argv += ["-no-reboot"]
    return [*argv, *spec.extra]


def _source(disk: Disk) -> str:
    if disk.format == "nbd":
        return f"format=raw,file=nbd+unix:///?socket={disk.path}"
    return f"format={disk.format},file={disk.path}"


def _network(spec: Spec) -> str:
    if spec.lan is not None:
        return datagrams("net0", spec.lan)
    return "user,id=net0" + "".join(f",hostfwd=tcp:127.0.0.1:{f.host}-:{f.guest}" for f in spec.forwards)


def datagrams(name: str, port: int) -> str:
    """Value of ``-netdev``: frames go to a UDP port of the loopback address, and come back to one that is free."""
    near, far = "local.type=inet,local.host=127.0.0.1,local.port=0", "remote.type=inet,remote.host=127.0.0.1"
    return f"dgram,id={name},{near},{far},remote.port={port}"


def _medium_argv(medium: Path, bus: MediumBus, *, bootindex: int) -> list[str]:
    drive = f"if=none,id=medium,format=raw,readonly=on,file={medium}"
    match bus:
        case MediumBus.CDROM:
            device = [
                "-device",
                f"virtio-scsi-pci,id=scsi0,addr={MEDIUM_SLOT}",
                "-device",
                f"scsi-cd,drive=medium,bootindex={bootindex}",
            ]
            return ["-drive", f"{drive},media=cdrom", *device]
        case MediumBus.USB:
            return [
                "-drive", drive, "-device", f"qemu-xhci,addr={MEDIUM_SLOT}",
                "-device", f"usb-storage,drive=medium,removable=on,bootindex={bootindex}",
            ]  # fmt: skip


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_disk(ctx: Context, path: Path, size_gib: int, *, backing: Path | None = None) -> Path:
    """A new qcow2 disk; with ``backing`` it starts with that disk's content, which must then stay as it is."""
    path.unlink(missing_ok=True)
    argv = ["qemu-img", "create", "-q", "-f", "qcow2"]
    argv += ["-b", str(backing), "-F", "qcow2"] if backing else []
    tools.inside(ctx, [*argv, str(path), *([] if backing else [f"{size_gib}G"])])
    return path


class Vm:
    """A running machine."""

    def __init__(self, spec: Spec, pid: int, process: Process | None = None) -> None:
        self.spec = spec
        self.pid = pid
        self._process = process

    @classmethod
    def start(cls, ctx: Context, spec: Spec, argv: Sequence[str] = ()) -> Vm:
        """Start QEMU in the background, in a session of its own: it outlives the program that started it.

        ``argv``: another command line than that of ``spec``, with the same monitor and pid file.
        """
        spec.folder.mkdir(parents=True, exist_ok=True)
        tree = tools.ensure(ctx)
        for path in (spec.monitor, spec.serial, spec.pid_file):
            path.unlink(missing_ok=True)
        variables = spec.folder / "efivars.fd"
        if spec.firmware is Firmware.UEFI and not variables.exists():
            shutil.copyfile(tree / OVMF_VARS.lstrip("/"), variables)
        enter = [a for a in tools.enter_argv(ctx, tree, cwd=spec.folder) if a != "--die-with-parent"]
        log = spec.folder / "qemu.log"
        process = spawn([*enter, *(argv or qemu_argv(spec))], log=log, env=tools.environment())
        end = time.monotonic() + 30
        while not (spec.pid_file.exists() and spec.monitor.exists()):
            if process.poll() is not None or time.monotonic() > end:
                raise StepFailed(f"QEMU did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        pid = int(spec.pid_file.read_text())
        _keep_priority(pid)
        return cls(spec, pid, process)

    @classmethod
    def find(cls, spec: Spec) -> Vm | None:
        """The machine of ``spec.folder`` where it still runs."""
        try:
            pid = int(spec.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except (OSError, ValueError):
            return None
        return cls(spec, pid) if str(spec.pid_file) in command else None

    def alive(self) -> bool:
        """Whether QEMU still runs (a zombie does not)."""
        if self._process is not None:
            self._process.poll()
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return False
        return state != "Z"

    def command(self, name: str, arguments: dict[str, object] | None = None, *, timeout_s: float = 60) -> object:
        """One QMP command on a connection of its own; StepFailed with QEMU's words on an error."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(timeout_s)
            link.connect(str(self.spec.monitor))
            stream = link.makefile("rw")
            for word, extra in (("qmp_capabilities", None), (name, arguments)):
                stream.write(json.dumps({"execute": word, **({"arguments": extra} if extra else {})}) + "\n")
                stream.flush()
                answer = _answer(stream.readline)
        return answer

    def human(self, line: str, *, timeout_s: float = 60) -> str:
        """A command of QEMU's human monitor (``savevm``, ``loadvm``)."""
        return str(self.command("human-monitor-command", {"command-line": line}, timeout_s=timeout_s))

    def wait_end(self, timeout_s: float) -> bool:
        """Wait until QEMU has ended; False where it still runs after ``timeout_s``."""
        end = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        if self._process is not None:  # what started it in the tree ends a moment later
            self._process.wait(10)
        return True

    def power_down(self, timeout_s: float) -> bool:
        """Press the power button; False where the guest does not go down in time."""
        self.command("system_powerdown")
        return self.wait_end(timeout_s)

    def kill(self) -> None:
        """Cut the power."""
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
            self.wait_end(10)
        elif self._process is not None:
            self._process.wait(10)


def _keep_priority(pid: int) -> None:
    """Let a machine have our priority (nice(1)) among all processes.

    The kernel groups processes by session, and their own priorities count among those of their group only: sched(7),
    "The autogroup feature". Seen: with nine busy loops of nice 19 beside it a machine of nice -10 had half a processor.
    """
    with contextlib.suppress(OSError):  # a kernel without that
        Path(f"/proc/{pid}/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))


def _answer(readline: object) -> object:
    assert callable(readline)
    while line := readline():
        message = json.loads(line)
        if "error" in message:
            raise StepFailed(f"QEMU: {message['error'].get('desc')}")
        if "return" in message:
            return message["return"]
    raise StepFailed("QEMU closed its monitor")
