"""Machines of these tests: an ISO is installed unattended once per layout and firmware and kept in the cache; every
test works on throw-away copies (qcow2 overlays) of that installation.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagebuild import answer, web
from imagebuild.context import Context
from imagebuild.run import wait_for_installation
from imagebuild.vm import Disk, Firmware, Forward, MediumBus, Spec, Vm, free_port, make_disk
from pexpect import fdpexpect

from tests.lib.apiclient import Api

PASSWORD = "correct horse battery"
DISK_GIB = 16
INSTALL_LIMIT_S = 1500
BOOT_LIMIT_S = 600
# An installed system knows its network interface by this address, so all its copies have it; each has its own network.
MAC = "52:54:00:01:d7:a5"
BOOTED = "GNU GRUB"
SHELL_PROMPT = "HOLDFAST-TEST# "


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the answer file lays out the disks."""

    name: str
    filesystem: str
    raid: str
    disks: int

    def answer(self, ssh_key: str) -> str:
        names = [f"vd{letter}" for letter in "abcdef"[: self.disks]]
        return answer.text(
            fqdn=f"{self.name}.example.invalid",
            password=PASSWORD,
            ssh_keys=[ssh_key],
            filesystem=self.filesystem,
            raid=self.raid,
            disks=names,
        )


LVM = Layout(name="lvm", filesystem="ext4", raid="", disks=1)
MIRROR = Layout(name="mirror", filesystem="zfs", raid="raid1", disks=2)


@dataclass(frozen=True, kw_only=True)
class Images:
    """What `imagebuild test-images` made."""

    iso: Path
    kernel: str
    version: str
    previous_iso: Path | None = None
    previous_kernel: str = ""
    upgrade_version: str = ""
    upgrade_repository: Path | None = None

    @classmethod
    def load(cls, path: Path) -> Images:
        data = json.loads(path.read_text())
        folders = {k: Path(data[k]) for k in ("iso", "previous_iso", "upgrade_repository") if k in data}
        return cls(**{**data, **folders})


class Host:
    """A started machine that runs an installed host."""

    def __init__(self, lab: Lab, vm: Vm) -> None:
        self.lab, self.vm = lab, vm
        self.web_port, self.ssh_port = (f.host for f in vm.spec.forwards)
        self._link = lab.folder / f"ssh-{self.ssh_port}-{vm.pid}"  # one connection for all commands, see `ssh`

    @property
    def console(self) -> str:
        """All that came over the serial line since the machine was started."""
        return self.vm.spec.serial_log.read_text(errors="replace")

    @property
    def boots(self) -> int:
        """How often the boot loader has begun, told by the serial line: sooner and surer than SSH tells a reset."""
        return self.console.count(BOOTED)

    def wait_for_api(self, limit_s: float = BOOT_LIMIT_S) -> None:
        started = time.monotonic()
        ready = web.wait_for_api(self.web_port, limit_s, going_on=self.vm.alive)
        assert ready, f"no answer from the API within {limit_s} s; console ends:\n{self.console[-3000:]}"
        print(f"API answered after {time.monotonic() - started:.0f} s")

    def api(self) -> Api:
        return Api(f"https://127.0.0.1:{self.web_port}", "root@pam", PASSWORD, timeout_s=180)

    def ssh_argv(self, command: str) -> list[str]:
        return [
            "ssh", "-q", "-i", str(self.lab.key), "-p", str(self.ssh_port), "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=60",
            "-o", f"ControlPath={self._link}", "root@127.0.0.1", command,
        ]  # fmt: skip

    def ssh(self, command: str, *, timeout_s: float = 300, check: bool = True) -> str:
        """Run a shell line as root on the host; its standard output. Fails with its errors unless ``check`` is off.

        Without ``check`` a host that does not answer in time has said nothing, and is called anew the next time.
        """
        self._connect()
        argv = self.ssh_argv(command)
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            self._disconnect()
            if check:
                raise
            return ""
        assert done.returncode == 0 or not check, f"{command}: code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def copy_in(self, file: Path, target: str) -> None:
        with file.open("rb") as stream:
            subprocess.run(self.ssh_argv(f"cat > {target}"), stdin=stream, check=True, timeout=300)

    def disk(self, serial: str) -> str:
        """The device of a disk with this serial number."""
        return self.ssh(f"readlink -f /dev/disk/by-id/virtio-{serial}").strip()

    def _connect(self) -> None:
        """Have a connection that commands share: a log-in takes an emulated host seconds of all that it has.

        It ends by itself soon after the host. Where it cannot be made each command makes its own, or fails.
        """
        *argv, target, _ = self.ssh_argv("")
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run([*argv, "-O", "check", target], **quiet, check=False).returncode == 0:
            return
        self._link.unlink(missing_ok=True)
        alive = ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=12"]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([*argv, *alive, "-M", "-N", "-f", target], **quiet, check=False, timeout=90)

    def _disconnect(self) -> None:
        """Let go of the connection that commands share; after a reset it would hang until SSH notices."""
        *argv, target, _ = self.ssh_argv("")
        subprocess.run([*argv, "-O", "exit", target], capture_output=True, check=False, timeout=30)

    def wait_for_ssh(self, limit_s: float = 300) -> None:
        end = time.monotonic() + limit_s
        while self.ssh("echo up", check=False) != "up\n":
            assert time.monotonic() < end, f"no SSH within {limit_s} s; console ends:\n{self.console[-3000:]}"
            time.sleep(2)

    def reboot(self) -> None:
        """Restart the guest's system from inside and wait until its API answers again."""
        before = self.ssh("cat /proc/sys/kernel/random/boot_id")
        self.ssh("systemd-run --on-active=1 systemctl reboot")
        end = time.monotonic() + BOOT_LIMIT_S
        while self.ssh("cat /proc/sys/kernel/random/boot_id", check=False) in ("", before):
            assert time.monotonic() < end, f"no reboot; console ends:\n{self.console[-3000:]}"
            assert self.vm.alive(), f"QEMU ended; console ends:\n{self.console[-3000:]}"
            time.sleep(3)
        self.wait_for_api()

    def keep_evidence(self, folder: Path) -> None:
        """After a failed test: journal and console in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.vm.spec.serial_log, folder / "console.log")
        (folder / "journal.log").write_text(self.ssh("journalctl -b --no-pager", check=False, timeout_s=120))


Start = Callable[..., Host]


class Lab:
    """Folder of the cache where these tests keep machines and finished installations."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.folder = ctx.place("vmtest", "x").parent
        self.key = self.folder / "ssh_key"
        if not self.key.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", str(self.key)]
            subprocess.run(argv, check=True)

    @property
    def public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()

    def installed(self, iso: Path, layout: Layout, firmware: Firmware) -> Path:
        """Folder with disks installed from ``iso``; made where the cache has none of this ISO."""
        text = layout.answer(self.public_key)
        name = hashlib.sha256(f"{iso.name}\n{text}".encode()).hexdigest()[:12]
        done = self.folder / f"{layout.name}-{firmware}-{name}"
        if done.is_dir():
            return done
        self.clear_outdated(f"{layout.name}-{firmware}-*")
        folder = self.folder / f"{done.name}.partial"
        end_leftover(Spec(folder=folder))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        medium = answer.put_on(self.ctx, iso, text, folder / "install.iso", choice="auto-serial", timeout_s=1)
        spec = self.spec(folder, layout, firmware, medium=medium, exit_on_reboot=True)
        for disk in spec.disks:
            make_disk(self.ctx, disk.path, DISK_GIB)
        started = time.monotonic()
        vm = Vm.start(self.ctx, spec)
        try:
            wait_for_installation(vm, INSTALL_LIMIT_S)
        finally:
            vm.kill()
        took = time.monotonic() - started
        print(f"unattended installation, {layout.name} on {firmware}: {took:.0f} s")
        spec.serial_log.rename(folder / "install.log")
        (folder / "seconds").write_text(f"{took:.0f}\n")
        (folder / "iso").write_text(str(iso))
        medium.unlink()
        folder.rename(done)
        return done

    def clear_outdated(self, pattern: str) -> None:
        """Remove the installations of that name whose ISO is gone."""
        for note in self.folder.glob(f"{pattern}/iso"):
            if not Path(note.read_text()).exists():
                shutil.rmtree(note.parent)

    def spec(self, folder: Path, layout: Layout, firmware: Firmware, **more: object) -> Spec:
        disks = [Disk(path=folder / f"disk{n}.qcow2", serial=f"HOLDFAST{n}") for n in range(1, layout.disks + 1)]
        forwards = [Forward(host=free_port(), guest=8006), Forward(host=free_port(), guest=22)]
        spec = Spec(folder=folder, firmware=firmware, disks=disks, forwards=forwards, memory_mib=2048, mac=MAC)
        return replace(spec, **more)  # type: ignore[arg-type]

    def copy(self, installed: Path, name: str, layout: Layout, firmware: Firmware, **more: object) -> Spec:
        """A machine whose disks start as those of ``installed``, which stay as they are."""
        folder = self.folder / f"run-{name}"
        end_leftover(Spec(folder=folder))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        spec = self.spec(folder, layout, firmware, **more)
        for disk in spec.disks:
            make_disk(self.ctx, disk.path, 0, backing=installed / disk.path.name)
        if firmware is Firmware.UEFI:
            shutil.copy2(installed / "efivars.fd", folder)
        return spec

    def start(self, spec: Spec) -> Host:
        return Host(self, Vm.start(self.ctx, spec))

    @contextlib.contextmanager
    def started(self, spec: Spec, evidence: str, failed: Callable[[], int]) -> Iterator[Host]:
        """A machine for all tests of a file, once it answers. ``failed`` counts failures; they leave evidence."""
        before, ended, host = failed(), False, self.start(spec)
        try:
            host.wait_for_api()
            host.wait_for_ssh()
            yield host
            ended = True
        finally:
            if not ended or failed() > before:
                host.keep_evidence(self.folder / "failed" / evidence)
            host.vm.kill()


class Console:
    """The serial line of a machine that runs the live system, with a root shell on it."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(vm.spec.serial))
        self.line = fdpexpect.fdspawn(self._socket, timeout=300, encoding="utf-8", codec_errors="replace")

    def end(self) -> None:
        """Cut the machine's power."""
        self.vm.kill()
        self._socket.close()

    def shell(self, limit_s: float = 400) -> None:
        """Wait for the shell and make it predictable."""
        self.line.expect(r"root@[^\r\n]*[#$] ", timeout=limit_s)
        time.sleep(1)
        self.line.sendline("stty -echo cols 300; bind 'set enable-bracketed-paste off'; dmesg -n 1")
        self.line.sendline(f"PS1='{SHELL_PROMPT[:4]}''{SHELL_PROMPT[4:]}' LC_ALL=C PAGER=cat")
        self.line.expect_exact(SHELL_PROMPT, timeout=60)

    def run(self, command: str, *, timeout_s: float = 120, check: bool = True) -> str:
        """Run a line in the shell; its output without carriage returns and terminal control (pagers clear lines)."""
        self.line.sendline(f"{command}; echo RC''=$?.")
        self.line.expect(r"RC=(\d+)\.\r?\n", timeout=timeout_s)
        output = re.sub(r"\r|\x1b\[[0-9;?]*[A-Za-z]", "", self.line.before)
        code = int(self.line.match.group(1))
        self.line.expect_exact(SHELL_PROMPT, timeout=30)
        assert code == 0 or not check, f"{command}: code {code}\n{output}"
        return str(output)


def live(lab: Lab, iso: Path, name: str, *, disks: Sequence[Disk] = (), firmware: Firmware = Firmware.BIOS,
         bus: MediumBus = MediumBus.CDROM, key: str = "R", memory_mib: int = 2048) -> Console:  # fmt: skip
    """Start the medium and choose a menu entry by its key; the caller ends the console."""
    folder = lab.folder / f"live-{name}"
    folder.mkdir(exist_ok=True)
    spec = Spec(folder=folder, firmware=firmware, disks=disks, medium=iso, medium_bus=bus, memory_mib=memory_mib,
                mac=MAC, exit_on_reboot=True)  # fmt: skip
    spec.serial_log.unlink(missing_ok=True)
    end_leftover(spec)
    console = Console(Vm.start(lab.ctx, spec))
    console.line.expect_exact(f"({key})", timeout=120)
    time.sleep(1)
    console.line.send(key)
    return console


def plugged(lab: Lab, spec: Spec, serials: Sequence[str], gib: int) -> Spec:
    """The machine with empty spare disks of these serial numbers; the installed one stays the first."""
    extra = []
    for number, serial in enumerate(serials):
        path = make_disk(lab.ctx, spec.folder / f"spare-{serial}.qcow2", gib)
        extra += ["-drive", f"if=none,id=spare{number},format=qcow2,file={path},cache=unsafe,discard=unmap"]
        extra += ["-device", f"virtio-blk-pci,drive=spare{number},serial={serial}"]
    return replace(spec, extra=extra)


def end_leftover(spec: Spec) -> None:
    """End the machine of ``spec.folder`` that an interrupted run of these tests has left behind."""
    leftover = Vm.find(spec)
    if leftover is not None:
        leftover.kill()
