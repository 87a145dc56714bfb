"""What QEMU can be on this node: processor models, machine types and the features it can show to a guest.

libvirt is asked once for each build of QEMU and each boot; the answer lies in ``/run/hostd``, so that later calls read
a file. Source: libvirt, "Domain capabilities XML format" and "Capabilities XML format".
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hostd.core import files
from hostd.core.errors import HostError
from hostd.guests.qemu.devices.machine import Version, parse_version
from hostd.guests.qemu.devices.xml import element

FOLDER = "/run/hostd"
EMULATORS = "/usr/bin"
ARCHITECTURES: Final = ("x86_64", "aarch64")
_TYPE: Final = re.compile(r"(?:pc-(i440fx|q35)|(virt))-(\d+\.\d+)")


class Libvirt(Protocol):
    """What is asked of libvirt; ``kvm``: of machines with hardware virtualization, else of emulated ones."""

    def capabilities(self) -> str: ...

    def domain_capabilities(self, arch: str, *, kvm: bool) -> str: ...

    def all_features(self, arch: str, cpu: str, *, kvm: bool) -> str:
        """A processor's definition with every feature of its model named."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """``models``: processors by libvirt's names. ``machines``: QEMU's names. ``kvm``, ``tcg``: features of the widest
    processor by libvirt's names, with and without hardware virtualization, those for Windows with ``hv-`` before."""

    models: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    kvm: tuple[str, ...] = ()
    tcg: tuple[str, ...] = ()


def parse_machines(xml: str, arch: str) -> tuple[str, ...]:
    """Machine types of an architecture from libvirt's capabilities, "pc" and other second names left out."""
    guest = ElementTree.fromstring(xml).find(f"guest/arch[@name='{arch}']")
    found = (
        [] if guest is None else [row.text or "" for row in guest.iterfind("machine") if "canonical" not in row.attrib]
    )
    return tuple(sorted(set(found)))


def parse_models(xml: str) -> tuple[str, ...]:
    """Processor models from domain capabilities, in libvirt's order."""
    return tuple(row.text or "" for row in ElementTree.fromstring(xml).iterfind("cpu/mode[@name='custom']/model"))


def host_model(xml: str) -> Element | None:
    """``<cpu>`` with what a guest can be shown here, a model and how it differs; None where there is no such thing."""
    mode = ElementTree.fromstring(xml).find("cpu/mode[@name='host-model'][@supported='yes']")
    if mode is None or mode.find("model") is None:
        return None
    parts = [part for part in mode if part.tag in ("model", "vendor", "feature")]
    return element("cpu", *parts, mode="custom", match="exact")


def parse_features(cpu: Element) -> set[str]:
    return {row.get("name", "") for row in cpu.iterfind("feature") if row.get("policy") in ("require", "force")}


def parse_hyperv(xml: str) -> set[str]:
    """What Windows finds under KVM, from domain capabilities."""
    rows = ElementTree.fromstring(xml).iterfind("features/hyperv[@supported='yes']/enum[@name='features']/value")
    return {f"hv-{row.text}" for row in rows}


@dataclass(frozen=True, kw_only=True)
class MachineName:
    """A machine type with a version: ``kind`` is i440fx, q35 or virt."""

    id: str
    kind: str
    version: str

    @property
    def number(self) -> Version:
        return parse_version(self.version)


def versioned(machines: tuple[str, ...]) -> list[MachineName]:
    """Those that a configuration can name, the newest first, i440fx before q35."""
    found = [
        MachineName(id=name, kind=match[1] or match[2], version=match[3])
        for name in machines
        if (match := _TYPE.fullmatch(name))
    ]
    return sorted(sorted(found, key=lambda one: one.number, reverse=True), key=lambda one: one.kind)


def ask(libvirt: Libvirt, arch: str) -> Capabilities:
    """Everything at once. Raises Unavailable when libvirt does not answer; without KVM there are no features of it."""
    emulated = libvirt.domain_capabilities(arch, kvm=False)
    return Capabilities(
        models=parse_models(emulated),
        machines=parse_machines(libvirt.capabilities(), arch),
        kvm=_features(libvirt, arch, _by_kvm(libvirt, arch), kvm=True),
        tcg=_features(libvirt, arch, emulated, kvm=False),
    )


def _by_kvm(libvirt: Libvirt, arch: str) -> str:
    """ "" on a node without ``/dev/kvm``, and for foreign processors."""
    with contextlib.suppress(HostError):
        return libvirt.domain_capabilities(arch, kvm=True)
    return ""


def _features(libvirt: Libvirt, arch: str, xml: str, *, kvm: bool) -> tuple[str, ...]:
    model = host_model(xml) if xml else None
    if model is None:
        return ()
    whole = libvirt.all_features(arch, ElementTree.tostring(model, encoding="unicode"), kvm=kvm)
    return tuple(sorted(parse_features(ElementTree.fromstring(whole)) | parse_hyperv(xml)))


def emulator(arch: str) -> str:
    return os.path.join(EMULATORS, f"qemu-system-{arch}")


def _build(arch: str) -> str:
    """What changes when QEMU is upgraded; "" when it is not installed for this architecture."""
    try:
        found = os.stat(emulator(arch))
    except FileNotFoundError:
        return ""
    return f"{found.st_ino}:{found.st_mtime_ns}:{found.st_size}"


def of(arch: str, connect: Callable[[], Libvirt]) -> Capabilities:
    """Of the QEMU that is installed for an architecture; nothing at all where there is none.

    ``connect`` is called when this build was not asked about since the node's start.
    """
    build = _build(arch)
    if not build:
        return Capabilities()
    path = os.path.join(FOLDER, f"qemu-{arch}.json")
    if known := _remembered(path, build):
        return known
    found = ask(connect(), arch)
    os.makedirs(FOLDER, exist_ok=True)
    files.replace(path, json.dumps({"build": build, "found": asdict(found)}).encode())
    return found


def _remembered(path: str, build: str) -> Capabilities | None:
    try:
        with open(path, encoding="utf-8") as file:
            kept: Mapping[str, Any] = json.load(file)
        if kept["build"] != build:
            return None
        return Capabilities(**{name: tuple(values) for name, values in kept["found"].items()})
    except (OSError, ValueError, TypeError, KeyError):
        return None
