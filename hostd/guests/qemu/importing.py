"""A disk from an image that exists: a volume of another storage or guest, or a file that root names."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Final

from hostd.core.errors import NotFound, ParseError, Unsupported
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.changes import free_unused
from hostd.guests.marks import held
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.plan import NewVolume
from hostd.guests.qemu.volumes import default_format
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage import copying
from hostd.storage.catalog import Catalog
from hostd.storage.imports import extracted
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_MARK: Final = "create"
_SPARSE_VMDK: Final = b"KDMV"
_LONG_S: Final = 7 * 24 * 3600.0
_INFO_S: Final = 60
_FORMATS: Final = {".qcow2": "qcow2", ".vmdk": "vmdk", ".raw": "raw", ".img": "raw"}


def import_disk(
    host: Host,
    log: TaskLog,
    catalog: Catalog,
    vmid: int,
    new: NewVolume,
    format: str,
    *,
    limit_kib: int = 0,
    working: str = "",
) -> VolumeId:
    """Make a guest's volume with the contents of ``new.source``; nothing stays behind when that fails.

    ``working``: the storage where a disk of an archive is extracted; "" beside the archive.
    """
    log.info(f"{new.key}: importing '{new.source}'")
    if new.source.startswith("/"):
        return _import_file(host, catalog, vmid, new, format, new.source, limit_kib)
    source = VolumeId.parse(new.source)
    if catalog.format(source).startswith("ova+"):
        archive, _, disk = source.name.removeprefix("import/").partition("/")
        folder = catalog.folder(working, "images") if working else ""
        with extracted(catalog.path(VolumeId(source.storage, f"import/{archive}")), disk, folder) as path:
            return _import_file(host, catalog, vmid, new, format, path, limit_kib)
    if catalog.volume(source).content == "import":  # a file that somebody uploaded
        return _import_file(host, catalog, vmid, new, format, catalog.path(source), limit_kib)
    return copying.copy(catalog, host.run, source, new.storage, vmid, format=format, limit_kib=limit_kib)


def file_format(path: str) -> str:
    """The format that a file's name tells; its contents are not asked, for they could name any file of the host."""
    found = _FORMATS.get(os.path.splitext(path)[1].lower())
    if found is None and path.startswith("/dev/"):
        return "raw"
    if found is None:
        raise Unsupported(f"cannot tell the format of '{path}'; known endings: {', '.join(_FORMATS)}")
    return found


def info_argv(path: str, format: str) -> list[str]:
    return ["qemu-img", "info", "--output=json", "-f", format, path]


def parse_virtual_size(out: str) -> int:
    """Bytes that a guest sees, from ``qemu-img info --output=json``.

    Unsupported where an image names another file: it could be any file of the host.
    """
    try:
        found = json.loads(out)
        size = int(found["virtual-size"])
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"qemu-img info: unexpected output: {err}") from err
    inside = found.get("format-specific", {}).get("data", {})
    for other in (found.get("backing-filename"), inside.get("data-file")):
        if other:
            raise Unsupported(f"the image stands on another file, '{other}'; flatten it first (qemu-img convert)")
    return size


def require_one_file(path: str, format: str) -> None:
    """Unsupported for a VMDK that is a text which names the files with its contents, and so any file of the host."""
    with open(path, "rb") as file:
        if format == "vmdk" and file.read(4) != _SPARSE_VMDK:
            raise Unsupported(f"'{path}' is no VMDK in one file; convert it first (qemu-img convert)")


def _import_file(
    host: Host, catalog: Catalog, vmid: int, new: NewVolume, format: str, path: str, limit_kib: int
) -> VolumeId:
    if not os.path.exists(path):
        raise NotFound(f"there is no file '{path}'")
    inside = file_format(path)
    require_one_file(path, inside)
    out = host.run(info_argv(path, inside), timeout_s=_INFO_S).stdout
    spec = VolumeSpec(vmid=vmid, size_bytes=parse_virtual_size(out), format=format)
    volume = catalog.allocate(new.storage, spec, "images")
    try:
        catalog.activate([volume])
        source = copying.Source(path=path, format=inside)
        argv = copying.convert_argv(source, catalog.path(volume), format, limit_kib=limit_kib)
        host.run(argv, timeout_s=_LONG_S)
    except BaseException:
        catalog.free(volume)
        raise
    return volume


def bring_in(
    host: Host,
    log: TaskLog,
    vmid: int,
    source: str,
    storage: str,
    *,
    format: str = "",
    machines: Machines | None = None,
) -> str:
    """A machine's new unused disk with the contents of a file or volume; its key. Raises as ``import_disk``."""
    with files.lock(vmid), Undo() as undo:
        guest = held(host, opened(host, log, vmid, machines=machines), _MARK, undo)
        catalog = catalog_of(host)
        new = NewVolume(key="disk", storage=storage, size_bytes=0, source=source)
        volume = import_disk(host, log, catalog, vmid, new, format or default_format(catalog, storage))
        undo.add(catalog.free, volume)
        current = {k: v for k, v in guest.file.current.items() if k != "lock"}
        key = free_unused(current)
        files.save(host.store, guest, replace(guest.file, current={**current, key: str(volume)}))
        undo.keep()
    log.info(f"{key}: successfully imported disk '{volume}'")
    return key
