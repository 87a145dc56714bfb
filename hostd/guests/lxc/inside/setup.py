"""The set-up of a container's files, first and at each change; twice does the same as once."""

from __future__ import annotations

from hostd.guests.lxc.inside import accounts, identity, ifupdown, inittab, networkd
from hostd.guests.lxc.inside.detect import ELF_HEADER_BYTES, UNMANAGED, Distribution, architecture, distribution
from hostd.guests.lxc.inside.ifupdown import Dialect
from hostd.guests.lxc.inside.job import Job, Report
from hostd.guests.lxc.inside.tree import Tree

_DEBIAN_LIKE = ("debian", "devuan", "ubuntu")
_HOST_UNITS = ("sys-kernel-config.mount", "sys-kernel-debug.mount", "systemd-modules-load.service")


def apply(tree: Tree, job: Job) -> Report:
    """Do a job. What the distribution gives no way to set becomes a warning."""
    found = distribution(tree, job.ostype)
    warnings: list[str] = []
    if found.name != UNMANAGED:
        identity.set_names(tree, job)
        warnings += set_network(tree, job, found)
        if job.timezone:
            warnings.append(identity.set_timezone(tree, job.timezone))
        if found.name in _DEBIAN_LIKE and (table := tree.read(inittab.PATH)) is not None:
            tree.write(inittab.PATH, inittab.rewrite(table, job.ttys))
    if job.first:
        if found.name != UNMANAGED:
            identity.forget_machine_id(tree)
            mask_units(tree)
        if job.password_hash:
            warnings.append(accounts.set_password(tree, job.password_hash, job.today_days))
        if job.ssh_keys.strip():
            accounts.authorize_keys(tree, job.ssh_keys)
    header = tree.head("bin/sh", ELF_HEADER_BYTES) or tree.head("sbin/init", ELF_HEADER_BYTES)
    return Report(ostype=found.name, arch=architecture(header), warnings=tuple(w for w in warnings if w))


def mask_units(tree: Tree) -> None:
    """Units of systemd that a container can only fail at: they mount or load what is the host's alone."""
    for unit in _HOST_UNITS:
        place = f"etc/systemd/system/{unit}"
        known = tree.read(f"usr/lib/systemd/system/{unit}") or tree.read(f"lib/systemd/system/{unit}")
        if known and not tree.is_link(place) and tree.read(place) is None:
            tree.link(place, "/dev/null")


def set_network(tree: Tree, job: Job, found: Distribution) -> list[str]:
    """Addresses in the files of the distribution's own network software; a warning where we do not know it."""
    cards = [nic for nic in job.nics if nic.values.get("ip") or nic.values.get("ip6")]
    if not cards:
        return []
    if uses_networkd(tree, found):
        for nic in cards:
            tree.write(networkd.path(nic), networkd.text(nic))
        enable_networkd(tree)
        return []
    if found.name in (*_DEBIAN_LIKE, "alpine"):
        text = tree.read(ifupdown.PATH) or ""
        tree.write(ifupdown.PATH, ifupdown.rewrite(text, cards, dialect(found)))
        return []
    return [f"addresses inside the container are not set: the network files of '{found.name}' are not known yet"]


def dialect(found: Distribution) -> Dialect:
    """ifupdown knows prefixes since Debian 10; busybox's, of Alpine, since 3.13 or so, and no IPv6 methods."""
    if found.name == "alpine":
        return Dialect(cidr=found.at_least(3, 13), inet6_methods=False)
    first = {"debian": (10,), "devuan": (3,), "ubuntu": (17, 10)}[found.name]
    return Dialect(cidr=found.at_least(*first))


def uses_networkd(tree: Tree, found: Distribution) -> bool:
    """Fedora, Arch and Ubuntu since 17.10 do; Debian where ifupdown is not installed."""
    if found.name in ("fedora", "archlinux"):
        return True
    if found.name == "ubuntu" and found.at_least(17, 10):
        return True
    ifup = tree.head("usr/sbin/ifup", 1) or tree.head("sbin/ifup", 1)
    program = tree.head("usr/lib/systemd/systemd-networkd", 1) or tree.head("lib/systemd/systemd-networkd", 1)
    return found.name == "debian" and not ifup and bool(program)


def enable_networkd(tree: Tree) -> None:
    """As ``systemctl enable`` would, where the unit is and is not enabled yet."""
    wanted = f"etc/systemd/system/multi-user.target.wants/{networkd.UNIT}"
    unit = f"usr/lib/systemd/system/{networkd.UNIT}"
    if tree.read(unit) is not None and not tree.is_link(wanted):
        tree.link(wanted, f"/{unit}")
