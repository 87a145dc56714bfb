"""Descriptions of machines in the Open Virtualization Format: what a machine made from one looks like.

Source: DMTF DSP0243 (OVF), the CIM value maps of ResourceType and OSType; conformance area ``storage`` (ovf).
"""

from __future__ import annotations

import posixpath
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import NotFound, ParseError

_OVF: Final = "{http://schemas.dmtf.org/ovf/envelope/1}"
_RASD: Final = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
_PROCESSOR, _MEMORY, _IDE, _SCSI, _ETHERNET, _DISK, _SATA = "3", "4", "5", "6", "10", "17", "20"
_BUSES: Final = {_IDE: "ide", _SCSI: "scsi", _SATA: "sata"}
_CARDS: Final = frozenset(
    (
        "e1000", "e1000-82540em", "e1000-82544gc", "e1000-82545em", "e1000e", "i82551", "i82557b", "i82559er",
        "ne2k_isa", "ne2k_pci", "pcnet", "rtl8139", "virtio", "vmxnet3",
    )
)  # fmt: skip
_DEFAULT_CARD: Final = "e1000"
# CIM_OperatingSystem.OSType to what the guest's configuration calls it.
_SYSTEMS: Final[Mapping[str, tuple[int, ...]]] = {
    "l26": (36, 79, 80, *range(82, 97), 99, 100, 101, *range(106, 110)),
    "l24": (97, 98),
    "solaris": (29, 81),
    "w2k": (58,),
    "wxp": (67, 71, 72),
    "w2k3": (69, 70),
    "wvista": (73, 74),
    "w2k8": (76, 77),
    "win7": (103, 104, 105),
    "win8": (*range(111, 116), 117, 118),
    "win10": (116, 119, 120, 121),
    "win11": (122, 123),
}
_SYSTEM_OF: Final = {number: name for name, numbers in _SYSTEMS.items() for number in numbers}


@dataclass(frozen=True, kw_only=True)
class OvfDisk:
    """``address``: bus and number; ``file``: beside the description; ``path``: whole."""

    address: str
    file: str
    path: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Machine:
    """``memory``: the number as it stands, which is MiB in what all known tools write. ``cards``: models by order."""

    name: str
    cores: int | None
    memory: int | None
    ostype: str
    disks: tuple[OvfDisk, ...]
    cards: tuple[str, ...]

    def options(self) -> dict[str, str | int]:
        """As a virtual machine's configuration has it, without disks and cards."""
        numbers = {"cores": self.cores, "memory": self.memory}
        found: dict[str, str | int] = {key: value for key, value in numbers.items() if value is not None}
        if self.name:
            found["name"] = self.name
        if self.disks:
            found["boot"] = "order=" + ";".join(disk.address for disk in self.disks)
        return found | {"ostype": self.ostype}

    def nets(self) -> dict[str, str]:
        return {f"net{number}": model for number, model in enumerate(self.cards)}


def parse_ovf(text: str, folder: str, size_of: Callable[[str], int]) -> Machine:
    """A description beside which the disks lie in ``folder``.

    ``size_of``: bytes of the disk in a file of the folder; it raises NotFound for one that is not there. Raises
    ParseError for what is no OVF, or names a file outside of the folder.
    """
    if "<!DOCTYPE" in text:
        raise ParseError("no OVF description: it has a document type, whose entities could be made to fill the memory")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as err:
        raise ParseError(f"no OVF description: {err}") from err
    system = root.find(f"{_OVF}VirtualSystem")
    if system is None:
        raise ParseError("no OVF description of one machine: element VirtualSystem is missing")
    items = list(system.iterfind(f"{_OVF}VirtualHardwareSection/{_OVF}Item"))
    return Machine(
        name=_name(system.findtext(f"{_OVF}Name") or system.get(f"{_OVF}id") or ""),
        cores=_quantity(items, _PROCESSOR),
        memory=_quantity(items, _MEMORY),
        ostype=_ostype(system),
        disks=tuple(_disks(root, items, folder, size_of)),
        cards=tuple(_card(item) for item in items if _field(item, "ResourceType") == _ETHERNET),
    )


def _field(item: ET.Element, name: str) -> str:
    return (item.findtext(f"{_RASD}{name}") or "").strip()


def _quantity(items: list[ET.Element], type: str) -> int | None:
    texts = [_field(item, "VirtualQuantity") for item in items if _field(item, "ResourceType") == type]
    return next((int(text) for text in texts if text.isdecimal()), None)


def _name(text: str) -> str:
    """Words are joined by dashes; what a host name cannot have is left out."""
    return re.sub(r"[^a-zA-Z0-9.-]", "", re.sub(r"\s+", "-", text.strip()))


def _ostype(system: ET.Element) -> str:
    section = system.find(f"{_OVF}OperatingSystemSection")
    number = section.get(f"{_OVF}id", "") if section is not None else ""
    return _SYSTEM_OF.get(int(number), "other") if number.isdecimal() else "other"


def _card(item: ET.Element) -> str:
    model = _field(item, "ResourceSubType").lower()
    return model if model in _CARDS else _DEFAULT_CARD


def _disks(root: ET.Element, items: list[ET.Element], folder: str, size_of: Callable[[str], int]) -> list[OvfDisk]:
    files = {e.get(f"{_OVF}id"): e.get(f"{_OVF}href", "") for e in root.iterfind(f"{_OVF}References/{_OVF}File")}
    disks = {
        e.get(f"{_OVF}diskId"): e.get(f"{_OVF}fileRef", "") for e in root.iterfind(f"{_OVF}DiskSection/{_OVF}Disk")
    }
    controllers = {_field(item, "InstanceID"): _field(item, "ResourceType") for item in items}
    found: list[OvfDisk] = []
    for item in items:
        if _field(item, "ResourceType") != _DISK:
            continue
        id = _field(item, "HostResource").rpartition("/")[2]
        bus = _BUSES.get(controllers.get(_field(item, "Parent"), ""))
        if bus is None or id not in disks:
            raise ParseError(f"disk '{_field(item, 'ElementName')}': its controller or its contents are not described")
        file = _inside(files.get(disks[id]) or "", id)
        number = _field(item, "AddressOnParent")
        address = _free(f"{bus}{number if number.isdecimal() else 0}", bus, {d.address for d in found})
        path = posixpath.join(folder, file)
        found.append(OvfDisk(address=address, file=file, path=path, size_bytes=size_of(file)))
    return found


def _inside(file: str, disk: str) -> str:
    if not file:
        raise NotFound(f"disk '{disk}': its file is not described")
    if file.startswith("/") or ".." in file.split("/") or not file.isprintable() or ":" in file:
        raise ParseError(f"disk '{disk}': file '{file}' is not beside the description")
    return file


def _free(wished: str, bus: str, taken: set[str]) -> str:
    """Two controllers of one kind number their disks alike."""
    if wished not in taken:
        return wished
    return next(a for n in range(len(taken) + 1) if (a := f"{bus}{n}") not in taken)
