"""Storage types that we have no driver for: what their sections may say, so that they are read, shown and kept.

Source: the reference's ``section_configs`` (api/schema.json): options by type, which are fixed, contents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hostd.core.formats.sections import SectionOption
from hostd.core.schema import Kind
from hostd.storage.drivers.options import (
    BLOCK_SIZE,
    CHAIN,
    COMMON,
    DATASET,
    FILES,
    FLAG,
    MOUNT_OPTIONS,
    PATH,
    SERVER,
    TEXT,
)
from hostd.storage.interface import Info

_PASSWORD: Final = Kind(max_length=256)
_PORT: Final = Kind(type="integer", minimum=1, maximum=65535)
_USER: Final = SectionOption(kind=TEXT, doc="User name at the server.")
_FINGERPRINT: Final = Kind(pattern="([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}")
_MONITORS: Final = SectionOption(
    kind=Kind(type="list", format="pve-storage-portal-dns"), doc="Monitors of a Ceph cluster elsewhere."
)
_SECRET: Final = SectionOption(kind=TEXT, doc="Key ring for that cluster.")
_FOLDER: Final = SectionOption(kind=PATH, doc="Where it is mounted.", fixed=True, required=True)
_SUBFOLDER: Final = SectionOption(kind=PATH, doc="Folder on the server.")
_POOL: Final = SectionOption(kind=DATASET, doc="Pool.")
_PORTAL: Final = SectionOption(
    kind=Kind(format="pve-storage-portal-dns"), doc="Portal of the target.", fixed=True, required=True
)
_TARGET: Final = SectionOption(kind=TEXT, doc="Name of the target.", fixed=True, required=True)
_NO_LIMIT: Final = {key: option for key, option in COMMON.items() if key != "bwlimit"}
_FILE_CONTENT: Final = ("backup", "import", "iso", "snippets", "vztmpl")


def _fixed(doc: str, kind: Kind = TEXT) -> SectionOption:
    return SectionOption(kind=kind, doc=doc, fixed=True, required=True)


def _info(
    type: str,
    content: tuple[str, ...],
    default: str,
    options: Mapping[str, SectionOption],
    *,
    formats: tuple[str, ...] = ("raw",),
    shared: bool = True,
) -> Info:
    return Info(
        type=type,
        content=frozenset(content),
        default_content=frozenset((default,)),
        formats=formats,
        container_format="raw",
        shared=shared,
        options=options,
    )


_CIFS: Final = {
    "path": _FOLDER,
    "server": SERVER,
    "share": _fixed("Share."),
    "subdir": _SUBFOLDER,
    "username": _USER,
    "password": SectionOption(kind=_PASSWORD, doc="Password."),
    "domain": SectionOption(kind=_PASSWORD, doc="Domain of the user."),
    "smbversion": SectionOption(
        kind=Kind(enum=("default", "2.0", "2.1", "3", "3.0", "3.11")), doc="Version of the protocol."
    ),
    "options": MOUNT_OPTIONS,
    "snapshot-as-volume-chain": CHAIN,
    **COMMON,
    **FILES,
}
_CEPHFS: Final = {
    "path": _FOLDER,
    "monhost": _MONITORS,
    "username": _USER,
    "keyring": _SECRET,
    "fs-name": SectionOption(kind=Kind(format="pve-configid"), doc="File system."),
    "subdir": _SUBFOLDER,
    "fuse": SectionOption(kind=FLAG, doc="Mount by FUSE."),
    "options": MOUNT_OPTIONS,
    **COMMON,
    **{key: option for key, option in FILES.items() if key != "preallocation"},
}
_RBD: Final = {
    "pool": _POOL,
    "data-pool": SectionOption(kind=TEXT, doc="Pool for data alone."),
    "namespace": SectionOption(kind=TEXT, doc="Namespace."),
    "monhost": _MONITORS,
    "username": _USER,
    "keyring": _SECRET,
    "krbd": SectionOption(kind=FLAG, doc="Through the kernel's driver."),
    **COMMON,
}
_PBS: Final = {
    "server": SERVER,
    "datastore": _fixed("Datastore."),
    "namespace": SectionOption(kind=TEXT, doc="Namespace."),
    "port": SectionOption(kind=_PORT, doc="Port."),
    "username": _USER,
    "password": SectionOption(kind=_PASSWORD, doc="Password or token."),
    "fingerprint": SectionOption(kind=_FINGERPRINT, doc="Fingerprint of the server's certificate."),
    "encryption-key": SectionOption(kind=TEXT, doc="Key that backups are encrypted with."),
    "master-pubkey": SectionOption(kind=TEXT, doc="Public key for a copy of that key."),
    "prune-backups": FILES["prune-backups"],
    "max-protected-backups": FILES["max-protected-backups"],
    **_NO_LIMIT,
}
_ESXI: Final = {
    "server": SectionOption(kind=Kind(format="pve-storage-server"), doc="Server.", required=True),
    "username": SectionOption(kind=TEXT, doc="User name at the server.", required=True),
    "password": SectionOption(kind=_PASSWORD, doc="Password."),
    "port": SectionOption(kind=_PORT, doc="Port."),
    "skip-cert-verification": SectionOption(kind=FLAG, doc="Trust any certificate."),
    "shared": SectionOption(kind=FLAG, doc="All nodes see the same."),
    **_NO_LIMIT,
}
_ISCSI: Final = {"portal": _PORTAL, "target": _TARGET, **COMMON}
_ZFS: Final = {
    "pool": _fixed("Pool.", DATASET),
    "portal": _PORTAL,
    "target": _TARGET,
    "iscsiprovider": _fixed("Kind of the target."),
    "blocksize": _fixed("Block size.", BLOCK_SIZE),
    "sparse": SectionOption(kind=FLAG, doc="Volumes take space as they are written."),
    "nowritecache": SectionOption(kind=FLAG, doc="No write cache at the target."),
    "comstar_hg": SectionOption(kind=TEXT, doc="Host group of COMSTAR."),
    "comstar_tg": SectionOption(kind=TEXT, doc="Target group of COMSTAR."),
    "lio_tpg": SectionOption(kind=TEXT, doc="Target portal group of LIO."),
    "zfs-base-path": SectionOption(kind=PATH, doc="Where devices of the pool are."),
    **COMMON,
}
_IMAGE_FILES: Final = ("raw", "qcow2", "vmdk")
FOREIGN: Final[Mapping[str, Info]] = {
    info.type: info
    for info in (
        _info("cifs", (*_FILE_CONTENT, "images", "rootdir"), "images", _CIFS, formats=_IMAGE_FILES),
        _info("cephfs", _FILE_CONTENT, "backup", _CEPHFS),
        _info("rbd", ("images", "rootdir"), "images", _RBD),
        _info("pbs", ("backup",), "backup", _PBS),
        _info("esxi", ("import",), "import", _ESXI, formats=_IMAGE_FILES, shared=False),
        _info("iscsi", ("images",), "images", _ISCSI),
        _info("iscsidirect", ("images",), "images", _ISCSI),
        _info("zfs", ("images",), "images", _ZFS),
    )
}
