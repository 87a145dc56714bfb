"""Devices of the host in a guest: ``hostpci0: 01:00,pcie=1`` and ``usb0: host=1-14``; mappings of the cluster."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.guests.qemu.devices import slots
from hostd.guests.qemu.devices.machine import MachineType, windows_version
from hostd.guests.qemu.devices.xml import Overrides, element, on_off

PCI_FORMAT: Final = Format(name="pve-qm-hostpci")
USB_FORMAT: Final = Format(name="pve-qm-usb")
PCI_COUNT: Final = 16
USB_COUNT: Final = 14
_OLD_USB_COUNT: Final = 5
_PCI = re.compile(r"(?:([0-9a-f]{4,}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.([0-9a-f]))?\Z")
_OVERRIDES: Final = ("vendor-id", "device-id", "sub-vendor-id", "sub-device-id")
XHCI_PORTS: Final = 15


@dataclass(frozen=True, kw_only=True)
class PciMapping:
    """What this node offers under a name of the cluster: addresses (several functions: joined by ``;``)."""

    paths: Sequence[str]
    mediated: bool = False


@dataclass(frozen=True, kw_only=True)
class HostDevices:
    """``pci``: addresses that there are. ``pci_mappings``, ``usb_mappings``: by name; a USB one is ``1-2`` or
    ``1234:abcd``. ``usb_ports``: what is plugged in where, port (``1-2.1``) → number on its bus.
    """

    pci: Sequence[str] = ()
    pci_mappings: Mapping[str, PciMapping] = field(default_factory=dict)
    usb_mappings: Mapping[str, str] = field(default_factory=dict)
    usb_ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Function:
    address: str
    uuid: str = ""


def functions(text: str, known: Sequence[str]) -> list[str]:
    """Full addresses that an address means: without a function all that the device has. Conflict when there is none."""
    found: list[str] = []
    for part in text.split(";"):
        match = _PCI.match(part.lower())
        if match is None:
            raise Conflict(f"'{part}' is no PCI address")
        stem = f"{match[1] or '0000'}:{match[2]}:{match[3]}"
        own = [f"{stem}.{match[4]}"] if match[4] else sorted(a for a in known if a.startswith(f"{stem}."))
        if not own:
            raise Conflict(f"no PCI device '{part}' on this node")
        found += own
    return found


def pci_elements(config: Mapping[str, str], vmid: int, machine: MachineType, host: HostDevices) -> list[Element]:
    """``<hostdev>`` for each function of each ``hostpci<n>``. Conflict for a device that is not there."""
    taken: set[str] = set()
    found: list[Element] = []
    for index in range(PCI_COUNT):
        key = f"hostpci{index}"
        if key not in config:
            continue
        values = propstring.validate(config[key], PCI_FORMAT)
        if values.get("pcie") == "1" and not machine.q35:
            raise Conflict(f"{key}: pcie=1 needs machine q35")
        parts = _functions_of(key, values, index, vmid, host, taken)
        taken |= {part.address for part in parts}
        found += [_pci_element(key, n, part, values, machine, many=len(parts) > 1) for n, part in enumerate(parts)]
    return found


def _functions_of(
    key: str, values: Mapping[str, str], index: int, vmid: int, host: HostDevices, taken: set[str]
) -> list[_Function]:
    """Mappings take the first device that nobody has; a mediated device is one of its own, named by guest and place."""
    if "mapping" not in values:
        if "host" not in values:
            raise Conflict(f"{key}: neither a device nor a mapping given")
        if "mdev" in values:
            return [_Function(address=values["host"], uuid=str(_mediated(index, vmid)))]
        return [_Function(address=a) for a in functions(values["host"], host.pci)]
    name = values["mapping"]
    if name not in host.pci_mappings:
        raise Conflict(f"{key}: mapping '{name}' has no device on this node")
    mapping = host.pci_mappings[name]
    if "mdev" in values:
        return [_Function(address=mapping.paths[0], uuid=str(_mediated(index, vmid)))]
    for path in mapping.paths:
        own = functions(path, host.pci)
        if not taken & set(own):
            return [_Function(address=a) for a in own]
    raise Conflict(f"{key}: all devices of mapping '{name}' are taken")


def _mediated(index: int, vmid: int) -> uuid.UUID:
    """The number of the place in front, the guest's at the end, in decimal digits: readable in /sys."""
    return uuid.UUID(f"{index:08d}-0000-0000-0000-{vmid:012d}")


def _pci_element(
    key: str, number: int, part: _Function, values: Mapping[str, str], machine: MachineType, *, many: bool
) -> Element:
    alias = element("alias", name=f"ua-{key}-{number}" if many else f"ua-{key}")
    at = slots.address(key, machine, function=number, multifunction=many and number == 0)
    if values.get("pcie") == "1":
        at = None  # a port of its own, which libvirt adds
    if part.uuid:
        source = element("source", element("address", uuid=part.uuid))
        return element("hostdev", source, alias, at, mode="subsystem", type_="mdev", model="vfio-pci")
    match = _PCI.match(part.address)
    assert match is not None
    source = element(
        "source",
        element("address", domain=f"0x{match[1]}", bus=f"0x{match[2]}", slot=f"0x{match[3]}", function=f"0x{match[4]}"),
    )
    rom = None
    if "rombar" in values or "romfile" in values:
        name = values.get("romfile")
        bar = on_off(values.get("rombar", "1") == "1")
        rom = element("rom", bar=bar, file=f"/usr/share/kvm/{name}" if name else None)
    return element("hostdev", source, rom, alias, at, mode="subsystem", type_="pci", managed="yes")


def shown_ids(config: Mapping[str, str], host: HostDevices, vmid: int) -> Overrides:
    """Ids that a device shows instead of its own, by QEMU's own property names."""
    found: Overrides = {}
    for index in range(PCI_COUNT):
        key = f"hostpci{index}"
        values = propstring.validate(config[key], PCI_FORMAT) if key in config else {}
        shown = [name for name in _OVERRIDES if name in values]
        if not shown:
            continue
        many = len(_functions_of(key, values, index, vmid, host, set())) > 1
        alias = f"ua-{key}-0" if many else f"ua-{key}"
        found[alias] = [(f"x-pci-{name}", "unsigned", str(int(values[name], 16))) for name in shown]
    return found


@dataclass(frozen=True, kw_only=True)
class UsbDevice:
    """``bus`` and ``port``, or ``vendor`` and ``product``, or neither: whatever the viewer passes on (SPICE).

    ``device``: the number on its bus of what is plugged in at the port; None: nothing is.
    """

    key: str
    index: int
    bus: str = ""
    port: str = ""
    vendor: str = ""
    product: str = ""
    usb3: bool = False
    device: int | None = None

    @property
    def redirected(self) -> bool:
        return not self.bus and not self.vendor


def usb_devices(config: Mapping[str, str], machine: MachineType, host: HostDevices) -> list[UsbDevice]:
    """Every ``usb<n>``. Conflict for numbers that this machine has no port for: old machine types and old Windows
    have five, Linux 2.6 and later and Windows 8 and later 14."""
    modern = machine.since(7, 1) and (config.get("ostype") == "l26" or windows_version(config) > 7)
    most = USB_COUNT if modern else _OLD_USB_COUNT
    found = []
    for index in range(USB_COUNT):
        key = f"usb{index}"
        if key not in config:
            continue
        if index >= most:
            raise Conflict(f"{key}: this machine has ports for usb0 to usb{most - 1}; more need machine 7.1 and ostype "
                           "l26, or Windows 8 or later")  # fmt: skip
        values = propstring.validate(config[key], USB_FORMAT)
        found.append(_usb_device(key, index, values, host, always_usb3=modern))
    return found


def _usb_device(key: str, index: int, values: Mapping[str, str], host: HostDevices, *, always_usb3: bool) -> UsbDevice:
    usb3 = always_usb3 or values.get("usb3") == "1"
    name = values.get("mapping")
    if name is not None and name not in host.usb_mappings:
        raise Conflict(f"{key}: mapping '{name}' has no device on this node")
    text = host.usb_mappings[name] if name is not None else values.get("host", "")
    if not text:
        raise Conflict(f"{key}: neither a device nor a mapping given")
    if text.lower() == "spice":
        return UsbDevice(key=key, index=index, usb3=usb3)
    if match := re.fullmatch(r"(?:0x)?([0-9A-Fa-f]{4}):(?:0x)?([0-9A-Fa-f]{4})", text):
        return UsbDevice(key=key, index=index, vendor=match[1].lower(), product=match[2].lower(), usb3=usb3)
    bus, _, port = text.partition("-")
    return UsbDevice(key=key, index=index, bus=bus, port=port, usb3=usb3, device=host.usb_ports.get(text))


def usb_element(device: UsbDevice, bus: int) -> Element | None:
    """``<hostdev>`` or ``<redirdev>`` on the controller with number ``bus``; None for an empty port of the host.

    libvirt names a device by its number on the bus, which changes whenever it is plugged in, and not by its port.
    """
    if device.bus and device.device is None:
        return None
    at = element("address", type_="usb", bus=bus, port=device.index + 1)
    alias = element("alias", name=f"ua-{device.key}")
    if device.redirected:
        return element("redirdev", alias, at, bus="usb", type_="spicevmc")
    if device.vendor:
        ids = [element("vendor", id=f"0x{device.vendor}"), element("product", id=f"0x{device.product}")]
        source = element("source", *ids, startupPolicy="optional")
    else:
        source = element("source", element("address", bus=device.bus, device=device.device))
    return element("hostdev", source, alias, at, mode="subsystem", type_="usb", managed="yes")


def usb_controllers(devices: Sequence[UsbDevice], machine: MachineType, *, tablet: bool) -> tuple[list[Element], int]:
    """``<controller>`` and the number of the one that devices hang on: xHCI where one of them asks for USB 3.

    Number 0 is for the tablet, so that what comes later moves nothing.
    """
    if not devices and not tablet:
        return [element("controller", type_="usb", model="none")], 0
    first = "piix3-uhci" if machine.family.value == "i440fx" else "ich9-ehci1"
    found = [element("controller", type_="usb", index=0, model=first)]
    if not any(d.usb3 for d in devices):
        return found, 0
    new = machine.since(7, 1)
    found.append(
        element(
            "controller",
            slots.address("xhci", machine),
            type_="usb",
            index=1,
            model="qemu-xhci" if new else "nec-xhci",
            ports=XHCI_PORTS if new else None,
        )
    )
    return found, 1
