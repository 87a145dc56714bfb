"""Answers + machine -> Target: which disks, which NIC, which names and sizes. Still nothing about partitions."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostd.core.errors import Conflict, HostError, Invalid
from installer.addresses import Address, Interface
from installer.answer_file import AnswerError, Problem
from installer.answers import Answers, Filesystem, FqdnFromDhcp, RaidLevel
from installer.disk_rules import check_disk_count
from installer.hostname import Fqdn
from installer.locales import Locales
from installer.machine import Disk, Machine, NetworkFacts, Nic, find_disk
from installer.network_defaults import default_fqdn, network_defaults
from installer.nic_names import check_pin_map

PIN_PREFIX = "nic"
DEFAULT_HOST = "pve"


@dataclass(frozen=True, kw_only=True)
class NetworkChoice:
    """The management network. ``nic_name`` is the interface's name on the installed system.

    ``pins`` maps MAC -> name for every NIC (empty: names are not asked to be pinned). With ``dhcp`` the installed
    system asks DHCP; address, gateway and name server are then what is known today.
    """

    nic: str
    nic_name: str
    dhcp: bool
    address: Interface
    gateway: Address
    dns: Address
    pins: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is going to be installed, on this machine: the answers with every choice made.

    ``disks`` in the machine's order; ``hdsize_gib`` is the part of each disk to use, ``whole_disk`` that nobody asked
    for less than all of it.
    """

    answers: Answers
    fqdn: Fqdn
    network: NetworkChoice
    filesystem: Filesystem
    raid: RaidLevel | None
    disks: tuple[Disk, ...]
    hdsize_gib: float
    whole_disk: bool


def matches(udev: Mapping[str, str], filters: Mapping[str, str], *, match_all: bool) -> bool:
    """Whether udev properties match patterns (``*``, ``?``, ``[…]``; case counts): all of them, or at least one."""
    hits = (key in udev and fnmatch.fnmatchcase(udev[key], pattern) for key, pattern in filters.items())
    return all(hits) if match_all else any(hits)


def resolve(machine: Machine, answers: Answers, locales: Locales) -> Target:
    """Make every choice the answers leave to the machine. Raises AnswerError with all problems, key and line named."""
    problems = _locale_problems(answers, locales)
    disks: tuple[Disk, ...] = ()
    network: NetworkChoice | None = None
    fqdn: Fqdn | None = None
    try:
        disks = choose_disks(machine.disks, answers)
    except AnswerError as err:
        problems += err.problems
    try:
        network = choose_network(machine.network, answers)
    except AnswerError as err:
        problems += err.problems
    try:
        fqdn = choose_fqdn(machine.network, answers)
    except AnswerError as err:
        problems += err.problems
    if problems or network is None or fqdn is None:
        raise AnswerError(problems)
    asked = answers.lvm.hdsize_gib if answers.filesystem.on_lvm else None
    if answers.filesystem is Filesystem.ZFS:
        asked = answers.zfs.hdsize_gib
    elif answers.filesystem is Filesystem.BTRFS:
        asked = answers.btrfs.hdsize_gib
    return Target(
        answers=answers,
        fqdn=fqdn,
        network=network,
        filesystem=answers.filesystem,
        raid=answers.raid,
        disks=disks,
        hdsize_gib=asked or disks[0].size_gib,
        whole_disk=asked is None,
    )


def _locale_problems(answers: Answers, locales: Locales) -> list[Problem]:
    problems = []
    for key, value, known in (
        ("country", answers.country, locales.countries),
        ("timezone", answers.timezone, locales.zones | {"UTC"}),
        ("keyboard", answers.keyboard, locales.keymaps),
    ):
        if value not in known:
            listed = f"; known are {', '.join(sorted(known))}" if len(known) < 50 else ""
            problems.append(answers.problem(f"global.{key}", f"'{value}' is not known here{listed}"))
    return problems


def choose_disks(disks: Sequence[Disk], answers: Answers) -> tuple[Disk, ...]:
    """The disks to install to, in the machine's order; on LVM the first one that matches.

    The disk with the live system is never chosen: named it is an error, matched by a filter it is passed over.
    Raises AnswerError.
    """
    choice = answers.disks
    key = "disk-setup.disk-list" if choice.names else "disk-setup.filter"
    found: list[Disk] = []
    if choice.names:
        for name in choice.names:
            disk = find_disk(disks, name)
            if disk is None:
                known = ", ".join(d.name for d in disks if not d.live) or "none"
                raise AnswerError([answers.problem(key, f"there is no disk '{name}' here; found: {known}")])
            if disk.live:
                raise AnswerError([answers.problem(key, f"'{name}' holds the installation medium")])
            found.append(disk)
        found.sort(key=list(disks).index)
    else:
        found = [d for d in disks if not d.live and matches(d.udev, choice.filters, match_all=choice.match_all)]
        if not found:
            raise AnswerError([answers.problem(key, "no disk of this machine matches")])
    if answers.raid is None:
        return tuple(found[:1])
    try:
        check_disk_count(answers.raid, found)
    except Conflict as err:
        raise AnswerError([answers.problem(key, str(err))]) from err
    return tuple(found)


def choose_network(facts: NetworkFacts, answers: Answers) -> NetworkChoice:
    """The management NIC, its address, and the names of all NICs. Raises AnswerError."""
    static = answers.network
    if static is None:
        known = network_defaults(facts, host=DEFAULT_HOST)
        name, address, gateway, dns = known.ifname, known.address, known.gateway, known.dns_server
        if not name:
            raise AnswerError([answers.problem("network.source", "this machine has no network interface")])
    else:
        name = _matching_nic(facts.nics, static.filters, answers).name
        address, gateway, dns = static.address, static.gateway, static.dns
    pins = pinned_names(facts.nics, answers) if answers.pin_names else {}
    nic = facts.nic(name)
    return NetworkChoice(
        nic=name,
        nic_name=pins.get(nic.mac.lower(), name) if nic else name,
        dhcp=static is None,
        address=address,
        gateway=gateway,
        dns=dns,
        pins=pins,
    )


def _matching_nic(nics: Sequence[Nic], filters: Mapping[str, str], answers: Answers) -> Nic:
    for nic in sorted(nics, key=lambda n: n.name):
        if matches(nic.udev, filters, match_all=False):
            return nic
    raise AnswerError([answers.problem("network.filter", "no network interface of this machine matches")])


def pinned_names(nics: Sequence[Nic], answers: Answers) -> dict[str, str]:
    """MAC -> name for every NIC: the one of the mapping, else ``nic`` and the NIC's number.

    MACs of the mapping that are not in this machine are passed over, so that one file can serve many machines.
    Raises AnswerError where a name would come twice.
    """
    names = {nic.mac.lower(): answers.pin_map.get(nic.mac.lower(), f"{PIN_PREFIX}{nic.number}") for nic in nics}
    try:
        check_pin_map(names)
    except Invalid as err:
        key = "network.interface-name-pinning.mapping"
        raise AnswerError([answers.problem(key, text) for text in err.errors.values()]) from err
    return names


def choose_fqdn(facts: NetworkFacts, answers: Answers) -> Fqdn:
    """The full host name; from DHCP only if it gave enough to make one. Raises AnswerError."""
    if not isinstance(answers.fqdn, FqdnFromDhcp):
        return answers.fqdn
    complete = "." in facts.dhcp_hostname
    if not facts.dhcp_hostname:
        raise AnswerError([answers.problem("global.fqdn", "the DHCP answer has no host name")])
    if not (complete or answers.fqdn.domain or facts.dns_domain):
        raise AnswerError([answers.problem("global.fqdn", "the DHCP answer has no domain; add fqdn.domain")])
    return default_fqdn(facts, host=DEFAULT_HOST, default_domain=answers.fqdn.domain)


def explain(error: HostError) -> str:
    """One line per problem, for a console."""
    if isinstance(error, AnswerError):
        return "\n".join(str(problem) for problem in error.problems)
    return str(error)
