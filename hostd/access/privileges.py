"""Built-in roles and our own privileges. Facts: ``api/access.json`` of the shared reference data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hostd.core.privileges import PRIVILEGES

# Our own: what the reference leaves to root@pam alone. Each makes its holder root on the host, sooner or later, so no
# built-in role has one: an administrator who wants that makes a role of his own.
HOST_PRIVILEGES: Final[Mapping[str, str]] = {
    "Host.Administrate": "call methods that are root@pam's (at /)",
    "Host.Devices": "give devices of the host to guests (at /vms/ID)",
    "Host.GuestArguments": "arguments for QEMU, hook scripts (at /vms/ID)",
}
GRANTABLE: Final[tuple[str, ...]] = (*PRIVILEGES, *HOST_PRIVILEGES)
# The super user's: a holder can become root on the host or take over the cluster's accounts.
_ADMINISTRATOR_ONLY: Final = frozenset(
    {
        "Mapping.Modify", "Permissions.Modify", "Realm.Allocate",
        "Sys.AccessNetwork", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt",
    }
)  # fmt: skip


def _of(*wanted: str) -> frozenset[str]:
    """Privileges by full name, or whole families by their name alone."""
    return frozenset(p for p in PRIVILEGES if p in wanted or p.partition(".")[0] in wanted)


NO_ACCESS: Final = "NoAccess"
ADMINISTRATOR: Final = "Administrator"
BUILTIN_ROLES: Final[Mapping[str, frozenset[str]]] = {
    ADMINISTRATOR: frozenset(PRIVILEGES),
    NO_ACCESS: frozenset(),
    "PVEAdmin": frozenset(PRIVILEGES) - _ADMINISTRATOR_ONLY,
    "PVEAuditor": frozenset(p for p in PRIVILEGES if p.endswith(".Audit")),
    "PVEDatastoreAdmin": _of("Datastore"),
    "PVEDatastoreUser": _of("Datastore.AllocateSpace", "Datastore.Audit"),
    "PVEMappingAdmin": _of("Mapping"),
    "PVEMappingUser": _of("Mapping.Audit", "Mapping.Use"),
    "PVEPoolAdmin": _of("Pool"),
    "PVEPoolUser": _of("Pool.Audit"),
    "PVESDNAdmin": _of("SDN"),
    "PVESDNUser": _of("SDN.Audit", "SDN.Use"),
    "PVESysAdmin": _of("Sys.Audit", "Sys.Console", "Sys.Syslog"),
    "PVETemplateUser": _of("VM.Audit", "VM.Clone"),
    "PVEUserAdmin": _of("Group.Allocate", "Realm.AllocateUser", "User.Modify"),
    "PVEVMAdmin": _of("VM"),
    "PVEVMUser": _of(
        "VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.GuestAgent.Audit",
        "VM.GuestAgent.FileRead", "VM.GuestAgent.FileSystemMgmt", "VM.GuestAgent.FileWrite", "VM.PowerMgmt",
    ),
}  # fmt: skip

# The areas of a log-in's "cap" map: which families (or single privileges) a client hears of in each.
_AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "access": ("User", "Group", "Permissions"),
    "dc": ("Sys.Audit", "Sys.Modify", "SDN"),
    "mapping": ("Mapping", "Permissions"),
    "nodes": ("Sys", "Permissions"),
    "sdn": ("SDN", "Permissions"),
    "storage": ("Datastore", "Permissions"),
    "vms": ("VM", "Permissions"),
}
AREAS: Final[tuple[str, ...]] = tuple(sorted(_AREAS))


def told_in(area: str, privileges: Iterable[str]) -> list[str]:
    """Those of ``privileges`` that belong to an area of the "cap" map; none for an unknown area."""
    known = _AREAS.get(area, ())
    return [p for p in privileges if p in known or p.partition(".")[0] in known]
