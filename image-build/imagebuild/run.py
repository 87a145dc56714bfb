"""`make run`: a Holdfast host in a virtual machine, installed unattended from the ISO of this checkout (or another).

State in ``CACHE/run``: disk, password and SSH key (root only), and what they were made from. The disk stays until
another ISO is installed, so that a second run only starts the machine.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from dataclasses import replace
from pathlib import Path

from imagebuild import answer, kvm, pipeline, tools, web
from imagebuild.context import Context
from imagebuild.progress import say, stage
from imagebuild.shell import StepFailed
from imagebuild.steps import medium
from imagebuild.vm import Disk, Forward, Spec, Vm, make_disk

FQDN = "holdfast.example.invalid"
DISK_GIB = 32
INSTALL_LIMIT_S = 1800
BOOT_LIMIT_S = 900
FAILED_MARK = "INSTALLATION FAILED"
"""What the installer writes to the console before it leaves the machine to a person."""


def machine(ctx: Context) -> Spec:
    """The machine of `make run`: two processors, memory for a small guest, ports 8006 and 22 on loopback."""
    folder = ctx.place("run", "x").parent
    forwards = [Forward(host=_port("PORT", 8006), guest=8006), Forward(host=_port("SSH_PORT", 8022), guest=22)]
    disk = Disk(path=folder / "disk.qcow2", serial="HOLDFAST1")
    return Spec(folder=folder, disks=[disk], memory_mib=4096, kvm=kvm.usable(), forwards=forwards)


def _port(variable: str, default: int) -> int:
    return int(os.environ.get(variable) or default)


def run(ctx: Context, iso: Path | None = None) -> None:
    """From nothing to a host whose API answers; says how to use it."""
    if iso is not None and not iso.is_file():
        raise StepFailed(f"{iso} does not exist")
    iso = iso or pipeline.iso(ctx)
    spec = machine(ctx)
    origin = _origin(iso)
    fresh = _installed_from(spec.folder) == origin
    running = Vm.find(spec)
    if running and not fresh:
        say("==> stopping the machine of the run before")
        running.kill()
        running = None
    if not fresh:
        _install(ctx, spec, iso, origin)
    if running is None:
        with stage(ctx.cache, f"run: start the installed host ({_engine(spec)})"):
            running = Vm.start(ctx, spec)
            _wait_for_api(running)
    elif not web.wait_for_api(spec.forwards[0].host, BOOT_LIMIT_S, going_on=running.alive):
        raise StepFailed(f"the machine runs but its API does not answer; see {spec.serial_log}")
    print(summary(spec, fresh))


def _engine(spec: Spec) -> str:
    return "KVM" if spec.kvm else "emulation: KVM is not usable here"


def _origin(iso: Path) -> str:
    """Names what a disk was installed from: the checksum that lies beside our own images, else one made now."""
    try:
        return iso.with_suffix(".sha256").read_text().split()[0]
    except OSError:
        return medium.sha256(iso)


def _installed_from(folder: Path) -> str:
    try:
        return str(json.loads((folder / "installed.json").read_text())["iso"])
    except (OSError, ValueError, KeyError):
        return ""


def _install(ctx: Context, spec: Spec, iso: Path, origin: str) -> None:
    shutil.rmtree(spec.folder, ignore_errors=True)
    spec.folder.mkdir(parents=True, mode=0o700)
    spec.folder.chmod(0o700)
    password = secrets.token_urlsafe(12)
    _write_secret(spec.folder / "password", password + "\n")
    key = spec.folder / "ssh_key"
    tools.inside(ctx, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "make run", "-f", key])
    make_disk(ctx, spec.disks[0].path, DISK_GIB)
    public = key.with_suffix(".pub").read_text().strip()
    text = answer.text(fqdn=FQDN, password=password, ssh_keys=[public])
    with stage(ctx.cache, "run: ISO with the answer file"):
        prepared = answer.put_on(ctx, iso, text, spec.folder / "install.iso", choice="auto-serial", timeout_s=1)
    with stage(ctx.cache, f"run: unattended installation ({_engine(spec)})"):
        vm = Vm.start(ctx, replace(spec, medium=prepared, exit_on_reboot=True))
        wait_for_installation(vm)
    prepared.unlink()
    spec.serial_log.rename(spec.folder / "install.log")
    (spec.folder / "installed.json").write_text(json.dumps({"iso": origin}) + "\n")


def wait_for_installation(vm: Vm, limit_s: float = INSTALL_LIMIT_S) -> None:
    """Wait until the installer restarts the machine (which ends QEMU); StepFailed with the console's last lines."""
    end = time.monotonic() + limit_s
    while not vm.wait_end(2):
        console = vm.spec.serial_log.read_text(errors="replace")
        late = time.monotonic() > end
        if late or FAILED_MARK in console:
            vm.kill()
            what = f"took longer than {limit_s:.0f} s" if late else "failed"
            raise StepFailed(f"the installation {what}; console: {vm.spec.serial_log}\n{_tail(console)}")


def _wait_for_api(vm: Vm) -> None:
    if not web.wait_for_api(vm.spec.forwards[0].host, BOOT_LIMIT_S, going_on=vm.alive):
        console = vm.spec.serial_log.read_text(errors="replace")
        raise StepFailed(f"the API did not answer; console: {vm.spec.serial_log}\n{_tail(console)}")


def _tail(console: str) -> str:
    return "\n".join(f"    {line.rstrip()}" for line in console.splitlines()[-15:])


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def summary(spec: Spec, reused: bool) -> str:
    """What a person needs to use the host and to be rid of it."""
    web_port, ssh_port = (f.host for f in spec.forwards)
    password = (spec.folder / "password").read_text().strip()
    how = "as installed by an earlier run" if reused else "just installed"
    return f"""
Holdfast runs ({how}).

  Web page and API   https://localhost:{web_port}/
  Certificate        SHA-256 {web.fingerprint(web_port)}
  User               root@pam (realm: Linux PAM)
  Password           {password}
  SSH                ssh -i {spec.folder / "ssh_key"} -p {ssh_port} root@localhost
  Serial console     make console      (leave with Ctrl-])
  Stop               make stop         (the disk stays; make run starts it again)
"""


def stop(ctx: Context) -> None:
    """Shut the machine of `make run` down; its disk stays."""
    vm = Vm.find(machine(ctx))
    if vm is None:
        say("no machine of `make run` is running")
        return
    with stage(ctx.cache, "run: shut down"):
        if not vm.power_down(120):
            say("it does not react to its power button: cutting the power")
            vm.kill()
