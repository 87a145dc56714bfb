"""Which changes of a configuration reach a running machine at once, and by which steps; the rest waits. Pure.

A device is compared as libvirt would be told of it: the definition of the running configuration beside that of the
wanted one, in which only what can be plugged has changed. ``plugging`` does the steps.

``hotplug`` in the configuration says what the guest is up to (``network,disk,usb`` unless it says otherwise; ``cpu`` on
demand). Memory is changed by the balloon, here where ``shares`` is 0; more than the machine was started with waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hostd.guests.qemu import config as keys
from hostd.guests.qemu.devices import cpu, disk, net
from hostd.guests.qemu.domain_xml import domain_xml
from hostd.guests.qemu.facts import MachineFacts

DEFAULT_FEATURES: Final = "network,disk,usb"
_PLUGGED: Final = re.compile(r"(net|usb|ide|sata|scsi|virtio)\d+")
_BUSES: Final = ("scsi", "virtio")
_SCSI_HARDWARE: Final = ("virtio-scsi-pci", "virtio-scsi-single", "pvscsi")
# Parts of a drive that the running machine does not know of.
_NOTES: Final = frozenset({"size", "backup", "replicate", "shared", "format"})
# Parts of a card that libvirt changes on a running machine.
_CARD_LIVE: Final = frozenset({"bridge", "tag", "trunks", "rate", "link_down", "firewall"})
_SCHEDULER: Final = ("cpulimit", "cpuunits")
_PERIOD_US: Final = 100_000
_DEFAULT_SHARES: Final = 100
_MOST_SHARES: Final = 10_000


class Kind(StrEnum):
    """What a step does to the running domain."""

    ATTACH = "attach"
    DETACH = "detach"
    UPDATE = "update"
    MEDIUM = "medium"
    DISK_LIMITS = "disk-limits"
    PROCESSORS = "processors"
    BALLOON = "balloon"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, kw_only=True)
class Step:
    """``key``: whose value counts once the step is done. ``xml``, ``alias``: of a device. ``iothread``: must be there
    before the device, 0: none. ``values``: numbers by libvirt's names (bytes, microseconds, processors, MiB)."""

    kind: Kind
    key: str
    xml: str = ""
    alias: str = ""
    iothread: int = 0
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``now``: steps in order. ``settled``: keys that count at once and need no step. ``pending``: keys that wait."""

    now: tuple[Step, ...] = ()
    settled: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()


def is_live(key: str) -> bool:
    """Whether a change of the key never touches the machine."""
    option = keys.OPTIONS.get(key)
    return key == "description" or key.startswith("unused") or (option is not None and option.live)


def features(config: Mapping[str, str]) -> frozenset[str]:
    """What may be plugged: ``0`` nothing, ``1`` or no value the usual."""
    text = config.get("hotplug", "1")
    if text in ("0", ""):
        return frozenset()
    return frozenset((DEFAULT_FEATURES if text == "1" else text).split(","))


def plan(running: Mapping[str, str], wanted: Mapping[str, str], facts: MachineFacts) -> Plan:
    """From the configuration that the machine runs with to the one that is wanted.

    ``facts``: with the sources of the volumes of both. What cannot be told to libvirt raises as ``domain_xml`` does.
    A plan for two equal configurations is empty.
    """
    changed = sorted(k for k in {*running, *wanted} if running.get(k) != wanted.get(k))
    now: list[Step] = []
    settled: set[str] = set()
    pending: set[str] = set()
    touched = [key for key in changed if _PLUGGED.fullmatch(key)]
    devices = _Devices(running, wanted, touched, facts) if touched else None
    may = features(wanted)
    for key in changed:
        if is_live(key) or key in ("hotplug", "hookscript"):
            settled.add(key)
        elif devices is not None and key in touched:
            steps = _device(key, running, wanted, devices, may)
            if steps is None:
                pending.add(key)
            elif not steps:
                settled.add(key)
            else:
                now += steps
        elif key in _SCHEDULER:
            if not any(step.kind is Kind.SCHEDULER for step in now):
                now.append(_scheduler(key, wanted))
            else:
                settled.add(key)
        elif key == "shares" or (key == "balloon" and _has_balloon(running) and _has_balloon(wanted)):
            if _moved_by_hand(wanted) and not any(step.kind is Kind.BALLOON for step in now):
                now.append(_balloon(key, running, wanted))
            else:
                settled.add(key)
        elif step := _number(key, running, wanted, may):
            now.append(step)
        else:
            pending.add(key)
    now.sort(key=lambda step: step.kind is not Kind.DETACH)  # what goes makes room for what comes
    return Plan(now=tuple(now), settled=frozenset(settled), pending=frozenset(pending))


def _scheduler(key: str, wanted: Mapping[str, str]) -> Step:
    """Weight and limit of processor time; no limit is a quota of -1."""
    limit = float(wanted.get("cpulimit", "0"))
    quota = int(limit * _PERIOD_US) if limit else -1
    shares = min(int(wanted.get("cpuunits", _DEFAULT_SHARES)), _MOST_SHARES)
    values = {"cpu_shares": shares, "global_period": _PERIOD_US, "global_quota": quota}
    return Step(kind=Kind.SCHEDULER, key=key, values=values)


def _has_balloon(config: Mapping[str, str]) -> bool:
    return config.get("balloon") != "0"


def _moved_by_hand(config: Mapping[str, str]) -> bool:
    """With shares the node moves the balloon (``ballooning``), from where it is."""
    return _has_balloon(config) and not keys.shares(config)


def _balloon(key: str, running: Mapping[str, str], wanted: Mapping[str, str]) -> Step:
    least = min(keys.balloon_mib(wanted), keys.memory_mib(running))
    return Step(kind=Kind.BALLOON, key=key, values={"memory_mib": least})


def _number(key: str, running: Mapping[str, str], wanted: Mapping[str, str], may: frozenset[str]) -> Step | None:
    if key == "vcpus" and "cpu" in may:
        online = cpu.topology({**running, "vcpus": wanted.get("vcpus", "")}).online
        return Step(kind=Kind.PROCESSORS, key=key, values={"vcpus": online})
    return None


class _Devices:
    """The devices of both configurations by alias, and controllers by type and number."""

    def __init__(
        self, running: Mapping[str, str], wanted: Mapping[str, str], touched: list[str], facts: MachineFacts
    ) -> None:
        mixed = {k: v for k, v in running.items() if k not in touched} | {k: wanted[k] for k in touched if k in wanted}
        self.before, self.after = domain_xml(running, facts), domain_xml(mixed, facts)

    @staticmethod
    def find(root: Element, key: str) -> Element | None:
        found = (d for d in root.iterfind("devices/*") if _alias(d) == f"ua-{key}")
        return next(found, None)

    def new_controllers(self, device: Element) -> list[Element]:
        """Controllers that a drive needs and the running machine does not have."""
        address = device.find("address")
        if device.tag != "disk" or address is None or address.get("type") != "drive":
            return []
        path = f"devices/controller[@type='scsi'][@index='{address.get('controller')}']"
        found = self.after.find(path)
        return [found] if found is not None and self.before.find(path) is None else []

    def same_bridges(self) -> bool:
        """Whether no bus would have to be added, which no running machine can."""
        count = "devices/controller[@type='pci']"
        return len(self.before.findall(count)) >= len(self.after.findall(count))


def _alias(device: Element) -> str:
    alias = device.find("alias")
    return "" if alias is None else alias.get("name", "")


def _text(device: Element) -> str:
    return ElementTree.tostring(device, encoding="unicode")


def _device(
    key: str, running: Mapping[str, str], wanted: Mapping[str, str], devices: _Devices, may: frozenset[str]
) -> list[Step] | None:
    """Steps for one device; none when the machine does not notice, None when it must wait."""
    before, after = devices.find(devices.before, key), devices.find(devices.after, key)
    if before is not None and after is not None and _text(before) == _text(after):
        return []
    if key.startswith("net"):
        return _card(key, running, wanted, before, after) if "network" in may else None
    if key.startswith("usb"):
        return _replace(key, before, after, []) if "usb" in may and _has_usb(key, wanted, devices) else None
    return _drive(key, running, wanted, devices, may, before, after)


def _has_usb(key: str, wanted: Mapping[str, str], devices: _Devices) -> bool:
    path = "devices/controller[@type='usb']"
    return key not in wanted or len(devices.before.findall(path)) >= len(devices.after.findall(path))


def _replace(key: str, before: Element | None, after: Element | None, controllers: list[Element]) -> list[Step]:
    steps = []
    if before is not None:
        steps.append(Step(kind=Kind.DETACH, key=key, xml=_text(before), alias=_alias(before)))
    steps += [
        Step(kind=Kind.ATTACH, key=key, xml=_text(controller), iothread=_thread(controller))
        for controller in controllers
    ]
    if after is not None:
        steps.append(Step(kind=Kind.ATTACH, key=key, xml=_text(after), alias=_alias(after), iothread=_thread(after)))
    return steps


def _thread(device: Element) -> int:
    driver = device.find("driver")
    return 0 if driver is None else int(driver.get("iothread", "0"))


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {k for k in {*before, *after} if before.get(k) != after.get(k)}


def _card(
    key: str,
    running: Mapping[str, str],
    wanted: Mapping[str, str],
    before: Element | None,
    after: Element | None,
) -> list[Step]:
    """A card is changed where it is as long as the guest sees the same one."""
    if before is not None and after is not None:
        old, new = net.parse_nic(key, running[key]), net.parse_nic(key, wanted[key])
        same_mtu = _attribute(before, "mtu", "size") == _attribute(after, "mtu", "size")
        if same_mtu and _differing(old.values, new.values) <= _CARD_LIVE:
            return [Step(kind=Kind.UPDATE, key=key, xml=_text(after), alias=_alias(after))]
    return _replace(key, before, after, [])


def _attribute(device: Element, tag: str, name: str) -> str | None:
    found = device.find(tag)
    return None if found is None else found.get(name)


def _drive(
    key: str,
    running: Mapping[str, str],
    wanted: Mapping[str, str],
    devices: _Devices,
    may: frozenset[str],
    before: Element | None,
    after: Element | None,
) -> list[Step] | None:
    old = disk.parse_disk(key, running[key]) if key in running else None
    new = disk.parse_disk(key, wanted[key]) if key in wanted else None
    if new is not None and new.not_given:
        return None
    if old is not None and new is not None and after is not None:
        differing = _differing(old.values, new.values) - _NOTES
        if old.is_cdrom and new.is_cdrom and differing <= {"file"}:
            return [Step(kind=Kind.MEDIUM, key=key, xml=_text(after), alias=_alias(after))]
        if differing and all(name in disk.LIMITS for name in differing):
            return [Step(kind=Kind.DISK_LIMITS, key=key, alias=_alias(after), values=disk.limits(new))]
        if "file" not in differing:
            return None
    pluggable = next(d.bus for d in (new, old) if d is not None) in _BUSES
    if old is not None and new is None and old.bus == "scsi" and running.get("scsihw", "lsi") not in _SCSI_HARDWARE:
        pluggable = False
    if new is not None and new.bus == "scsi" and wanted.get("scsihw", "lsi") not in _SCSI_HARDWARE:
        pluggable = False
    if "disk" not in may or not pluggable or not devices.same_bridges():
        return None
    return _replace(key, before, after, [] if after is None else devices.new_controllers(after))


def applied(current: Mapping[str, str], wanted: Mapping[str, str], done: set[str]) -> dict[str, str]:
    """The running configuration with the values of ``done`` keys as they are wanted."""
    kept = {k: v for k, v in current.items() if k not in done}
    return kept | {k: wanted[k] for k in done if k in wanted}
