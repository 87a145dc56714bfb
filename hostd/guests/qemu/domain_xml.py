"""A machine's configuration and the node's facts to libvirt's domain definition. Pure; golden cases show the result.

Source: libvirt domain XML format; behaviour of keys as observed at the reference (conformance area ``qemu-features``).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, HostError, Invalid
from hostd.guests.qemu import config as keys
from hostd.guests.qemu.devices import cpu, disk, display, firmware, hostdevices, net, platform, slots
from hostd.guests.qemu.devices import memory as memories
from hostd.guests.qemu.devices.machine import (
    MachineType,
    iommu_element,
    machine_type,
    windows_version,
    without_hpet,
)
from hostd.guests.qemu.devices.xml import element, override_element
from hostd.guests.qemu.facts import MachineFacts

_QEMU_NAMESPACE: Final = "http://libvirt.org/schemas/domain/qemu/1.0"
_PERIOD_US: Final = 100_000
_MOST_WEIGHT: Final = 10_000  # of cgroup v2
_HYPERV_CLOCK_SINCE: Final = 6
_NEWEST_FEATURES: Final = (10, 2)
SCRATCH_FOLDER: Final = "/run/qemu-server/efidisk"
METADATA_NAMESPACE: Final = "https://holdfast.invalid/domain/1"


def domain_name(vmid: int) -> str:
    """libvirt's name of a guest. Not the bare number: virsh would take that for libvirt's own running number."""
    return f"vm-{vmid}"


def vmid_of(name: str) -> int | None:
    """The guest behind a domain's name, or None for a domain that is not ours."""
    number = name.removeprefix("vm-")
    return int(number) if number != name and number.isdecimal() else None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What several parts of the definition ask for."""

    config: Mapping[str, str]
    facts: MachineFacts
    machine: MachineType
    arch: str
    kvm: bool
    processor: cpu.Cpu
    drives: list[disk.Disk]
    cards: list[net.Nic]
    places: Mapping[str, int]
    template: bool

    @property
    def scsihw(self) -> str:
        return self.config.get("scsihw", "lsi")


def plan_of(config: Mapping[str, str], facts: MachineFacts) -> Plan:
    """The decisions on which the parts of the definition rest. Errors as ``domain_xml``."""
    config = keys.with_old_names(config)
    if errors := keys.OPTIONS.errors({k: v for k, v in config.items() if k != "description"}):
        raise Invalid(errors, f"configuration of VM {facts.vmid}: {'; '.join(f'{k}: {v}' for k, v in errors.items())}")
    template = config.get("template") == "1"
    if template:  # started only to be read, with what it writes thrown away: nobody sees it, and nothing identifies it
        config = {k: v for k, v in config.items() if k != "smbios1"}
    arch = config.get("arch", facts.arch)
    machine = machine_type(config, arch=arch, qemu=facts.qemu)
    kvm = config.get("kvm", "1") == "1" and facts.kvm and arch == facts.arch and not template
    drives, cards = disk.disks(config), net.nics(config)
    order = dict.fromkeys(firmware.boot_order(config, drives, cards))
    return Plan(
        config=config,
        facts=facts,
        machine=machine,
        arch=arch,
        kvm=kvm,
        processor=cpu.cpu_of(
            config,
            machine,
            arch=arch,
            kvm=kvm,
            host_vendor=facts.cpu_vendor,
            models=facts.cpu_models,
            newest=facts.qemu is None or facts.qemu >= _NEWEST_FEATURES,
        ),
        drives=drives,
        cards=cards,
        places={name: place for place, name in enumerate(order, 1)},
        template=template,
    )


def domain_xml(config: Mapping[str, str], facts: MachineFacts) -> Element:
    """``<domain>`` for a machine.

    ``config`` is the current section of its file. Raises Invalid, Conflict or Unsupported, naming the key, when it
    cannot be started as it says. What this node cannot give is for ``refusals`` to say: a definition can be made of it.
    """
    plan = plan_of(config, facts)
    config = plan.config
    uuid = firmware.machine_uuid(facts.vmid, config)
    top = cpu.topology(config)
    memory = keys.memory_mib(config)
    nodes = memories.cells(config, top, memory)
    threads = disk.iothreads(plan.drives, plan.scsihw)
    return element(
        "domain",
        element("name", text=domain_name(facts.vmid)),
        element("uuid", text=uuid.lower()),
        _generation(config),
        element("title", text=config.get("name", f"vm{facts.vmid}")),
        _metadata(plan.machine),
        element("memory", text=memory, unit="MiB"),
        element("currentMemory", text=memory if keys.shares(config) else keys.balloon_mib(config), unit="MiB"),
        memories.backing_element(config, memories.page_kib(config, nodes, memory)),
        element(
            "vcpu",
            text=top.most,
            placement="static",
            cpuset=config.get("affinity") or None,
            current=top.online if top.online != top.most else None,
        ),
        element("iothreads", text=len(threads)) if threads else None,
        element("iothreadids", *(element("iothread", id=n) for n in threads)) if threads else None,
        _cputune(config),
        memories.tune_element(nodes),
        firmware.sysinfo_element(config, uuid),
        firmware.os_element(config, plan.machine, plan.arch, facts.sources, scratch_variables(facts.vmid)),
        _features(plan),
        cpu.cpu_element(plan.processor, top, memories.cell_elements(nodes)),
        _clock(plan),
        element("on_poweroff", text="destroy"),
        element("on_reboot", text="restart" if config.get("reboot", "1") == "1" else "destroy"),
        element("on_crash", text="destroy"),
        platform.sleep_element(config, plan.machine),
        element("devices", *_devices(plan)),
        _arguments(plan),
        override_element(
            disk.shown_models(plan.drives) | hostdevices.shown_ids(config, facts.devices, facts.vmid), _QEMU_NAMESPACE
        ),
        type_="kvm" if plan.kvm else "qemu",
    )


def _devices(plan: Plan) -> list[Element | None]:
    config, facts, machine = plan.config, plan.facts, plan.machine
    usb = hostdevices.usb_devices(config, machine, facts.devices)
    inputs = display.input_elements(config, plan.arch)
    controllers, bus = hostdevices.usb_controllers(usb, machine, tablet=bool(inputs))
    agent = platform.agent_elements(config, machine, 0)
    spice = facts.spice and display.is_spice(config, plan.arch)
    screen = display.Screen(arch=plan.arch, spice=spice, hidden=plan.template, channel_controller=1 if agent else 0)
    return [
        element("emulator", text=f"/usr/bin/qemu-system-{plan.arch}"),
        *_disks(plan),
        *slots.bridge_elements(machine, many_scsi=disk.has_scsi_bridge(plan.drives, plan.scsihw)),
        *disk.controller_elements(plan.drives, machine=machine, scsihw=plan.scsihw),
        *controllers,
        *_nics(plan),
        *display.serial_elements(config, facts.sockets),
        *platform.parallel_elements(config),
        *agent,
        *inputs,
        platform.tpm_element(config, facts.vmid, facts.sources),
        *display.display_elements(config, facts.sockets, machine, screen),
        *platform.audio_elements(config, machine, spice=spice),
        *hostdevices.pci_elements(config, facts.vmid, machine, facts.devices),
        *(hostdevices.usb_element(device, bus) for device in usb),
        platform.watchdog_element(config, machine),
        platform.balloon_element(config, machine),
        platform.rng_element(config, machine),
        platform.shmem_element(config, facts.vmid, machine),
        iommu_element(machine),
    ]


def scratch_variables(vmid: int) -> str:
    """Where UEFI keeps the variables of a machine without ``efidisk0``, until the node is switched off."""
    return f"{SCRATCH_FOLDER}/{vmid}-ovmf.fd"


def _metadata(machine: MachineType) -> Element | None:
    """The reference's own revision of a machine type, of which QEMU knows nothing."""
    if not machine.revision:
        return None
    ElementTree.register_namespace("holdfast", METADATA_NAMESPACE)
    return element("metadata", Element(f"{{{METADATA_NAMESPACE}}}machine", {"revision": str(machine.revision)}))


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
    shares = element("shares", text=min(int(config["cpuunits"]), _MOST_WEIGHT)) if "cpuunits" in config else None
    period = element("global_period", text=_PERIOD_US) if limit else None
    quota = element("global_quota", text=int(limit * _PERIOD_US)) if limit else None
    pin = element("emulatorpin", cpuset=config["affinity"]) if config.get("affinity") else None
    return element("cputune", shares, period, quota, pin) if limit or shares is not None or pin is not None else None


def _features(plan: Plan) -> Element:
    config = plan.config
    secure = "efidisk0" in config and firmware.efi_firmware(firmware.parse_efidisk(config["efidisk0"])).secure_boot
    x86 = plan.arch == "x86_64"
    pv = cpu.paravirtual_features(plan.processor, windows_version(config)) if plan.kvm and x86 else []
    return element(
        "features",
        element("acpi") if config.get("acpi", "1") == "1" else None,
        *(pv or [element("apic")] if x86 else []),
        element("ioapic", driver="qemu") if plan.machine.viommu == "intel" else None,
        element("smm", state="on") if secure and config.get("bios") == "ovmf" else None,
    )


def _clock(plan: Plan) -> Element:
    config, windows = plan.config, bool(windows_version(plan.config))
    x86 = plan.arch == "x86_64"
    return element(
        "clock",
        element("timer", name="rtc", tickpolicy="catchup") if (windows or config.get("tdf") == "1") and x86 else None,
        element("timer", name="pit", tickpolicy="discard" if windows and plan.kvm else "delay") if x86 else None,
        element("timer", name="hpet", present="no") if without_hpet(config, plan.machine) else None,
        element("timer", name="hypervclock", present="yes")
        if windows_version(config) >= _HYPERV_CLOCK_SINCE and plan.kvm and x86
        else None,
        **_clock_start(config),
    )


def _clock_start(config: Mapping[str, str]) -> dict[str, str]:
    """``startdate`` (UTC) is what the clock shows at every start, whatever the host's says."""
    given = config.get("startdate", "now")
    if given == "now":
        return {"offset": "localtime" if display.local_time(config) else "utc"}
    form = "%Y-%m-%dT%H:%M:%S" if "T" in given else "%Y-%m-%d"
    try:
        start = datetime.strptime(given, form).replace(tzinfo=UTC)
    except ValueError as err:
        raise Invalid({"startdate": f"there is no such date: '{given}'"}) from err
    return {"offset": "absolute", "start": str(int(start.timestamp()))}


def _disks(plan: Plan) -> list[Element]:
    found = []
    for drive in plan.drives:
        source = None if drive.file == "none" else _source(drive, plan.facts)
        found.append(
            disk.disk_element(drive, source, boot=plan.places.get(drive.slot), machine=plan.machine, scsihw=plan.scsihw)
        )
    return found


def _source(drive: disk.Disk, facts: MachineFacts) -> disk.Source:
    if drive.file == "cdrom":
        raise Conflict(f"{drive.slot}: the host's own CD drive cannot be used; choose an ISO image or none")
    if drive.file.startswith("/"):
        return disk.Source(path=drive.file, format="raw", block=drive.file.startswith("/dev/"))
    source = facts.sources.get(drive.file)
    if source is None:
        raise HostError(f"{drive.slot}: nothing is known of '{drive.file}'")  # the caller has left it out
    return source


def _nics(plan: Plan) -> list[Element]:
    mtus = plan.facts.bridge_mtus
    return [
        net.nic_element(
            card,
            plan.facts.vmid,
            boot=plan.places.get(card.key),
            bridge_mtu=mtus.get(card.values.get("bridge", "")),
            machine=plan.machine,
        )
        for card in plan.cards
    ]


def _arguments(plan: Plan) -> Element | None:
    """QEMU's own arguments: what libvirt cannot say, and ``args``, split as a shell would."""
    words = cpu.property_arguments(plan.processor, plan.arch)
    if plan.template:
        words.append("-snapshot")
    try:
        words += shlex.split(plan.config.get("args", ""))
    except ValueError as err:
        raise Invalid({"args": f"cannot be split into words: {err}"}) from err
    if not words:
        return None
    commandline = Element(f"{{{_QEMU_NAMESPACE}}}commandline")
    commandline.extend(Element(f"{{{_QEMU_NAMESPACE}}}arg", {"value": word}) for word in words)
    return commandline
