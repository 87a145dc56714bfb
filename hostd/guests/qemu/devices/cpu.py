"""Processors: ``cpu: x86-64-v2-AES,flags=+aes`` to ``<cpu>``; sockets, cores and what is online."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.qemu.devices.xml import element

FORMAT: Final = Format(name="pve-vm-cpu-conf", own={"cputype": Kind(pattern=r"[a-zA-Z0-9_.-]+")})
# The psABI levels as QEMU features on top of qemu64: what every processor of that level has.
_V2 = ("cx16", "lahf_lm", "popcnt", "pni", "sse4.1", "sse4.2", "ssse3")
_V2_AES = (*_V2, "aes")
_V3 = (*_V2_AES, "abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave")
_V4 = (*_V3, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl")
_LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "x86-64-v2": _V2,
    "x86-64-v2-AES": _V2_AES,
    "x86-64-v3": _V3,
    "x86-64-v4": _V4,
}
_DEFAULT, _DEFAULT_TCG = "kvm64", "qemu64"
# Older names that QEMU dropped, with what stands for them.
_RENAMED: Final[Mapping[str, str]] = {
    "Icelake-Client": "Icelake-Server",
    "Icelake-Client-noTSX": "Icelake-Server-noTSX",
}
# kvm64 lacks two flags that 64-bit systems want.
_KVM64_EXTRA = ("lahf_lm", "sep")
_LATER: Final = ("hidden", "hv-vendor-id", "level", "phys-bits", "guest-phys-bits", "reported-model")


@dataclass(frozen=True, kw_only=True)
class Topology:
    """``online`` processors of ``sockets`` × ``cores`` are there at start."""

    sockets: int
    cores: int
    online: int

    @property
    def most(self) -> int:
        return self.sockets * self.cores


def topology(config: Mapping[str, str]) -> Topology:
    sockets, cores = int(config.get("sockets", "1")), int(config.get("cores", "1"))
    most = sockets * cores
    return Topology(sockets=sockets, cores=cores, online=min(int(config.get("vcpus") or most), most))


def cpu_element(config: Mapping[str, str], *, kvm: bool) -> Element:
    """``<cpu>``. Without KVM the models that only KVM has become the widest that emulation can do.

    Raises Unsupported for what libvirt cannot be told.
    """
    values = propstring.validate(config.get("cpu", ""), FORMAT)
    wanted = values.get("cputype", "")
    for key in _LATER:
        if key in values:
            raise Unsupported(f"cpu: '{key}' is not supported yet")
    if wanted.startswith("custom-"):
        raise Unsupported("cpu: custom models are not supported yet")
    model = wanted or (_DEFAULT if kvm else _DEFAULT_TCG)
    flags = parse_flags(values.get("flags", ""))
    top = topology(config)
    shape = element("topology", sockets=top.sockets, cores=top.cores, threads=1)
    features = [
        element("feature", policy="require" if on else "disable", name=_NAMES.get(f, f)) for f, on in flags.items()
    ]
    if model == "host" and kvm:
        return element("cpu", shape, *features, mode="host-passthrough", check="none", migratable="on")
    if model == "max" or (model == "host" and not kvm):
        return element("cpu", shape, *features, mode="maximum", check="none", migratable="on")
    base, extra = _model(model, kvm)
    known = [element("feature", policy="require", name=_NAMES.get(f, f)) for f in extra if f not in flags]
    named = element("model", text=base, fallback="forbid")
    return element("cpu", named, shape, *known, *features, mode="custom", match="exact", check="none")


def _model(model: str, kvm: bool) -> tuple[str, tuple[str, ...]]:
    """The name that libvirt knows and the features that the reference's model has on top of it."""
    if model in _LEVELS:
        return "qemu64", _LEVELS[model]
    if model == "kvm64":
        return ("kvm64", _KVM64_EXTRA) if kvm else ("qemu64", ())
    return _RENAMED.get(model, model), ()


def parse_flags(text: str) -> dict[str, bool]:
    """``+aes;-hv-tlbflush`` → {aes: True, hv-tlbflush: False}; the reference's own words are translated."""
    return {flag[1:]: flag[0] == "+" for flag in re.split(";", text) if flag}


# QEMU's spelling → libvirt's.
_NAMES: Final[Mapping[str, str]] = {
    "sse4.1": "sse4.1",
    "sse4_1": "sse4.1",
    "sse4_2": "sse4.2",
    "nested-virt": "vmx",
}
