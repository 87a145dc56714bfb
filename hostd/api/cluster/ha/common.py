"""What the methods of high availability share: kinds of parameters, rights, services by their ids."""

from __future__ import annotations

from hostd.api import members
from hostd.api.context import Context
from hostd.api.endpoint import Check
from hostd.cluster import sectionfile
from hostd.cluster.sectionfile import SectionFile
from hostd.core.errors import Invalid
from hostd.core.schema import Kind
from hostd.ha import files, stored

AUDIT, CHANGE = Check("/", "Sys.Audit"), Check("/", "Sys.Console")
CONFIG_ID = Kind(format="pve-configid")
SID = Kind(format="pve-ha-resource-or-vm-id", typetext="<type>:<name>")


def resource_id(ctx: Context, sid: str) -> str:
    """``type:id`` of a service that may be named by its guest's id alone. Invalid where there is no such guest."""
    if ":" in sid:
        return sid
    found = next((known for known in stored.guests(ctx.mirror) if known.endswith(f":{sid}")), None)
    if found is None:
        raise Invalid({"sid": f"no such guest: {sid}"})
    return found


def configured(ctx: Context, sid: str) -> tuple[SectionFile, str]:
    """The file of services as it is now, and the id in it of the one that a call names."""
    return files.load(ctx.store, stored.RESOURCES), resource_id(ctx, sid)


def seen(ctx: Context, path: str) -> SectionFile:
    """A file as this node's copy has it."""
    return sectionfile.seen(ctx.mirror, path, files.FORMS[path])


def node_names(ctx: Context) -> list[str]:
    return sorted(member.name for member in members.nodes(ctx))
