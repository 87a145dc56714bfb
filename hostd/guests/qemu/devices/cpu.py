"""Processors: ``cpu: x86-64-v2-AES,flags=+aes`` to ``<cpu>``; custom models; sockets, cores and what is online."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict
from hostd.core.formats import propstring, sectionconfig
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.qemu.devices.machine import MachineType, windows_version
from hostd.guests.qemu.devices.xml import element, on_off

FORMAT: Final = Format(name="pve-vm-cpu-conf", own={"cputype": Kind(pattern=r"[a-zA-Z0-9_.-]+")})
# The psABI levels as QEMU features on top of qemu64: what every processor of that level has.
_V2 = ("cx16", "lahf_lm", "popcnt", "pni", "sse4.1", "sse4.2", "ssse3")
_V2_AES = (*_V2, "aes")
_V3 = (*_V2_AES, "abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave")
_V4 = (*_V3, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl")
LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "x86-64-v2": _V2,
    "x86-64-v2-AES": _V2_AES,
    "x86-64-v3": _V3,
    "x86-64-v4": _V4,
}
# Older names that QEMU dropped, with what stands for them.
_RENAMED: Final[Mapping[str, str]] = {
    "Icelake-Client": "Icelake-Server",
    "Icelake-Client-noTSX": "Icelake-Server-noTSX",
}
# kvm64 lacks two flags that 64-bit systems want.
_KVM64_EXTRA = ("lahf_lm", "sep")
CUSTOM: Final = "custom-"
_AMD_MODELS: Final = ("EPYC", "Opteron", "athlon", "phenom")
_NO_VENDOR: Final = ("486", "kvm", "qemu", "pentium", "host", "max", "x86-64-", "a64fx", "cortex", "neoverse")
# QEMU's or the reference's spelling → libvirt's.
_NAMES: Final[Mapping[str, str]] = {"sse4_1": "sse4.1", "sse4_2": "sse4.2"}
_NESTED: Final[Mapping[str, str]] = {"GenuineIntel": "vmx", "AuthenticAMD": "svm"}
# Newer processors' features that Windows stumbles over when it is shown the host's own processor.
_NOT_FOR_WINDOWS: Final = ("cet-ibt", "cet-ss", "vmx-mbec")
_SPINLOCK_RETRIES: Final = 0x1FFF


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
    """``smp`` is what ``sockets`` was called before there were cores."""
    sockets, cores = int(config.get("sockets", config.get("smp", "1"))), int(config.get("cores", "1"))
    most = sockets * cores
    return Topology(sockets=sockets, cores=cores, online=min(int(config.get("vcpus") or most), most))


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The processor of a machine. ``flags``: what the configuration asks for, in QEMU's words.

    ``properties``: what libvirt has no words for, by QEMU's names, to be given to QEMU directly. ``enforced``: the
    machine does not start where the host lacks something of it.
    """

    model: str
    flags: Mapping[str, bool] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    hyperv_vendor: str = ""
    hidden: bool = False
    phys_bits: str = ""
    enforced: bool = False
    vendor: str = ""


def parse_models(text: str) -> dict[str, Mapping[str, str]]:
    """Custom processor models (``virtual-guest/cpu-models.conf``), by name without ``custom-``."""
    return {section.id: dict(section.values) for section in sectionconfig.parse(text)}


def parse_flags(text: str) -> dict[str, bool]:
    """``+aes;-hv-tlbflush`` → {aes: True, hv-tlbflush: False}."""
    return {flag[1:]: flag[0] == "+" for flag in text.split(";") if flag}


def cpu_of(
    config: Mapping[str, str],
    machine: MachineType,
    *,
    arch: str,
    kvm: bool,
    host_vendor: str = "",
    models: Mapping[str, Mapping[str, str]] | None = None,
    newest: bool = False,
) -> Cpu:
    """What ``cpu`` asks for, a custom model's own settings below those of the machine.

    ``host_vendor``: as CPUID spells it. ``newest``: QEMU knows the features of ``_NOT_FOR_WINDOWS``. Without KVM the
    models that only KVM has become the widest that emulation can do. Conflict for a custom model that does not exist.
    """
    own = propstring.validate(config.get("cpu", ""), FORMAT)
    wanted = own.get("cputype", "")
    base: Mapping[str, str] = {}
    if wanted.startswith(CUSTOM):
        name = wanted.removeprefix(CUSTOM)
        if name not in (models or {}):
            raise Conflict(f"cpu: no custom model '{name}' in virtual-guest/cpu-models.conf")
        base = (models or {})[name]
        wanted = base.get("reported-model", "kvm64")
    values = {**base, **own}
    flags = parse_flags(base.get("flags", "")) | parse_flags(own.get("flags", ""))
    model, known = _model(wanted, arch=arch, kvm=kvm)
    if "nested-virt" in flags:
        flags = {_NESTED.get(host_vendor, "vmx") if k == "nested-virt" else k: v for k, v in flags.items()}
    if config.get("ostype") == "solaris":
        flags = {"x2apic": False} | flags
    properties = {key: values[key] for key in ("level", "guest-phys-bits") if key in values}
    if newest and model == "host" and windows_version(config):
        properties |= {name: "off" for name in _NOT_FOR_WINDOWS if name not in flags}
    for name in [n for n in flags if n.startswith("kvm") and n not in ("kvm_pv_eoi", "kvm_pv_unhalt")]:
        properties[name] = on_off(flags.pop(name))
    return Cpu(
        model=model,
        flags=dict.fromkeys(known, True) | flags,
        properties=properties,
        hyperv_vendor=values.get("hv-vendor-id", ""),
        hidden=propstring.boolean(values.get("hidden", "0")),
        phys_bits=values.get("phys-bits", ""),
        enforced=kvm and model not in ("host", "max") and arch == "x86_64",
        vendor=vendor_of(model),
    )


def _model(wanted: str, *, arch: str, kvm: bool) -> tuple[str, tuple[str, ...]]:
    """The name that QEMU knows and the features that the reference's model has on top of it."""
    if arch != "x86_64":
        return (wanted or "host", ()) if kvm else ("max" if wanted in ("", "host", "kvm64") else wanted, ())
    if not kvm and wanted in ("", "kvm64"):
        return "qemu64", ()
    if wanted in ("", "kvm64"):
        return "kvm64", _KVM64_EXTRA
    if wanted in LEVELS:
        return "qemu64", LEVELS[wanted]
    return ("max" if wanted == "host" and not kvm else _RENAMED.get(wanted, wanted)), ()


def vendor_of(model: str) -> str:
    """The maker that a guest is shown, as CPUID spells it; "" where it is left to QEMU."""
    if model.startswith(_NO_VENDOR):
        return ""
    if model.startswith("Dhyana"):
        return "HygonGenuine"
    return "AuthenticAMD" if model.startswith(_AMD_MODELS) else "GenuineIntel"


def cpu_element(cpu: Cpu, shape: Topology, cells: list[Element]) -> Element:
    """``<cpu>``. ``cells``: NUMA nodes inside the guest."""
    numa = element("numa", *cells) if cells else None
    top = element("topology", sockets=shape.sockets, cores=shape.cores, threads=1)
    bits = None
    if cpu.phys_bits:
        given = cpu.phys_bits != "host"
        bits = element("maxphysaddr", mode="emulate" if given else "passthrough", bits=cpu.phys_bits if given else None)
    features = [
        element("feature", policy="require" if on else "disable", name=_NAMES.get(flag, flag))
        for flag, on in cpu.flags.items()
        if not flag.startswith(("hv-", "kvm_"))
    ]
    if cpu.model == "host":
        return element(
            "cpu", top, bits, *features, numa, mode="host-passthrough", check="none", migratable="on"
        )  # fmt: skip
    if cpu.model == "max":
        return element("cpu", top, bits, *features, numa, mode="maximum", check="none", migratable="on")
    model = element("model", text=cpu.model, fallback="forbid", vendor_id=cpu.vendor or None)
    check = "partial" if cpu.enforced else "none"
    return element("cpu", model, top, bits, *features, numa, mode="custom", match="exact", check=check)


def property_arguments(cpu: Cpu, arch: str) -> list[str]:
    """QEMU's arguments for what libvirt has no words for."""
    return [w for name, value in cpu.properties.items() for w in ("-global", f"{cpu.model}-{arch}-cpu.{name}={value}")]


def paravirtual_features(cpu: Cpu, windows: int) -> list[Element | None]:
    """Of ``<features>``: what a guest of KVM on x86 is told about it; for Windows what it looks for under Hyper-V."""
    return [
        element("apic", eoi=on_off(cpu.flags.get("kvm_pv_eoi", True))),
        element("pvspinlock", state=on_off(cpu.flags.get("kvm_pv_unhalt", True))),
        element("kvm", element("hidden", state="on")) if cpu.hidden else None,
        _hyperv(cpu, windows),
    ]


def _hyperv(cpu: Cpu, windows: int) -> Element | None:
    names: list[str] = []
    if windows >= 6:
        names += ["vapic"]
    if windows >= 7:
        names += ["relaxed", "vpindex", "runtime", "synic", "stimer", "reset"]
    if windows >= 10:
        names += ["ipi"]
    rows = [element(name, state="on") for name in names]
    if windows >= 6:
        rows.append(element("spinlocks", state="on", retries=_SPINLOCK_RETRIES))
    if cpu.hyperv_vendor:
        rows.append(element("vendor_id", state="on", value=cpu.hyperv_vendor))
    rows += [element(flag[3:], state=on_off(on)) for flag, on in cpu.flags.items() if flag.startswith("hv-")]
    return element("hyperv", *rows, mode="custom") if rows else None
