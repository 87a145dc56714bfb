"""A machine's configuration and the node's facts to libvirt's domain definition. Pure; golden cases show the result.

Source: libvirt domain XML format; behaviour of keys as observed at the reference (conformance area ``qemu-features``).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, HostError, Invalid, Unsupported
from hostd.guests.qemu import config as keys
from hostd.guests.qemu.devices import cpu, disk, display, firmware, net
from hostd.guests.qemu.devices.xml import element, on_off
from hostd.guests.qemu.facts import MachineFacts

_QEMU_NAMESPACE: Final = "http://libvirt.org/schemas/domain/qemu/1.0"
_PERIOD_US: Final = 100_000
_STATS_PERIOD_S: Final = 2
_HYPERV: Final = ("relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "reset", "tlbflush", "ipi")


def domain_name(vmid: int) -> str:
    """libvirt's name of a guest. Not the bare number: virsh would take that for libvirt's own running number."""
    return f"vm-{vmid}"


def vmid_of(name: str) -> int | None:
    """The guest behind a domain's name, or None for a domain that is not ours."""
    number = name.removeprefix("vm-")
    return int(number) if number != name and number.isdecimal() else None


def domain_xml(config: Mapping[str, str], facts: MachineFacts) -> Element:
    """``<domain>`` for a machine.

    ``config`` is the current section of its file. Raises Invalid, Conflict or Unsupported, naming the key, when it
    cannot be started as it says.
    """
    config = keys.with_old_names(config)
    if errors := keys.OPTIONS.errors({k: v for k, v in config.items() if k != "description"}):
        raise Invalid(errors, f"configuration of VM {facts.vmid}: {'; '.join(f'{k}: {v}' for k, v in errors.items())}")
    keys.refuse_what_we_cannot(config)
    kvm = config.get("kvm", "1") == "1" and facts.kvm
    uuid = firmware.machine_uuid(facts.vmid, config)
    top = cpu.topology(config)
    drives, cards = disk.disks(config), net.nics(config)
    scsihw, q35 = config.get("scsihw", "lsi"), firmware.is_q35(config)
    memory = keys.memory_mib(config)
    threads = disk.iothreads(drives, scsihw)
    return element(
        "domain",
        element("name", text=domain_name(facts.vmid)),
        element("uuid", text=uuid.lower()),
        _generation(config),
        element("title", text=config.get("name", keys.default_name(facts.vmid))),
        element("memory", text=memory, unit="MiB"),
        element("currentMemory", text=memory, unit="MiB"),
        element("vcpu", text=top.most, placement="static", current=top.online if top.online != top.most else None),
        element("iothreads", text=len(threads)) if threads else None,
        element("iothreadids", *(element("iothread", id=n) for n in threads)) if threads else None,
        _cputune(config),
        firmware.sysinfo_element(config, uuid),
        firmware.os_element(config, facts.arch, facts.sources),
        _features(config, kvm),
        cpu.cpu_element(config, kvm=kvm),
        _clock(config, kvm),
        element("on_poweroff", text="destroy"),
        element("on_reboot", text="restart" if config.get("reboot", "1") == "1" else "destroy"),
        element("on_crash", text="destroy"),
        element("pm", element("suspend-to-mem", enabled="no"), element("suspend-to-disk", enabled="no")),
        element(
            "devices",
            element("emulator", text=facts.emulator),
            *_disks(config, facts, drives, cards, q35=q35, scsihw=scsihw),
            *disk.controller_elements(drives, q35=q35, scsihw=scsihw),
            *_usb(config, q35),
            *_nics(config, facts, drives, cards),
            *display.serial_elements(config, facts.sockets),
            *_agent(config),
            *display.input_elements(config),
            *display.display_elements(config, facts.sockets),
            _balloon(config),
        ),
        _arguments(config),
        type_="kvm" if kvm else "qemu",
    )


def to_text(root: Element) -> str:
    """Indented XML with a final newline."""
    ElementTree.register_namespace("qemu", _QEMU_NAMESPACE)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _generation(config: Mapping[str, str]) -> Element | None:
    value = config.get("vmgenid", "0")
    return element("genid", text=value.lower()) if value not in ("0", "1") else None


def _cputune(config: Mapping[str, str]) -> Element | None:
    limit = float(config.get("cpulimit", "0"))
    shares = element("shares", text=config["cpuunits"]) if "cpuunits" in config else None
    period = element("global_period", text=_PERIOD_US) if limit else None
    quota = element("global_quota", text=int(limit * _PERIOD_US)) if limit else None
    return element("cputune", shares, period, quota) if limit or shares is not None else None


def _features(config: Mapping[str, str], kvm: bool) -> Element:
    secure = "efidisk0" in config and firmware.efi_firmware(firmware.parse_efidisk(config["efidisk0"])).secure_boot
    return element(
        "features",
        element("acpi") if config.get("acpi", "1") == "1" else None,
        element("apic"),
        _hyperv() if kvm and display.is_windows(config) else None,
        element("smm", state="on") if secure and config.get("bios") == "ovmf" else None,
    )


def _hyperv() -> Element:
    """What Windows looks for under a hypervisor; only KVM has it."""
    rows = [element(name, state=on_off(True)) for name in _HYPERV]
    return element("hyperv", *rows, element("spinlocks", state="on", retries=0x1FFF), mode="custom")


def _clock(config: Mapping[str, str], kvm: bool) -> Element:
    windows = display.is_windows(config)
    return element(
        "clock",
        element("timer", name="rtc", tickpolicy="catchup") if windows else None,
        element("timer", name="pit", tickpolicy="discard" if windows and kvm else "delay"),
        element("timer", name="hpet", present="no"),
        element("timer", name="hypervclock", present="yes") if windows and kvm else None,
        offset="localtime" if display.local_time(config) else "utc",
    )


def _boot_places(config: Mapping[str, str], drives: list[disk.Disk], cards: list[net.Nic]) -> dict[str, int]:
    order = firmware.boot_order(config, drives, cards)
    return {name: place for place, name in enumerate(dict.fromkeys(order), 1)}


def _disks(
    config: Mapping[str, str],
    facts: MachineFacts,
    drives: list[disk.Disk],
    cards: list[net.Nic],
    *,
    q35: bool,
    scsihw: str,
) -> list[Element]:
    places = _boot_places(config, drives, cards)
    found = []
    for drive in drives:
        if drive.file == "cdrom":
            raise Conflict(f"{drive.slot}: the host's own CD drive cannot be used; choose an ISO image or none")
        if drive.file.startswith("/"):
            raise Unsupported(f"{drive.slot}: paths of the host are not supported yet; use a volume of a storage")
        source = None if drive.file == "none" else facts.sources.get(drive.file)
        if drive.file != "none" and source is None:
            raise HostError(f"{drive.slot}: nothing is known of '{drive.file}'")  # the caller has left it out
        found.append(disk.disk_element(drive, source, boot=places.get(drive.slot), q35=q35, scsihw=scsihw))
    return found


def _nics(
    config: Mapping[str, str], facts: MachineFacts, drives: list[disk.Disk], cards: list[net.Nic]
) -> list[Element]:
    places = _boot_places(config, drives, cards)
    mtus = facts.bridge_mtus
    return [
        net.nic_element(card, facts.vmid, boot=places.get(card.key), bridge_mtu=mtus.get(card.values.get("bridge", "")))
        for card in cards
    ]


def _usb(config: Mapping[str, str], q35: bool) -> list[Element]:
    """One controller for the tablet."""
    if config.get("tablet", "1") != "1":
        return [element("controller", type_="usb", model="none")]
    return [element("controller", type_="usb", index=0, model="qemu-xhci" if q35 else "piix3-uhci")]


def _agent(config: Mapping[str, str]) -> list[Element]:
    if not keys.agent_enabled(config):
        return []
    target = element("target", type_="virtio", name="org.qemu.guest_agent.0")
    return [element("channel", element("source", mode="bind"), target, type_="unix")]


def _balloon(config: Mapping[str, str]) -> Element:
    if config.get("balloon") == "0":
        return element("memballoon", model="none")
    stats = element("stats", period=_STATS_PERIOD_S)
    return element("memballoon", stats, model="virtio", freePageReporting="on")


def _arguments(config: Mapping[str, str]) -> Element | None:
    """``args`` as QEMU arguments, split as a shell would."""
    if not config.get("args"):
        return None
    try:
        words = shlex.split(config["args"])
    except ValueError as err:
        raise Invalid({"args": f"cannot be split into words: {err}"}) from err
    rows = [Element(f"{{{_QEMU_NAMESPACE}}}arg", {"value": word}) for word in words]
    commandline = Element(f"{{{_QEMU_NAMESPACE}}}commandline")
    commandline.extend(rows)
    return commandline
