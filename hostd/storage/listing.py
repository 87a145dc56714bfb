"""Files of a storage as volumes: which file is which volume, and what a list says about it. Pure.

Source: conformance area ``storage`` (list-volumes, path-to-volid, get-subdir, filesystem-path).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import ParseError, Unsupported
from hostd.storage.archives import parse_archive
from hostd.storage.interface import StorageConfig, Volume
from hostd.storage.volume import Content, VolumeName, archive_format, parse_file_name

SUBDIRS: Final[Mapping[str, str]] = {
    "images": "images",
    "rootdir": "private",
    "iso": "template/iso",
    "vztmpl": "template/cache",
    "backup": "dump",
    "snippets": "snippets",
    "import": "import",
}
_IMAGE: Final = re.compile(r"(\d+)/([^/\s]+)\Z")


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file: ``size_bytes`` is that of the disk inside an image; ``backing`` as the image names it."""

    path: str
    size_bytes: int = 0
    used_bytes: int = 0
    ctime_s: int | None = None
    backing: str = ""
    directory: bool = False
    notes: str = ""
    protected: bool = False


def content_path(storage: StorageConfig, content: str) -> str:
    """The folder of a content, with the storage's own choice of folders; ParseError for no such content."""
    chosen = dict(pair.split("=", 1) for pair in storage.text("content-dirs").split(",") if "=" in pair)
    if content not in SUBDIRS:
        raise ParseError(f"storage '{storage.id}' has no folder for content '{content}'")
    return f"{storage.text('path')}/{chosen.get(content, SUBDIRS[content])}"


def file_path(storage: StorageConfig, name: str, snapshot: str = "") -> str:
    """Where a volume's file is. A state lies inside its image, which only qcow2 can; Unsupported for others."""
    parsed = parse_file_name(name)
    if snapshot and parsed.format != "qcow2":
        raise Unsupported(f"volume '{storage.id}:{name}': format '{parsed.format}' has no snapshots")
    inside = f"{parsed.vmid}/{parsed.name}" if parsed.content is Content.IMAGES else parsed.name
    return f"{content_path(storage, parsed.content)}/{inside}"


def name_at(storage: StorageConfig, path: str) -> str:
    """The volume whose file is at a path, without what its image tells; empty when it is none of the storage's.

    A folder of containers' roots that old releases made (``private/100``) is ``rootdir/100``.
    """
    path = path.rstrip("/")
    for content in SUBDIRS:
        inside = path.removeprefix(f"{content_path(storage, content)}/")
        if inside == path:
            continue
        if content == Content.ROOTDIR and inside.isdecimal():
            return f"rootdir/{inside}"
        name = inside if content == Content.IMAGES else f"{content}/{inside}"
        with contextlib.suppress(ParseError):
            if parse_file_name(name).content == content and (content != Content.IMAGES or _IMAGE.match(name)):
                return name
    return ""


def content_at(name: str) -> str:
    """The content of a name that ``name_at`` found."""
    return Content.ROOTDIR if name.startswith("rootdir/") else parse_file_name(name).content


def file_volume(name: str, parsed: VolumeName, entry: FileEntry) -> Volume:
    """A file as lists show it. Backups tell the time in their name, and the kind of their guest."""
    image = parsed.content is Content.IMAGES
    time, subtype = _backup(parsed.name) if parsed.content is Content.BACKUP else (None, "")
    return Volume(
        name=with_base(name, entry.backing),
        content=parsed.content,
        format=_listed_format(parsed),
        size_bytes=0 if entry.directory else entry.size_bytes,
        used_bytes=entry.used_bytes if image and not entry.directory else 0,
        vmid=parsed.vmid,
        ctime_s=time or entry.ctime_s,
        parent=entry.backing,
        subtype=subtype,
        notes=entry.notes,
        protected=entry.protected,
    )


def _backup(filename: str) -> tuple[int | None, str]:
    try:
        archive = parse_archive(filename)
    except ParseError:
        return None, ""
    return archive.ctime_s, archive.type


def with_base(name: str, backing: str) -> str:
    """A linked clone's name begins with its base's (``1/base-1-disk-0.qcow2/2/vm-2-disk-0.qcow2``)."""
    base = backing.removeprefix("../")
    whole = f"{base}/{name}"
    with contextlib.suppress(ParseError):
        if base.count("/") == 1 and parse_file_name(whole).base:
            return whole
    return name


def listed(
    storage: StorageConfig, entries: Iterable[FileEntry], contents: Collection[str], vmid: int | None = None
) -> list[Volume]:
    """The volumes among files: of these contents and, if given, of one guest, which leaves out what has no owner."""
    found = []
    for entry in entries:
        name = name_at(storage, entry.path)
        if not name or name.startswith("rootdir/"):
            continue
        volume = file_volume(name, parse_file_name(name), entry)
        wanted = volume.content in contents or (volume.content is Content.IMAGES and Content.ROOTDIR in contents)
        if wanted and (vmid is None or volume.vmid == vmid):
            found.append(volume)
    return sorted(found, key=lambda v: v.name)


def of_guest(volume: Volume, guests: Mapping[int, str]) -> Volume:
    """Images of containers are roots (``guests``: id → ``qemu`` or ``lxc``)."""
    if volume.content is Content.IMAGES and guests.get(volume.vmid or 0) == "lxc":
        return replace(volume, content=Content.ROOTDIR)
    return volume


def _listed_format(parsed: VolumeName) -> str:
    """What lists call the format: for files that are no images it is the kind of file."""
    if parsed.content is Content.ISO:
        return "iso"
    if parsed.content is Content.SNIPPETS:
        return "snippet"
    if parsed.content is Content.TEMPLATE:
        return "t" + parsed.name.rsplit(".tar.", 1)[-1] if ".tar." in parsed.name else "tar"
    if parsed.content is Content.BACKUP:
        return archive_format(parsed.name)
    return parsed.format
