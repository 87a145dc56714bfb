"""The cluster's own processor models: ``virtual-guest/cpu-models.conf``, which machines name as ``cpu: custom-NAME``.

Source: the reference's API schema (``/cluster/qemu/custom-cpu-models``); what the options mean is ``devices/cpu``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.cluster.store import Mirror
from hostd.core.dialect import property_string
from hostd.core.formats.sections import SectionFormat, SectionOption
from hostd.core.schema import Kind
from hostd.guests.config import GuestKind, parse_path
from hostd.guests.qemu.devices.cpu import CUSTOM

PATH: Final = "virtual-guest/cpu-models.conf"
TYPE: Final = "cpu-model"
KIND: Final = "processor model"
_DOCS: Final = {
    "flags": "Flags to add and to take away, such as +aes;-pcid.",
    "guest-phys-bits": "Bits of physical addresses that the guest's firmware and system use.",
    "hidden": "Do not tell the guest that it runs on KVM.",
    "hv-vendor-id": "The maker that Windows is told of under Hyper-V.",
    "level": "Highest standard function of CPUID.",
    "phys-bits": "Bits of physical addresses, or host.",
    "reported-model": "QEMU's model that it stands on.",
}


def _option(key: str, doc: str) -> SectionOption:
    """As the catalogue has the part of ``cpu`` that is called the same."""
    found = property_string("pve-vm-cpu-conf").keys[key]
    kind = Kind(
        type=found.get("type", "string"),
        format=found.get("format", ""),
        pattern=found.get("pattern", ""),
        enum=tuple(found.get("enum", ())),
        minimum=found.get("minimum"),
        maximum=found.get("maximum"),
    )
    return SectionOption(kind=kind, doc=doc, default=found.get("default"))


OPTIONS: Final[Mapping[str, SectionOption]] = {key: _option(key, doc) for key, doc in _DOCS.items()}
FORM: Final = SectionFormat.of_options({TYPE: OPTIONS})


def plain(name: str) -> str:
    """A model's name in the file, also from the name that machines know it by."""
    return name.removeprefix(CUSTOM)


def users(mirror: Mirror, name: str) -> list[int]:
    """Machines of the cluster that name a model: now, waiting or in a snapshot."""
    wanted = {f"{CUSTOM}{name}", f"cputype={CUSTOM}{name}"}
    machines = ((parse_path(file.path), file.data) for file in mirror.glob("nodes/"))
    return sorted(
        where.vmid
        for where, data in machines
        if where is not None and where.kind is GuestKind.QEMU and wanted & _processors(data.decode(errors="replace"))
    )


def _processors(text: str) -> set[str]:
    """Parts of all the values of ``cpu`` in a machine's file."""
    values = (line.partition(":")[2] for line in text.splitlines() if line.startswith("cpu:"))
    return {part.strip() for value in values for part in value.split(",")}
