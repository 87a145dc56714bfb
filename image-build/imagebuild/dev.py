"""`make dev`: one full node from the built packages, in a privileged system container of this machine.

The container runs systemd and the packages' own units; its root file system is the image's package layer plus our
packages, under a fresh writable layer each time. Not there: LVM, ZFS, kernel modules. One node per web port.
"""

from __future__ import annotations

import os
import secrets
import signal
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagebuild import layer, packages, web
from imagebuild.cache import alone, clear, digest, prune, stands_on, tree_digest
from imagebuild.context import Context
from imagebuild.progress import say, stage
from imagebuild.shell import StepFailed, call, output, spawn, succeeds
from imagebuild.steps import base

FORMAT = 1
PACKAGES = ("python3-hostd", "hostd-cluster", "hostd", "hostd-webui")
READY_LIMIT_S = 120
LOOPS = 32
"""Loop devices of this machine that the node may use; the kernel makes no device files in a container."""
CONFIG = """\
# Made by `make dev`. Privileged on purpose: nested containers, virtual machines and FUSE run inside. Only the clock is
# kept away: it is that of the machine outside.
lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/nesting.conf
lxc.uts.name = {name}
lxc.arch = amd64
lxc.rootfs.path = overlay:{lower}:{upper}
lxc.apparmor.profile = unconfined
lxc.mount.auto =
lxc.mount.auto = proc:rw sys:rw cgroup:rw:force
lxc.cap.drop =
lxc.cap.drop = sys_time
lxc.seccomp.profile =
lxc.cgroup.devices.allow = a
lxc.cgroup2.devices.allow = a
lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file 0 0
lxc.mount.entry = /dev/net/tun dev/net/tun none bind,create=file 0 0
lxc.mount.entry = tmpfs dev/shm tmpfs nosuid,nodev,create=dir 0 0
lxc.net.0.type = veth
lxc.net.0.name = eth0
lxc.net.0.veth.pair = {veth}
lxc.net.0.flags = up
{link}lxc.log.file = {log}
lxc.log.level = INFO
"""
INTERFACES = """\
auto lo
iface lo inet loopback

iface eth0 inet manual

auto vmbr0
iface vmbr0 inet static
    address {address}/{prefix}
    gateway {gateway}
    bridge-ports eth0
    bridge-stp off
    bridge-fd 0
"""
STORAGES = """\
dir: local
\tpath /var/lib/vz
\tcontent images,rootdir,iso,vztmpl,backup,snippets,import
"""
MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer chrony.service e2scrub_reap.service fstrim.timer lvm2-monitor.service "
    "blk-availability.service smartmontools.service systemd-udev-trigger.service systemd-udevd.service "
    "systemd-udevd-kernel.socket systemd-udevd-control.socket console-setup.service "
    "keyboard-setup.service mdmonitor.service apparmor.service"
)
"""Units of hardware, clock and kernel that a container does not have."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A development node, told apart by its web port."""

    port: int
    folder: Path
    prefix: int = 30
    bridge: str = ""
    shared: Path | None = None
    """A folder of this machine that is ``/srv/shared`` in the node."""

    @property
    def name(self) -> str:
        return "dev" if self.port == 8006 else f"dev{self.port}"

    @property
    def container(self) -> str:
        return f"holdfast-{self.port}"

    @property
    def veth(self) -> str:
        return f"hf{self.port}"

    def addresses(self) -> tuple[str, str]:
        """(node, this machine) in a network of four addresses, one network per port."""
        net = self.port * 4 % 65536
        return f"10.88.{net // 256}.{net % 256 + 2}", f"10.88.{net // 256}.{net % 256 + 1}"

    def config(self, lower: Sequence[Path]) -> str:
        """The container's configuration, lxc.container.conf(5)."""
        loops = ["/dev/loop-control", *(f"/dev/loop{number}" for number in range(LOOPS))]
        entries = "".join(f"lxc.mount.entry = {d} {d[1:]} none bind,create=file,optional 0 0\n" for d in loops)
        if self.shared is not None:
            entries += f"lxc.mount.entry = {self.shared} srv/shared none bind,create=dir 0 0\n"
        return entries + CONFIG.format(
            name=self.name,
            lower=":".join(map(str, lower)),
            upper=self.folder / "upper",
            veth=self.veth,
            link=f"lxc.net.0.link = {self.bridge}\n" if self.bridge else "",
            log=self.folder / "lxc.log",
        )

    def files(self) -> Mapping[str, str]:
        """Files of this node: path in the container → text."""
        address, gateway = self.addresses()
        return {
            "etc/hostname": f"{self.name}\n",
            "etc/hosts": f"127.0.0.1 localhost\n{address} {self.name}.example.invalid {self.name}\n",
            "etc/network/interfaces": INTERFACES.format(address=address, prefix=self.prefix, gateway=gateway),
            "var/lib/hostd/seed/storage.cfg": STORAGES,
        }


def node(ctx: Context) -> Node:
    port = int(os.environ.get("PORT") or 8006)
    return Node(port=port, folder=ctx.place("dev", str(port)))


def packages_layer(ctx: Context) -> Path:
    """Base layer + our packages, without kernel and ZFS."""
    debs = packages.build(ctx)
    base.run(ctx)
    rootfs = ctx.source / "rootfs"
    target = ctx.place("image", f"dev-{digest(FORMAT, base.place(ctx).name, debs.name, MASKED, tree_digest(rootfs))}")
    if not target.is_dir():
        names = [f"{layer.REPOSITORY}/{next(debs.glob(f'{name}_*.deb')).name}" for name in PACKAGES]
        recipe = layer.Recipe(
            lower=[str(base.place(ctx))],
            overlays=[str(rootfs)],
            repository=str(debs),
            commands=[
                ["dpkg", "--force-unsafe-io", "--install", *names],
                ["systemctl", "mask", *MASKED.split()],
                ["find", "/etc/ssh", "-name", "ssh_host_*", "-delete"],
                ["truncate", "-s", "0", "/etc/machine-id"],
            ],
        )
        log = ctx.place("logs", "dev-layer.log")
        log.unlink(missing_ok=True)
        with stage(ctx.cache, "dev: install the packages"):
            layer.build(ctx, recipe, target, log=log)
        prune(target, "dev-*", keep=1, in_use=lambda layer: stands_on(ctx.cache / "dev", layer))
    return target


def up(ctx: Context) -> None:
    """Start a fresh node and wait until its API answers."""
    here = node(ctx)
    lower = layers(ctx)
    down(ctx)
    with stage(ctx.cache, "dev: start the node"):
        password = start(here, lower)
        wait(here)
    print(summary(here, password))


def layers(ctx: Context) -> list[Path]:
    """What a node's own files lie on, the uppermost first."""
    with alone(ctx, "image"):
        return [packages_layer(ctx), base.place(ctx)]


def start(here: Node, lower: Sequence[Path]) -> str:
    """Make the node's files and start it; returns the password of root, which is also in the file ``password``."""
    upper = here.folder / "upper"
    for path, text in here.files().items():
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text(text)
    here.folder.chmod(0o700)
    config = here.folder / "config"
    config.write_text(here.config(lower))
    password = secrets.token_urlsafe(12)
    secret = here.folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password + "\n")
    _start(here, config, password)
    return password


def wait(here: Node) -> None:
    """Until the node's API answers; StepFailed says where to look."""
    if not web.wait_for_api(here.port, READY_LIMIT_S):
        raise StepFailed(f"the API did not answer; look inside: lxc-attach -n {here.container} -- journalctl -b")


def _make_loops() -> None:
    """Device files of loop devices, for the node to see (loop(4): block, major 7)."""
    for number in range(LOOPS):
        if not os.path.exists(f"/dev/loop{number}"):
            os.mknod(f"/dev/loop{number}", 0o600 | stat.S_IFBLK, os.makedev(7, number))


def _start(here: Node, config: Path, password: str) -> None:
    _make_loops()
    log = here.folder / "start.log"
    call(["lxc-start", "-n", here.container, "-f", config, "-d", "--", "/sbin/init"], log=log)
    address, gateway = here.addresses()
    if not here.bridge:
        call(["ip", "address", "add", f"{gateway}/{here.prefix}", "dev", here.veth])
        call(["ip", "link", "set", here.veth, "up"])
    call([*attach_argv(here), "chpasswd"], log=log, input=f"root:{password}\n".encode())
    forward = [sys.executable, "-m", "imagebuild.forward", str(here.port), address, "8006"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = spawn(forward, log=here.folder / "forward.log", env=env)
    (here.folder / "forward.pid").write_text(str(process.pid))


def attach_argv(here: Node) -> list[str]:
    """Prefix of a command that runs inside the node as root."""
    return ["lxc-attach", "-n", here.container, "--clear-env", "--"]


def down(ctx: Context) -> None:
    """Stop the node of this port and forget everything it wrote."""
    remove(node(ctx))


def remove(here: Node) -> None:
    """Stop a node and forget everything it wrote."""
    if succeeds(["lxc-info", "-n", here.container]) and "STOPPED" not in output(
        ["lxc-info", "-s", "-n", here.container]
    ):
        call(["lxc-stop", "-k", "-n", here.container])
    try:
        pid = int((here.folder / "forward.pid").read_text())
        if "imagebuild.forward" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.2)
    except (OSError, ValueError):
        pass
    clear(here.folder)


def summary(here: Node, password: str) -> str:
    return f"""
A Holdfast node runs in the container {here.container}.

  Web page and API   https://localhost:{here.port}/
  Certificate        SHA-256 {web.fingerprint(here.port)}
  User               root@pam (realm: Linux PAM)
  Password           {password}
  Shell              lxc-attach -n {here.container}
  Stop               make dev-down
"""


def command_down(ctx: Context) -> None:
    down(ctx)
    say(f"the node on port {node(ctx).port} is gone")
