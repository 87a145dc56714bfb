"""Who may do what. Until users and ACLs exist there is one user who may do everything, root@pam."""

from __future__ import annotations

PRIVILEGES: dict[str, tuple[str, ...]] = {
    "vms": (
        "VM.Allocate", "VM.Audit", "VM.Backup", "VM.Clone", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit",
        "VM.Config.Disk", "VM.Config.HWType", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options",
        "VM.Console", "VM.GuestAgent.Audit", "VM.Migrate", "VM.PowerMgmt", "VM.Snapshot", "VM.Snapshot.Rollback",
        "Permissions.Modify",
    ),
    "storage": (
        "Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit",
        "Permissions.Modify",
    ),
    "nodes": ("Sys.AccessNetwork", "Sys.Audit", "Sys.Console", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt",
              "Sys.Syslog", "Permissions.Modify"),
    "access": ("Group.Allocate", "Permissions.Modify", "User.Modify"),
    "dc": ("Sys.Audit", "Sys.Modify", "SDN.Allocate", "SDN.Audit", "SDN.Use"),
    "sdn": ("SDN.Allocate", "SDN.Audit", "SDN.Use", "Permissions.Modify"),
    "mapping": ("Mapping.Audit", "Mapping.Modify", "Mapping.Use", "Permissions.Modify"),
}  # fmt: skip


class RootAuthority:
    """``root@pam`` passes every check; nobody else passes one."""

    def may(self, user: str, path: str, privileges: tuple[str, ...], *, any_of: bool = False) -> bool:
        return user == "root@pam"

    def capabilities(self, user: str) -> dict[str, dict[str, int]]:
        """What a log-in tells the client about its rights, by area."""
        if user != "root@pam":
            return {area: {} for area in PRIVILEGES}
        return {area: dict.fromkeys(names, 1) for area, names in PRIVILEGES.items()}
