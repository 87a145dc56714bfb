"""Which kind of network files a container's system has, and the cards written in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, assert_never

from hostd.guests.lxc.inside import ifcfg_redhat, ifcfg_suse, ifupdown, keyfiles, netifrc, networkd, openrc
from hostd.guests.lxc.inside.detect import Distribution
from hostd.guests.lxc.inside.ifupdown import Dialect
from hostd.guests.lxc.inside.job import Job
from hostd.guests.lxc.inside.tree import Tree
from hostd.guests.lxc.nic import Nic


class Kind(StrEnum):
    """A kind of network configuration."""

    IFUPDOWN = "ifupdown"
    NETWORKD = "systemd-networkd"
    IFCFG_REDHAT = "network-scripts"
    IFCFG_SUSE = "sysconfig"
    KEYFILES = "NetworkManager"
    NETIFRC = "netifrc"


# Distribution → (from this version on, kind), newest first; its systemd-networkd is looked for where both are usual.
_KINDS: Final[Mapping[str, tuple[tuple[tuple[int, ...], Kind], ...]]] = {
    "debian": (((0,), Kind.IFUPDOWN),),
    "devuan": (((0,), Kind.IFUPDOWN),),
    "alpine": (((0,), Kind.IFUPDOWN),),
    "ubuntu": (((17, 10), Kind.NETWORKD), ((0,), Kind.IFUPDOWN)),
    "centos": (((10,), Kind.KEYFILES), ((0,), Kind.IFCFG_REDHAT)),
    "fedora": (((36,), Kind.NETWORKD), ((0,), Kind.IFCFG_REDHAT)),
    "opensuse": (((0,), Kind.IFCFG_SUSE),),
    "archlinux": (((0,), Kind.NETWORKD),),
    "nixos": (((0,), Kind.NETWORKD),),
    "gentoo": (((0,), Kind.NETIFRC),),
}
# Programs of the kinds for which a distribution's own is looked at, beside systemd-networkd.
_PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "debian": ("usr/sbin/ifup", "sbin/ifup"),
    "opensuse": ("usr/sbin/wicked", "sbin/ifup", "usr/sbin/NetworkManager"),
    "gentoo": ("sbin/openrc", "usr/bin/openrc", "sbin/openrc-run"),
}
_NETWORKD: Final = ("usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd")
# LXC's image of Ubuntu comes with it: DHCP on eth0, which would win over our file for the card.
_SAMPLE_NETPLAN: Final = "etc/netplan/10-lxc.yaml"


def kind_of(tree: Tree, found: Distribution) -> Kind:
    own = _PROGRAMS.get(found.name, ())
    if own and not _has(tree, own) and _has(tree, _NETWORKD):
        return Kind.NETWORKD
    return next(kind for version, kind in _KINDS[found.name] if found.at_least(*version))


def _has(tree: Tree, paths: tuple[str, ...]) -> bool:
    return any(tree.head(path, 1) for path in paths)


def write(tree: Tree, job: Job, found: Distribution, new_uuid: Callable[[], str]) -> None:
    """Addresses of the job's cards in the files of the distribution's own network software.

    ``new_uuid``: for files that need an id of their own.
    """
    kind = kind_of(tree, found)
    cards = [nic for nic in job.nics if nic.values.get("ip") or nic.values.get("ip6")]
    match kind:
        case Kind.IFCFG_SUSE:
            ifcfg_suse.write(tree, list(job.nics))  # a card without addresses has a file too
        case _ if not cards:
            pass
        case Kind.IFUPDOWN:
            _write_ifupdown(tree, cards, found)
        case Kind.NETWORKD:
            _write_networkd(tree, cards)
        case Kind.IFCFG_REDHAT:
            ifcfg_redhat.write(tree, job, cards, new_uuid)
        case Kind.KEYFILES:
            keyfiles.write(tree, job, cards, new_uuid)
        case Kind.NETIFRC:
            netifrc.write(tree, cards)
        case _:
            assert_never(kind)


def _write_ifupdown(tree: Tree, cards: list[Nic], found: Distribution) -> None:
    text = tree.read(ifupdown.PATH) or ""
    tree.write(ifupdown.PATH, ifupdown.rewrite(text, cards, dialect(found)))
    if found.name == "alpine":
        openrc.enable(tree, "networking", "boot")


def dialect(found: Distribution) -> Dialect:
    """ifupdown knows prefixes since Debian 10; busybox's, of Alpine, since 3.13 or so, and no IPv6 methods."""
    if found.name == "alpine":
        return Dialect(cidr=found.at_least(3, 13), inet6_methods=False)
    first = {"debian": (10,), "devuan": (3,), "ubuntu": (17, 10)}[found.name]
    return Dialect(cidr=found.at_least(*first))


def _write_networkd(tree: Tree, cards: list[Nic]) -> None:
    for nic in cards:
        tree.write(networkd.path(nic), networkd.text(nic))
    networkd.enable(tree)
    tree.unlink(_SAMPLE_NETPLAN)
