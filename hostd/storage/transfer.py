"""A volume as a stream: how ``pvesm export`` and ``pvesm import`` carry one to another host.

Source: the reference's stream formats ``raw+size`` and ``qcow2+size``: eight bytes, little endian, the size of what
follows; then that many bytes. A raw volume is its contents, a qcow2 the file as it is.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import BinaryIO, Final

from hostd.core.errors import Conflict, ParseError, Unsupported
from hostd.core.undo import Undo
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Snapshots, VolumeSpec
from hostd.storage.volume import Content, VolumeId

FORMATS: Final = ("raw+size", "qcow2+size")
_HEADER: Final = struct.Struct("<Q")
_CHUNK: Final = 4 * 1024 * 1024
_BIGGEST: Final = 1 << 60


def export(catalog: Catalog, volume: VolumeId, format: str, out: BinaryIO, snapshot: str = "") -> int:
    """Write a volume (or a state of it that is a device of its own) to a stream; returns the bytes of the contents.

    Raises Unsupported for a format that is not the volume's own: convert by copying it first.
    """
    driver = catalog.driver(volume.storage)
    if format != f"{catalog.format(volume)}+size" or format not in FORMATS:
        raise Unsupported(f"volume '{volume}' is {catalog.format(volume)}; it cannot be exported as '{format}'")
    catalog.activate([volume])
    path = driver.path(volume.name)
    if snapshot:
        if not isinstance(driver, Snapshots):
            raise Unsupported(f"volume '{volume}' has no snapshots")
        driver.activate_snapshot(volume.name, snapshot)
        path = driver.snapshot_path(volume.name, snapshot)
    try:
        with open(path, "rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(0)
            out.write(_HEADER.pack(size))
            while chunk := source.read(_CHUNK):
                out.write(chunk)
            out.flush()
    finally:
        if snapshot and isinstance(driver, Snapshots):
            driver.deactivate_snapshot(volume.name, snapshot)
    return size


def receive(catalog: Catalog, volume: VolumeId, format: str, source: BinaryIO, *, rename: bool = False) -> VolumeId:
    """Make a volume of what a stream holds; on any failure nothing stays behind.

    ``rename``: a name that is taken becomes the lowest free one of that guest; Conflict otherwise.
    """
    if format not in FORMATS:
        raise Unsupported(f"format '{format}' is not understood; understood: {', '.join(FORMATS)}")
    kind = format.removesuffix("+size")
    parsed = catalog.driver(volume.storage).parse(volume.name)
    if parsed.content is not Content.IMAGES or parsed.vmid is None or parsed.format != kind:
        raise Conflict(f"'{volume}' is no disk of format '{kind}'")
    head = source.read(_HEADER.size)
    if len(head) != _HEADER.size or not 0 < (size := _HEADER.unpack(head)[0]) < _BIGGEST:
        raise ParseError("the stream does not begin with the size of what follows")
    name = parsed.name.removesuffix(f".{kind}")
    with Undo() as undo:
        spec = VolumeSpec(vmid=parsed.vmid, size_bytes=size, format=kind, name=name)
        contents = catalog.file.get(volume.storage).content
        content = "images" if "images" in contents else "rootdir"
        try:
            made = catalog.allocate(volume.storage, spec, content)
        except Conflict:
            if not rename:
                raise
            made = catalog.allocate(volume.storage, replace(spec, name=""), content)
        undo.add(catalog.free, made)
        catalog.activate([made])
        _fill(catalog.path(made), source, size, truncate=kind == "qcow2")
        catalog.deactivate([made])
        undo.keep()
    return made


def _fill(path: str, source: BinaryIO, size: int, *, truncate: bool) -> None:
    with open(path, "r+b") as target:
        if truncate:
            target.truncate(0)
        left = size
        while left:
            chunk = source.read(min(_CHUNK, left))
            if not chunk:
                raise ParseError(f"the stream ended {left} bytes before its end")
            target.write(chunk)
            left -= len(chunk)
        target.flush()
        os.fsync(target.fileno())
