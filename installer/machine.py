"""Facts about the machine that is installed: plain data, saved and loaded as JSON (``examples/machines/*.json``)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hostd.core.errors import ParseError


class Firmware(StrEnum):
    BIOS = "bios"
    EFI = "efi"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A whole disk that can be written.

    ``path`` is the kernel's name (``/dev/sda``), ``by_id`` its links under ``/dev/disk/by-id`` without the folder,
    ``block_size`` the logical block size in bytes, ``udev`` its properties. ``live`` says that the running system
    comes from it.
    """

    path: str
    size_bytes: int
    block_size: int | None = 512
    model: str = ""
    serial: str = ""
    by_id: tuple[str, ...] = ()
    live: bool = False
    udev: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.removeprefix("/dev/")

    @property
    def size_gib(self) -> float:
        return self.size_bytes / 2**30

    def partition(self, number: int) -> str:
        """Kernel name of a partition: ``/dev/sda1``, but ``/dev/nvme0n1p1`` where the disk's name ends in a digit."""
        return f"{self.path}{'p' if self.path[-1].isdigit() else ''}{number}"


@dataclass(frozen=True, kw_only=True)
class Nic:
    """A physical network interface; ``addresses`` as ``ADDRESS/LENGTH``, ``number`` for a default name ``nicN``."""

    name: str
    mac: str
    index: int
    number: int = 0
    driver: str = ""
    state: str = ""
    addresses: tuple[str, ...] = ()
    udev: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A default route: the interface's name and the gateway's address."""

    dev: str
    gateway: str


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """What the network told: default routes, and from DHCP the name servers, domain and host name."""

    nics: tuple[Nic, ...] = ()
    gateway4: Route | None = None
    gateway6: Route | None = None
    dns_servers: tuple[str, ...] = ()
    dns_domain: str = ""
    dhcp_hostname: str = ""

    def nic(self, name: str) -> Nic | None:
        return next((nic for nic in self.nics if nic.name == name), None)


class Holder(StrEnum):
    """What may own a block device."""

    LVM = "lvm"
    ZFS = "zfs"
    MD = "md"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A block device that belongs to a volume group, pool or array: ``device`` is part of ``disk`` (both paths)."""

    kind: Holder
    name: str
    id: str
    device: str
    disk: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine as the installer sees it. ``cmdline`` is the kernel's command line of the live system."""

    firmware: Firmware
    secure_boot: bool = False
    memory_mib: int
    cpu_vendor: str = ""
    cmdline: str = ""
    disks: tuple[Disk, ...] = ()
    members: tuple[Member, ...] = ()
    network: NetworkFacts = NetworkFacts()


def find_disk(disks: Sequence[Disk], name: str) -> Disk | None:
    """The disk of that name: ``sda``, ``/dev/sda``, or a link name from ``/dev/disk/by-id``."""
    short = name.removeprefix("/dev/").removeprefix("disk/by-id/")
    return next((disk for disk in disks if short == disk.name or short in disk.by_id), None)


def dump_machine(machine: Machine) -> str:
    """The machine as JSON text, for ``--record-machine`` and bug reports."""
    return json.dumps(dataclasses.asdict(machine), indent=2, sort_keys=True) + "\n"


def load_machine(text: str) -> Machine:
    """Read what ``dump_machine`` wrote. Raises ParseError naming what is wrong."""
    try:
        tree = json.loads(text)
        network = dict(tree.pop("network", {}))
        network["nics"] = tuple(Nic(**_tuples(nic, "addresses")) for nic in network.pop("nics", []))
        for family in ("gateway4", "gateway6"):
            if network.get(family):
                network[family] = Route(**network[family])
        return Machine(
            firmware=Firmware(tree.pop("firmware")),
            disks=tuple(Disk(**_tuples(disk, "by_id")) for disk in tree.pop("disks", [])),
            members=tuple(Member(**{**m, "kind": Holder(m["kind"])}) for m in tree.pop("members", [])),
            network=NetworkFacts(**_tuples(network, "dns_servers")),
            **tree,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise ParseError(f"not a recorded machine: {err}") from err


def _tuples(tree: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A copy of ``tree`` with the lists at ``names`` as tuples."""
    return {key: tuple(value) if key in names else value for key, value in tree.items()}
