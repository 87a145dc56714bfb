"""Area ``storage``: names, lists, retention, limits, disks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hostd.access import users
from hostd.access.rights import Rights
from hostd.core.errors import HostError, NotFound
from hostd.node.disks import inventory, smart, uses
from hostd.storage import archives, listing, naming, ovf, retention, rights
from hostd.storage.config import format_storage_cfg, parse_storage_cfg
from hostd.storage.interface import StorageConfig, Volume
from hostd.storage.volume import VolumeId, VolumeName

Case = dict[str, Any]


def told_name(parsed: VolumeName) -> dict[str, object]:
    """Whether a volume is a base is told of those that belong to a guest."""
    return {
        "vtype": str(parsed.content),
        "name": parsed.name,
        "vmid": parsed.owner or None,
        "basename": parsed.base or None,
        "basevmid": parsed.base_vmid,
        "is_base": None if parsed.vmid is None else int(parsed.is_base),
        "format": parsed.format,
    }


def _vmid(value: object) -> int | None:
    return None if value is None else int(str(value))


def heard_storage(storage: Mapping[str, Any], id: str = "store") -> StorageConfig:
    options = {key: str(value) for key, value in storage.items() if not isinstance(value, dict | list)}
    if dirs := storage.get("content-dirs"):
        options["content-dirs"] = ",".join(f"{key}={value}" for key, value in dirs.items())
    return StorageConfig(id=id, type=storage["type"], content=(), options=options)


def archive_info(case: Case) -> object:
    found = archives.parse_archive(case["archive"])
    return {
        "filename": found.filename,
        "type": found.type,
        "format": found.format,
        "compression": found.compression or None,
        "decompressor": list(found.unpack) or None,
        "is_std_name": int(found.is_standard),
        "vmid": found.vmid,
        "ctime": found.ctime_s,
        "logfilename": found.log or None,
        "notesfilename": found.notes or None,
    }


def filesystem_path(case: Case) -> object:
    path = listing.file_path(heard_storage(case["storage"]), case["volname"], case.get("snapshot") or "")
    parsed = naming.parse_name(case["storage"]["type"], case["volname"])
    return {"path": path, "vmid": parsed.vmid, "vtype": str(parsed.content)}


def path_to_volid(case: Case) -> object:
    for id, storage in case["storages"].items():
        if name := listing.name_at(heard_storage(storage, id), case["path"]):
            return {"vtype": str(listing.content_at(name)), "volid": f"{id}:{name}"}
    return {"vtype": ""}


def list_volumes(case: Case) -> object:
    entries = [
        listing.FileEntry(
            path=f["path"],
            size_bytes=int(f.get("size") or 0),
            used_bytes=int(f.get("used") or 0),
            ctime_s=_vmid(f.get("ctime")),
            backing=f.get("backing") or "",
            directory=bool(int(f.get("directory") or 0)),
        )
        for f in case["files"]
    ]
    guests = {int(id): kind for id, kind in case["guests"].items()}
    found = listing.listed(heard_storage(case["storage"]), entries, case["content_types"], _vmid(case.get("vmid")))
    return [told_volume(case["storeid"], listing.of_guest(volume, guests)) for volume in found]


def told_volume(storage: str, volume: Volume) -> dict[str, object]:
    return {
        "volid": f"{storage}:{volume.name}",
        "content": str(volume.content),
        "format": volume.format,
        "size": volume.size_bytes,
        "used": volume.used_bytes or None,
        "vmid": volume.vmid,
        "ctime": volume.ctime_s,
        "parent": volume.parent or None,
        "subtype": volume.subtype or None,
    }


def prune(case: Case) -> object:
    backups = [
        retention.Backup(
            volid=b["volid"], ctime_s=int(b["ctime"]), vmid=_vmid(b.get("vmid")), protected=bool(b.get("protected"))
        )
        for b in case["backups"]
    ]
    keep = {key: int(value) for key, value in case["keep"].items()}
    marked = retention.mark(backups, keep, vmid=_vmid(case.get("vmid")), type=case.get("type") or "")
    return [
        {"volid": m.backup.volid, "ctime": m.backup.ctime_s, "vmid": m.backup.vmid, "type": m.type, "mark": str(m.mark)}
        for m in marked
    ]


def _may(case: Case) -> rights.May:
    found = Rights(users.parse(case["user_cfg"]))
    return lambda path, privilege: privilege in found.privileges(case["user"], path)


def bandwidth(case: Case) -> object:
    file = parse_storage_cfg(case["storage_cfg"].encode())
    general = re.search(r"^bwlimit:\s*(.*)$", case.get("datacenter_cfg") or "", re.MULTILINE)
    names = list(dict.fromkeys(name for name in case.get("storages") or () if name is not None))
    return rights.bandwidth_limit(
        case["operation"],
        [rights.parse_limits(file.get(name).text("bwlimit")) for name in names],
        rights.parse_limits(general[1] if general else ""),
        None if case.get("override") is None else float(case["override"]),
        may=_may(case),
        names=names,
    )


def volume_access(case: Case) -> object:
    file = parse_storage_cfg(case["storage_cfg"].encode())
    try:
        volume = VolumeId.parse(case["volid"])
    except HostError:
        volume = None
    parsed = naming.parse_name(file.get(volume.storage).type, volume.name) if volume else None
    try:
        rights.require_volume_access(
            parsed,
            volume.storage if volume else "",
            _may(case),
            vmid=_vmid(case.get("vmid")),
            content=case.get("type") or "",
            root=case["user"] == "root@pam",
        )
    except HostError:
        return 0
    return 1


def _udev(text: str) -> dict[str, str]:
    return dict(line[3:].partition("=")[::2] for line in text.splitlines() if line.startswith("E: "))


def disk_facts(files: Mapping[str, str]) -> inventory.Facts:
    """The host as the case's files show it; every partition counts as held by something."""
    parts = (files.get("partlist") or "").split()
    disks = []
    for name in filter(inventory.is_disk, files["disklist"].split()):
        rotational = files.get(f"{name}/queue/rotational", "").strip()
        own = tuple(inventory.Block(name=p, held=True) for p in parts if p.startswith(name) and p != name)
        disks.append(
            inventory.Block(
                name=name,
                udev=_udev(files.get(f"{name}_udevadm", "")),
                size_bytes=int(files.get(f"{name}/size", "0")) * inventory.SECTOR,
                rotational=rotational == "1" if rotational else None,
                vendor=files.get(f"{name}/device/vendor", "").strip(),
                model=files.get(f"{name}/device/model", "").strip(),
                partitions=own,
            )
        )
    types, contents = uses.parse_lsblk(files.get("lsblk", ""))
    return inventory.Facts(
        disks=tuple(disks),
        mounts=dict(line.split()[:2] for line in files.get("mounts", "").splitlines() if line.strip()),
        zfs=uses.parse_zpools(files.get("zpool", "")),
        lvm=uses.parse_pvs(files.get("pvs", "")),
        ceph=uses.parse_ceph_volumes(files.get("lvs", "")),
        partition_types=types,
        contents=contents,
    )


def disk_list(case: Case) -> object:
    files = case["files"]

    def read(path: str, health_only: bool) -> smart.Smart:
        name = path.removeprefix("/dev/").replace("/", "!")
        return smart.parse_smart(files.get(f"{name}_{'health' if health_only else 'smart'}", ""))

    found = inventory.describe(disk_facts(files), read, only=case.get("disk") or "")
    return {disk.name: inventory.shown(disk) for disk in found}


def smart_data(case: Case) -> object:
    return smart.shown(smart.parse_smart(case["smartctl_output"]))


def ovf_parse(case: Case) -> object:
    def size_of(file: str) -> int:
        if file not in case["present_files"]:
            raise NotFound(f"no file '{file}'")
        return int(case["disk_virtual_size"][file])

    machine = ovf.parse_ovf(case["ovf"], case["dir"], size_of)
    return {
        "disks": [
            {"disk_address": d.address, "backing_file": d.path, "relative_path": d.file, "virtual_size": d.size_bytes}
            for d in machine.disks
        ],
        "net": {key: {"model": model} for key, model in machine.nets().items()},
        "qm": machine.options(),
    }


def storage_cfg_parse(case: Case) -> object:
    file = parse_storage_cfg(case["raw"].encode())
    return {id: told_storage(storage) for id, storage in file.known().items()}


def told_storage(storage: StorageConfig) -> dict[str, object]:
    return {
        **storage.options,
        "type": storage.type,
        "content": list(storage.content) or ["none"],
        "nodes": sorted(storage.nodes) if storage.nodes is not None else None,
        "shared": 1 if storage.shared else storage.options.get("shared"),
    }


OPERATIONS: dict[str, Callable[[Case], object]] = {
    "archive-info": archive_info,
    "parse-volname": lambda case: told_name(naming.parse_name(case["type"], case["volname"])),
    "parse-volid": lambda case: (lambda v: {"storage": v.storage, "volname": v.name})(VolumeId.parse(case["volid"])),
    "filesystem-path": filesystem_path,
    "get-subdir": lambda case: listing.content_path(heard_storage(case["storage"]), case["vtype"]),
    "path-to-volid": path_to_volid,
    "list-volumes": list_volumes,
    "free-disk-name": lambda case: naming.free_disk_name(
        case["type"],
        int(case["vmid"]),
        case["format"],
        [volid.partition(":")[2] for volid in case["volids"]],
        suffix=bool(int(case["add_format_suffix"])),
    ),
    "prune-backups": prune,
    "parse-prune-option": lambda case: dict(retention.parse_keep(case["value"])),
    "bandwidth-limit": bandwidth,
    "volume-access": volume_access,
    "disk-list": disk_list,
    "smart-data": smart_data,
    "ovf-parse": ovf_parse,
    "storage-cfg-parse": storage_cfg_parse,
    "storage-cfg-rewrite": lambda case: format_storage_cfg(
        parse_storage_cfg(case["raw"].encode()).sections, declared_only=True
    ).decode(),
}
