"""The text that LXC reads at a start, from the container's file and facts of the node. Pure.

Source: lxc.container.conf(5), LXC 6.0; defaults that LXC ships (``common.conf``: devices, seccomp, lxcfs) are
included, so that their fixes reach us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hostd.core.errors import Conflict, Unsupported
from hostd.guests.lxc import cgroups, idmap, network, shaping
from hostd.guests.lxc.config import Container
from hostd.guests.lxc.devices import Node, node_path
from hostd.guests.lxc.facts import NodeFacts, choose_cpus
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.lxc.nic import Nic

DEFAULTS: Final = "/usr/share/lxc/config"
_PERIOD_US: Final = 100_000
_DEFAULT_WEIGHT_V2, _DEFAULT_SHARES_V1 = 100, 1024
# The kernel slows a container down here already, so that it reclaims before it must kill.
_HIGH_PART: Final = 128
_ARCHITECTURES: Final = {
    "x86_64": {"amd64": "x86_64", "i386": "i686"},
    "aarch64": {"arm64": "aarch64", "armhf": "armv7l"},
}
# What LXC's common.conf lets every container use: null, zero, full, random, urandom, its terminals, fuse.
_USUAL_DEVICES: Final = (
    "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm",
    "c 136:* rwm", "c 10:229 rwm",
)  # fmt: skip
# Tells systemd that the container's first program is about to run.
READY_HOOK: Final = "/usr/bin/systemd-notify --ready"
# Sets the limits of cards, and removes them.
SHAPE_HOOK: Final = "/usr/lib/hostd/ct-shape"
# Makes a reboot from inside a new start of the unit.
REBOOT_HOOK: Final = "/usr/lib/hostd/ct-rebooted"


def folder(vmid: int) -> str:
    """LXC's folder of a container: the generated file, and the place where its root is mounted."""
    return f"/var/lib/lxc/{vmid}"


def rootfs(vmid: int) -> str:
    return f"{folder(vmid)}/rootfs"


def staging(vmid: int, key: str) -> str:
    """Where a further volume is mounted first, seen by this container's start alone; LXC puts it in its place."""
    return f"{folder(vmid)}/{key}"


def mount_place(vmid: int, key: str) -> str:
    """Where a mount point is in the name space of the container's unit."""
    return rootfs(vmid) if key == "rootfs" else staging(vmid, key)


def device_folder(vmid: int) -> str:
    """Where nodes of the host's devices are made for a container's start, seen by it alone."""
    return f"{folder(vmid)}/devices"


def render(container: Container, facts: NodeFacts, *, source: str, nodes: Sequence[Node] = ()) -> str:
    """The configuration file's text. ``source``: the file that it comes from. ``nodes``: its devices of the host.

    Raises Unsupported for an architecture that this node cannot run.
    """
    lines = [f"# Made from {source} at each start of the container; changes here are lost."]
    lines += [f"lxc.include = {DEFAULTS}/common.conf"]
    lines += _identity_lines(container, facts)
    lines += _confinement_lines(container, facts)
    lines += _terminal_lines(container)
    lines += _resource_lines(container, facts)
    for point in container.mounts[1:]:
        lines.append(_mount_line(container.vmid, point))
    for node in nodes:
        lines += _device_lines(container.vmid, node, _prefix(facts))
    if not container.nics:
        lines.append("lxc.net.0.type = empty")  # said aloud: never the host's own
    for position, nic in enumerate(container.nics):
        lines += _nic_lines(container.vmid, position, nic)
    lines.append("lxc.hook.version = 1")
    if any(shaping.bytes_per_s(nic) for nic in container.nics):
        lines.append(f"lxc.hook.start-host = {SHAPE_HOOK} up")
    # In this order: the last one may end the process that runs them.
    lines += [f"lxc.hook.start-host = {READY_HOOK}", f"lxc.hook.post-stop = {SHAPE_HOOK} down"]
    lines.append(f"lxc.hook.post-stop = {REBOOT_HOOK}")
    lines += [f"lxc.environment = {pair}" for pair in container.environment]
    lines += [f"{key} = {value}" for key, value in container.raw if key != idmap.KEY]
    return "".join(f"{line}\n" for line in lines)


def lxc_architecture(arch: str, machine: str) -> str:
    """LXC's word for a container's architecture; Unsupported where this machine cannot run it."""
    found = _ARCHITECTURES.get(machine, {}).get(arch)
    if found is None:
        raise Unsupported(f"a container made for '{arch}' cannot run on this node ('{machine}')")
    return found


def _identity_lines(container: Container, facts: NodeFacts) -> list[str]:
    arch = lxc_architecture(container.arch, facts.arch)
    lines = []
    if container.unprivileged:
        lines.append(f"lxc.include = {DEFAULTS}/userns.conf")
        lines += _device_rules(_prefix(facts))
        lines += [f"{idmap.KEY} = {one.text()}" for one in container.idmap]
    lines += [f"lxc.arch = {arch}", f"lxc.uts.name = {container.hostname.partition('.')[0]}"]
    lines.append(f"lxc.rootfs.path = dir:{rootfs(container.vmid)}")
    if container.entrypoint != "/sbin/init":
        lines.append(f"lxc.init.cmd = {container.entrypoint}")
    return lines


def _device_rules(prefix: str) -> list[str]:
    """Nothing but the usual devices, said again: userns.conf takes the rules away, for those who start LXC without
    rights on the host. Without them one device that is given (``dev0``) would be the only one that opens, with control
    groups version 2, where a list of rules denies what it does not name.
    """
    return [f"{prefix}.devices.deny = a", *(f"{prefix}.devices.allow = {rule}" for rule in _USUAL_DEVICES)]


def _confinement_lines(container: Container, facts: NodeFacts) -> list[str]:
    """The profile is made by LXC for this container and loaded at its start."""
    features = container.features
    if facts.apparmor:
        lines = ["lxc.apparmor.profile = generated", f"lxc.apparmor.allow_nesting = {int(features.nesting)}"]
    else:
        lines = ["lxc.apparmor.profile = unconfined"]
    if features.fuse:
        lines.append("lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file 0 0")
        if facts.apparmor:
            lines.append("lxc.apparmor.raw = mount fstype=fuse,")
    for kind in features.mount:
        # Without AppArmor nothing but the kernel's own rules keeps a container from mounting.
        lines += [f"lxc.apparmor.raw = mount fstype={kind},"] if facts.apparmor else []
    if features.force_rw_sys:
        lines.append("lxc.mount.auto = sys:rw")
    return lines


def _terminal_lines(container: Container) -> list[str]:
    lines = [f"lxc.tty.max = {container.ttys}"]
    return lines if container.console else [*lines, "lxc.console.path = none"]


def _resource_lines(container: Container, facts: NodeFacts) -> list[str]:
    """Groups below the unit's own, and limits in the words of this node's version of control groups."""
    lines = [
        "lxc.cgroup.relative = 1",
        f"lxc.cgroup.dir.monitor = {cgroups.monitor_name(container.vmid)}",
        f"lxc.cgroup.dir.monitor.pivot = {cgroups.pivot_name(container.vmid)}",
        f"lxc.cgroup.dir.container = {cgroups.container_name(container.vmid)}",
    ]
    prefix = _prefix(facts)
    return lines + [f"{prefix}.{key} = {value}" for key, value in limits(container, facts).items()]


def _prefix(facts: NodeFacts) -> str:
    return "lxc.cgroup2" if facts.cgroup_version == 2 else "lxc.cgroup"


def limits(container: Container, facts: NodeFacts, *, live: bool = False) -> dict[str, str | int]:
    """Files of control groups and their values. ``live``: also those that take a limit away; a start needs none."""
    return _limits_v2(container, facts, live) if facts.cgroup_version == 2 else _limits_v1(container, facts, live)


def _limits_v2(container: Container, facts: NodeFacts, live: bool) -> dict[str, str | int]:
    memory = container.memory_bytes
    found: dict[str, str | int] = {"memory.max": memory, "memory.high": memory - memory // _HIGH_PART}
    if facts.swap_limit:
        found["memory.swap.max"] = container.swap_bytes
    if container.cpulimit or live:
        quota = int(container.cpulimit * _PERIOD_US) or "max"
        found["cpu.max"] = f"{quota} {_PERIOD_US}"
    found["cpu.weight"] = min(max(container.cpuunits or _DEFAULT_WEIGHT_V2, 1), 10_000)
    cpus = choose_cpus(facts, container.cores)
    if cpus or live:
        found["cpuset.cpus"] = cgroups.format_cpu_list(cpus or facts.cpus)
    return found


def _limits_v1(container: Container, facts: NodeFacts, live: bool) -> dict[str, str | int]:
    found: dict[str, str | int] = {"memory.limit_in_bytes": container.memory_bytes}
    if facts.swap_limit:
        found["memory.memsw.limit_in_bytes"] = container.memory_bytes + container.swap_bytes
    if container.cpulimit or live:
        quota = int(container.cpulimit * _PERIOD_US) or -1
        found |= {"cpu.cfs_period_us": _PERIOD_US, "cpu.cfs_quota_us": quota}
    found["cpu.shares"] = max(container.cpuunits or _DEFAULT_SHARES_V1, 2)
    cpus = choose_cpus(facts, container.cores)
    if cpus or live:
        found["cpuset.cpus"] = cgroups.format_cpu_list(cpus or facts.cpus)
    return found


def _mount_line(vmid: int, point: MountPoint) -> str:
    """LXC mounts there without following links of the container, but would follow them to make a folder that is not
    there: a start makes it before. In ``/dev`` LXC's own file system is, new at each start."""
    made = ",create=dir" if point.target.startswith("/dev/") else ""
    options = f"bind{made}" + (",ro" if point.read_only else "")
    target = _escaped(point.target.lstrip("/"))
    return f"lxc.mount.entry = {staging(vmid, point.key)} {target} none {options} 0 0"


def _device_lines(vmid: int, node: Node, prefix: str) -> list[str]:
    place = node_path(device_folder(vmid), node.device)
    return [
        f"{prefix}.devices.allow = {node.rule()}",
        f"lxc.mount.entry = {place} {node.device.path.lstrip('/')} none bind,create=file 0 0",
    ]


def _escaped(path: str) -> str:
    """Blanks as fstab(5) writes them."""
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def _nic_lines(vmid: int, position: int, nic: Nic) -> list[str]:
    if "bridge" in nic.values and not nic.mac:
        raise Conflict(f"{nic.key}: no hardware address; set the card again to get one")
    start = f"lxc.net.{position}"
    lines = [f"{start}.type = veth", f"{start}.veth.pair = {network.device_name(vmid, nic.index)}"]
    lines.append(f"{start}.name = {nic.name}")
    if nic.mac:
        lines.append(f"{start}.hwaddr = {nic.mac}")
    if bridge := nic.values.get("bridge"):
        lines.append(f"{start}.link = {bridge}")
    if tag := nic.values.get("tag"):
        lines.append(f"{start}.veth.vlan.id = {tag}")
    if mtu := nic.values.get("mtu"):
        lines.append(f"{start}.mtu = {mtu}")
    if not nic.flag("link_down"):
        lines.append(f"{start}.flags = up")
    if nic.flag("host-managed"):
        lines += _managed_lines(start, nic)
    return lines


def _managed_lines(start: str, nic: Nic) -> list[str]:
    """Fixed addresses that LXC sets, for containers whose own software sets none."""
    lines = []
    for family, key, router in (("ipv4", "ip", "gw"), ("ipv6", "ip6", "gw6")):
        if "/" in (address := nic.values.get(key, "")):
            lines.append(f"{start}.{family}.address = {address}")
            lines += [f"{start}.{family}.gateway = {gateway}"] if (gateway := nic.values.get(router)) else []
    return lines
