"""``/nodes/{node}/capabilities``: what machines can be on a node."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.core.schema import Kind, param
from hostd.guests.qemu import capabilities
from hostd.guests.qemu.capabilities import Capabilities
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.cpuflags import flags_of
from hostd.guests.qemu.devices.cpu import CUSTOM, LEVELS, vendor_of
from hostd.guests.qemu.gathering import custom_models
from hostd.node import kvm_probe

ARCHITECTURE = Kind(enum=capabilities.ARCHITECTURES)
ACCELERATOR = Kind(enum=("kvm", "tcg"))
_NAMES = array(fields(name="string"), child="name")
_SUPPORTED = {"type": "array", "items": {"type": "string", "format": "pve-node"}, "optional": True}
FLAGS = array({**fields(name="string", description="string?"), "supported-on": _SUPPORTED})
_KINDS = {"type": "string", "enum": ("q35", "i440fx", "virt")}
# QEMU has them by other names than models: "host" is the processor that is there, "max" all that can be emulated.
_SPECIAL = ("host", "max")
_NO_MAKER = "default"


@dataclass(frozen=True, kw_only=True)
class ArchParams(NodeParams):
    """What to tell of."""

    arch: str = param(ARCHITECTURE, default="", doc="Architecture of the machines; the node's own where left out.")


@dataclass(frozen=True, kw_only=True)
class FlagParams(ArchParams):
    """Which flags."""

    accel: str = param(ACCELERATOR, default="kvm", shown_default="kvm", doc="Hardware virtualization, or emulation.")


def found(arch: str) -> tuple[str, Capabilities]:
    """The architecture that is meant, and what this node's QEMU can be; asked of libvirt once for each build of it."""
    arch = arch or os.uname().machine
    machines = LibvirtMachines()
    try:
        return arch, capabilities.of(arch, lambda: machines)
    finally:
        machines.close()


@endpoint("GET", "/nodes/{node}/capabilities", params=NodeParams, returns=_NAMES, allow=ALL, runs_on="node")
def index(ctx: Context, p: NodeParams) -> object:
    """Of what there is something to tell."""
    return [{"name": "qemu"}]


@endpoint("GET", "/nodes/{node}/capabilities/qemu", params=NodeParams, returns=_NAMES, allow=ALL, runs_on="node")
def qemu_index(ctx: Context, p: NodeParams) -> object:
    """What there is to tell of machines."""
    return [{"name": name} for name in ("cpu", "cpu-flags", "machines", "migration")]


@endpoint(
    "GET",
    "/nodes/{node}/capabilities/qemu/cpu",
    params=ArchParams,
    returns=array(fields(name="string", vendor="string", custom="boolean", abstract="boolean?"), child="name"),
    allow=ALL,
    runs_on="node",
    privileged=True,
    checked_in_code=True,
)
def cpu_models(ctx: Context, p: ArchParams) -> object:
    """Processor models that a machine can be given on this node, the cluster's own ones among them.

    Own ones are shown to who holds a privilege on their mapping, or Sys.Audit on all nodes.
    """
    arch, here = found(p.arch)
    levels = [_model(name) | {"abstract": 1} for name in LEVELS] if arch == "x86_64" and here.models else []
    special = [_model(name) for name in _SPECIAL] if here.machines else []
    own = [
        _model(values.get("reported-model", "kvm64")) | {"name": f"{CUSTOM}{name}", "custom": 1}
        for name, values in sorted(custom_models(ctx.store).items())
        if may_see_model(ctx, name)
    ]
    return [*(_model(name) for name in here.models), *special, *levels, *own]


def _model(name: str) -> dict[str, object]:
    return {"name": name, "custom": 0, "vendor": vendor_of(name) or _NO_MAKER}


def may_see_model(ctx: Context, name: str) -> bool:
    """Whether the caller may see one of the cluster's own processor models."""
    mapping = ("Mapping.Audit", "Mapping.Use", "Mapping.Modify")
    return ctx.may("/nodes", "Sys.Audit") or ctx.may(f"/mapping/cpu/{name}", *mapping, any_of=True)


@endpoint(
    "GET",
    "/nodes/{node}/capabilities/qemu/cpu-flags",
    params=FlagParams,
    returns=FLAGS,
    allow=ALL,
    runs_on="node",
    privileged=True,
)
def cpu_flags(ctx: Context, p: FlagParams) -> object:
    """Flags that a machine's processor can be given; ``supported-on`` tells of this node alone."""
    return flag_rows(ctx, p.arch, p.accel)


def flag_rows(ctx: Context, arch: str, accel: str) -> list[dict[str, object]]:
    """Flags of an architecture, with this node where it supports them."""
    arch, here = found(arch)
    features = here.tcg if accel == "tcg" else here.kvm if kvm_probe.verdict(ctx.run).usable else ()
    return [
        {
            "name": flag.name,
            "description": flag.doc,
            "supported-on": [ctx.node] if flag.supported(features) else [],
        }
        for flag in flags_of(arch)
    ]


@endpoint(
    "GET",
    "/nodes/{node}/capabilities/qemu/machines",
    params=ArchParams,
    returns=array({**fields(id="string", version="string", changes="string?"), "type": _KINDS}),
    allow=ALL,
    runs_on="node",
    privileged=True,
)
def machine_types(ctx: Context, p: ArchParams) -> object:
    """Machine types with their versions that this node's QEMU can be, the newest first."""
    _, here = found(p.arch)
    return [{"id": one.id, "type": one.kind, "version": one.version} for one in capabilities.versioned(here.machines)]


@endpoint(
    "GET",
    "/nodes/{node}/capabilities/qemu/migration",
    params=NodeParams,
    returns={
        "type": "object",
        "additionalProperties": False,
        "properties": {"has-dbus-vmstate": {"type": "boolean"}},
    },
    allow=Check("/nodes/{node}", "Sys.Audit"),
    runs_on="node",
)
def migration(ctx: Context, p: NodeParams) -> object:
    """What this node can take along when a machine moves: no state of programs outside of QEMU."""
    return {"has-dbus-vmstate": 0}
