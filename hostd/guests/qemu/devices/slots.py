"""Where devices sit on the PCI buses: each kind and number has one place, whatever else the machine has.

A guest knows its network card by that place (``ens18`` is slot 18), Windows its licence, so a machine that comes from
the reference, or gets one device more, must find all of them where they were. Source: observed at the reference.
On q35 the buses hang off a bridge behind four root ports, which makes the first conventional bus number 6
(``enp6s18``). Other machines leave the choice to libvirt.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

from hostd.guests.qemu.devices.machine import Family, MachineType
from hostd.guests.qemu.devices.xml import element

# Bus (0: the first conventional one) and slot.
_FIXED: Final = {
    "vga": (0, 0x2), "balloon": (0, 0x3), "watchdog": (0, 0x4), "scsihw0": (0, 0x5), "scsihw1": (0, 0x6),
    "ahci": (0, 0x7), "qga": (0, 0x8), "spice": (0, 0x9), "vga1": (0, 0x18), "vga2": (0, 0x19), "vga3": (0, 0x1A),
    "xhci": (1, 0x1B), "rng": (1, 0x1D), "ivshmem": (2, 0xB), "audio": (2, 0xC),
}  # fmt: skip
_HOSTPCI: Final = {0: (0, 0x10), 1: (0, 0x11), 2: (0, 0x1B), 3: (0, 0x1C), **{n: (2, 0x11 + n) for n in range(4, 14)}}
_BRIDGES: Final = {1: 0x1E, 2: 0x1F}
# A bridge of its own for SCSI controllers, one for each disk; it takes the place of the single controller.
_SCSI_BRIDGE, _SCSI_SLOT = 3, 0x5
_ROOT_PORTS: Final = 4
_FIRST_BUS_Q35: Final = 6
_NUMBERED = re.compile(r"(virtio|net|virtioscsi|hostpci)(\d+)\Z")


def place(name: str) -> tuple[int, int] | None:
    """Bus and slot of a device; None: no place is kept for it."""
    if name in _FIXED:
        return _FIXED[name]
    match = _NUMBERED.match(name)
    if match is None:
        return None
    kind, number = match[1], int(match[2])
    if kind == "virtio":
        return (0, 0xA + number) if number < 6 else (2, number - 5)
    if kind == "net":
        return (0, 0x12 + number) if number < 6 else (1, number - 5)
    if kind == "virtioscsi":
        return _SCSI_BRIDGE, number + 1
    return _HOSTPCI.get(number)


def address(name: str, machine: MachineType, *, function: int = 0, multifunction: bool = False) -> Element | None:
    """``<address>`` of a device; None where libvirt chooses."""
    found = place(name)
    if found is None or machine.family is Family.VIRT:
        return None
    bus, slot = found
    if machine.q35:
        if name == "vga":  # the one display on the root complex
            return _pci(0, 0x1)
        bus += _FIRST_BUS_Q35
    return _pci(bus, slot, function=function, multifunction=multifunction)


def _pci(bus: int, slot: int, *, function: int = 0, multifunction: bool = False) -> Element:
    return element(
        "address", type_="pci", domain="0x0000", bus=f"0x{bus:02x}", slot=f"0x{slot:02x}", function=f"0x{function:x}",
        multifunction="on" if multifunction else None,
    )  # fmt: skip


def bridge_elements(machine: MachineType, *, many_scsi: bool) -> list[Element]:
    """The buses themselves; always all of them, so that a device can be plugged in later. ``many_scsi``: also one for
    SCSI controllers."""
    if machine.family is Family.VIRT:
        return []
    first = _FIRST_BUS_Q35 if machine.q35 else 0
    found = []
    if machine.q35:
        found.append(element("controller", type_="pci", index=0, model="pcie-root"))
        for number in range(_ROOT_PORTS):
            at = _pci(0, 0x1C, function=number, multifunction=number == 0)
            found.append(element("controller", at, type_="pci", index=number + 1, model="pcie-root-port"))
        found.append(element("controller", _pci(0, 0x1E), type_="pci", index=5, model="dmi-to-pci-bridge"))
        found.append(element("controller", _pci(5, 0x1), type_="pci", index=first, model="pci-bridge"))
    bridges = dict(_BRIDGES) | ({_SCSI_BRIDGE: _SCSI_SLOT} if many_scsi else {})
    for number, slot in bridges.items():
        found.append(element("controller", _pci(first, slot), type_="pci", index=first + number, model="pci-bridge"))
    return found
