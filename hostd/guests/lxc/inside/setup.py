"""The set-up of a container's files, first and at each change; twice does the same as once."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from hostd.guests.lxc.inside import (
    accounts,
    gettys,
    hostkeys,
    identity,
    ifcfg_redhat,
    inittab,
    networks,
    redhat,
    upstart,
)
from hostd.guests.lxc.inside.detect import ELF_HEADER_BYTES, UNMANAGED, Distribution, architecture, distribution
from hostd.guests.lxc.inside.job import Job, Report
from hostd.guests.lxc.inside.networks import Kind
from hostd.guests.lxc.inside.tree import Tree

_HOST_UNITS = ("sys-kernel-config.mount", "sys-kernel-debug.mount", "systemd-modules-load.service")
_INITTABS = {
    "debian": inittab.rewrite,
    "devuan": inittab.rewrite,
    "ubuntu": inittab.rewrite,
    "alpine": inittab.rewrite_busybox,
    "gentoo": inittab.rewrite_gentoo,
}


def random_uuid() -> str:
    return str(uuid.uuid4())


def apply(tree: Tree, job: Job, new_uuid: Callable[[], str] = random_uuid) -> Report:
    """Do a job. What the distribution gives no way to set becomes a warning."""
    found = distribution(tree, job.ostype)
    warnings: list[str] = []
    if found.name != UNMANAGED:
        networks.write(tree, job, found, new_uuid)
        set_names(tree, job, found)
        if job.timezone:
            warnings.append(identity.set_timezone(tree, job.timezone))
        set_terminals(tree, job, found)
    if found.name != UNMANAGED and (job.first or job.copied):
        identity.forget_machine_id(tree)
        hostkeys.renew(tree, identity.name_of(job))
    if found.name != UNMANAGED and job.first:
        begin(tree, found)
    if job.first:
        if job.password_hash:
            warnings.append(accounts.set_password(tree, job.password_hash, job.today_days))
        if job.ssh_keys.strip():
            accounts.authorize_keys(tree, job.ssh_keys)
    header = tree.head("bin/sh", ELF_HEADER_BYTES) or tree.head("sbin/init", ELF_HEADER_BYTES)
    return Report(ostype=found.name, arch=architecture(header), warnings=tuple(w for w in warnings if w))


def set_names(tree: Tree, job: Job, found: Distribution) -> None:
    """Host name and resolver, also in the further places where a distribution keeps the name."""
    identity.set_names(tree, job, full=found.name in ("centos", "fedora"))
    name = identity.name_of(job)
    short = name.partition(".")[0]
    if found.name in ("centos", "fedora") and (text := tree.read(ifcfg_redhat.NETWORK)) is not None:
        tree.write(ifcfg_redhat.NETWORK, ifcfg_redhat.set_variable(text, "HOSTNAME", name))
    if found.name == "gentoo" and (text := tree.read("etc/conf.d/hostname")) is not None:
        tree.write("etc/conf.d/hostname", ifcfg_redhat.set_variable(text, "hostname", f'"{short}"'))
    if found.name == "opensuse" and not tree.is_link("etc/HOSTNAME") and tree.read("etc/HOSTNAME") is not None:
        tree.write("etc/HOSTNAME", f"{short}\n")


def set_terminals(tree: Tree, job: Job, found: Distribution) -> None:
    """A log-in on each terminal, in the words of the container's init."""
    rewrite = _INITTABS.get(found.name)
    if rewrite and (table := tree.read(inittab.PATH)) is not None:
        tree.write(inittab.PATH, rewrite(table, job.ttys))
    if tree.is_dir(upstart.FOLDER) and uses_upstart(found):
        upstart.write(tree, job.ttys, "/sbin/mingetty" if found.name == "centos" else "/sbin/getty -8 38400")
    gettys.start_gettys(tree, job.ttys)
    gettys.allow_root(tree)


def uses_upstart(found: Distribution) -> bool:
    """RHEL 6 and Ubuntu before 15.04; later ones keep the folder for packages that still bring jobs."""
    last = {"centos": (7,), "ubuntu": (15, 4)}.get(found.name)
    return last is not None and not found.at_least(*last)


def begin(tree: Tree, found: Distribution) -> None:
    """What is done once: an identity of its own, nothing started that a container can only fail at."""
    presets = found.name == "fedora" or (found.name == "centos" and found.at_least(8))
    identity.forget_machine_id(tree, first_boot=presets)
    mask_units(tree)
    if presets:
        networked = networks.kind_of(tree, found) is Kind.NETWORKD
        gettys.write_presets(tree, {"systemd-networkd.service": True} if networked else {})
    if found.name in ("centos", "fedora"):
        redhat.fit(tree, found)


def mask_units(tree: Tree) -> None:
    """Units of systemd that a container can only fail at: they mount or load what is the host's alone."""
    for unit in _HOST_UNITS:
        place = f"etc/systemd/system/{unit}"
        known = tree.read(f"usr/lib/systemd/system/{unit}") or tree.read(f"lib/systemd/system/{unit}")
        if known and not tree.is_link(place) and tree.read(place) is None:
            tree.link(place, "/dev/null")
