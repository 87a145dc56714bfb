"""One option of a guest's configuration as a caller sends it, parsed: what it says and what follows from it.

Source: conformance area ``schema`` (guest-property-parse); names and limits in ``core/formats/facts.json``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hostd.core import dialect
from hostd.core.errors import Invalid
from hostd.core.formats import facts
from hostd.core.units import parse_size

_DRIVE = re.compile(r"(ide|sata|scsi|virtio|efidisk|tpmstate|unused)([0-9]+)")
_MEBI = 1024 * 1024
_OLD_RATES = {"bps": "mbps", "bps_rd": "mbps_rd", "bps_wr": "mbps_wr"}
# What may be switched for a machine; other flags of processors need a processor model of their own.
CPU_FLAGS: Final = frozenset(
    {
        "aes", "amd-no-ssb", "amd-ssbd", "hv-evmcs", "hv-tlbflush", "ibpb", "md-clear", "nested-virt", "pcid",
        "pdpe1gb", "spec-ctrl", "ssbd", "virt-ssbd",
    }
)  # fmt: skip
CPU_LEVELS: Final = frozenset({"x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4"})
_MOUNT_OPTIONS = frozenset({"discard", "lazytime", "noatime", "nodev", "noexec", "nosuid"})

Parsed = dict[str, Any]


def parse(guest: str, key: str, value: str) -> Parsed:
    """An option of a ``qemu`` or ``lxc`` guest; ``{"value": v}`` for one that is no property string.

    Raises Invalid naming the option.
    """
    schema = facts.table(guest).get(key)
    if schema is None:
        raise Invalid({key: f"unknown option '{key}'"})
    keys = facts.property_string(str(schema.get("format", "")))
    if keys is None:
        found = {"value": dialect.check({"type": "object", "properties": {key: schema}}, {key: value})[key]}
    else:
        found = dict(_property_string(schema, keys, key, value))
    try:
        refined = _REFINEMENTS.get((guest, re.sub("[0-9]+$", "", key)), _as_it_is)(key, found)
    except ValueError as err:
        raise Invalid({key: str(err)}) from err
    return refined


def _property_string(schema: Mapping[str, Any], keys: facts.Keys, key: str, value: str) -> Parsed:
    form = dialect.PropertyString(keys)
    try:
        found = form.parse(value)
    except Invalid as err:
        raise Invalid({f"{key}.{name}": why for name, why in err.errors.items()}) from err
    dialect.check({"type": "string", **{k: v for k, v in schema.items() if k == "maxLength"}}, value)
    return dict(found)


def _as_it_is(key: str, found: Parsed) -> Parsed:
    return found


def _drive(key: str, found: Parsed) -> Parsed:
    """Sizes in bytes, rates in MB/s, and where the drive is attached."""
    match = _DRIVE.fullmatch(key)
    drive = {**found, "interface": match[1] if match else "", "index": match[2] if match else ""}
    for old, new in _OLD_RATES.items():
        if old in drive:
            thousandths = int(drive.pop(old)) * 1000 // _MEBI  # never more than was asked for
            drive[new] = f"{thousandths // 1000}.{thousandths % 1000:03}"
    if drive.get("media") == "cdrom" and any(k in drive for k in ("snapshot", "trans", "format")):
        raise ValueError("a CD-ROM drive has neither snapshot nor format")
    if "size" in drive:
        drive["size"] = parse_size(drive["size"])
    return drive


def _cpu(key: str, found: Parsed) -> Parsed:
    if "cputype" not in found:
        raise ValueError("no CPU type is given")
    models = facts.property_string("pve-cpu-conf") or {}
    known = {*models["reported-model"]["enum"], *CPU_LEVELS}
    if found["cputype"] not in known and not found["cputype"].startswith("custom-"):
        raise ValueError(f"unknown CPU type '{found['cputype']}'")
    strange = [f for f in found.get("flags", "").split(";") if f and f[1:] not in CPU_FLAGS]
    if strange:
        raise ValueError(f"unknown CPU flag '{strange[0]}'; known: {', '.join(sorted(CPU_FLAGS))}")
    return found


def _ip_config(key: str, found: Parsed) -> Parsed:
    """Without any address both families ask DHCP."""
    return found or {"ip": "dhcp", "ip6": "dhcp"}


def _mount(key: str, found: Parsed) -> Parsed:
    """What kind of thing is mounted, sizes in bytes; the root file system's place is known."""
    volume = str(found.get("volume", ""))
    kind = "device" if volume.startswith("/dev/") else "bind" if volume.startswith("/") else "volume"
    mount = {**found, "type": kind} | ({"mp": "/"} if key == "rootfs" else {})
    strange = [o for o in found.get("mountoptions", "").split(";") if o and o not in _MOUNT_OPTIONS]
    if strange:
        raise ValueError(f"unknown mount option '{strange[0]}'; known: {', '.join(sorted(_MOUNT_OPTIONS))}")
    if "size" in mount:
        mount["size"] = parse_size(mount["size"])
    return mount


def _card(key: str, found: Parsed) -> Parsed:
    return {"type": "veth", **found}


_DRIVES = ("ide", "sata", "scsi", "virtio", "efidisk", "tpmstate", "unused")
_REFINEMENTS: Final[Mapping[tuple[str, str], Callable[[str, Parsed], Parsed]]] = {
    **{("qemu", name): _drive for name in _DRIVES},
    ("qemu", "cpu"): _cpu,
    ("qemu", "ipconfig"): _ip_config,
    ("lxc", "rootfs"): _mount,
    ("lxc", "mp"): _mount,
    ("lxc", "unused"): _mount,
    ("lxc", "net"): _card,
}
