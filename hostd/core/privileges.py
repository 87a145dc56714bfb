"""The privileges that roles are made of; access control gives them their meaning.

Source: ``api/access.json`` of the shared facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What a privilege reaches, by family: the part before the first dot.
_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "Datastore": ("Allocate", "AllocateSpace", "AllocateTemplate", "Audit"),
    "Group": ("Allocate",),
    "Mapping": ("Audit", "Modify", "Use"),
    "Permissions": ("Modify",),
    "Pool": ("Allocate", "Audit"),
    "Realm": ("Allocate", "AllocateUser"),
    "SDN": ("Allocate", "Audit", "Use"),
    "Sys": ("AccessNetwork", "Audit", "Console", "Incoming", "Modify", "PowerMgmt", "Syslog"),
    "User": ("Modify",),
    "VM": (
        "Allocate", "Audit", "Backup", "Clone", "Config.CDROM", "Config.CPU", "Config.Cloudinit", "Config.Disk",
        "Config.HWType", "Config.Memory", "Config.Network", "Config.Options", "Console", "GuestAgent.Audit",
        "GuestAgent.FileRead", "GuestAgent.FileSystemMgmt", "GuestAgent.FileWrite", "GuestAgent.Unrestricted",
        "Migrate", "PowerMgmt", "Replicate", "Snapshot", "Snapshot.Rollback",
    ),
}  # fmt: skip

PRIVILEGES: Final[tuple[str, ...]] = tuple(f"{family}.{name}" for family, names in _FAMILIES.items() for name in names)
