"""Devices of the host in a container: ``dev0: /dev/ttyUSB0,mode=0660,gid=20``.

A container's own nodes could not be made by its root where it is unprivileged; so nodes with the wanted owner are made
on a file system in memory that only the container's start sees, and LXC binds them to their place.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Conflict
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.run import Run
from hostd.core.schema import Kind
from hostd.guests.lxc import idmap
from hostd.guests.lxc.idmap import Range

COUNT: Final = 256
FORMAT: Final = Format(name="inline:dev", own={"path": Kind(format="pve-lxc-dev-string", pattern=r"/dev/[\w./-]+")})
_MODE: Final = "0660"


@dataclass(frozen=True, kw_only=True)
class Device:
    """``user`` and ``group`` as the container numbers them. ``read_only``: its programs cannot write to it."""

    key: str
    path: str
    mode: int
    user: int
    group: int
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class Node:
    """What a device is to the kernel: ``kind`` ``c`` (characters) or ``b`` (blocks), and its numbers."""

    device: Device
    kind: str
    major: int
    minor: int

    def rule(self) -> str:
        """The device's line for control groups: reading and writing, never making nodes of it."""
        return f"{self.kind} {self.major}:{self.minor} {'r' if self.device.read_only else 'rw'}"


def parse_device(key: str, text: str) -> Device:
    """Raises Invalid or Conflict."""
    values = propstring.validate(text, FORMAT)
    path = values.get("path", "")
    if not path:
        raise Conflict(f"{key}: no path of a device")
    return Device(
        key=key,
        path=path,
        mode=int(values.get("mode", _MODE), 8),
        user=int(values.get("uid", "0")),
        group=int(values.get("gid", "0")),
        read_only=propstring.boolean(values.get("deny-write", "0")),
    )


def devices(config: Mapping[str, str]) -> tuple[Device, ...]:
    return tuple(parse_device(key, config[key]) for n in range(COUNT) if (key := f"dev{n}") in config)


def look_up(wanted: Sequence[Device]) -> tuple[Node, ...]:
    """What the devices are now; Conflict for one that is not there or is no device."""
    found = []
    for device in wanted:
        try:
            status = os.stat(device.path)
        except OSError as err:
            raise Conflict(f"{device.key}: device '{device.path}' is not there: {err.strerror}") from err
        kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else ""
        if not kind:
            raise Conflict(f"{device.key}: '{device.path}' is no device")
        node = Node(device=device, kind=kind, major=os.major(status.st_rdev), minor=os.minor(status.st_rdev))
        found.append(node)
    return tuple(found)


def make_nodes(run: Run, folder: str, nodes: Sequence[Node], ids: Sequence[Range]) -> None:
    """Make them below ``folder``, which becomes a file system in memory of the caller's mount name space."""
    if not nodes:
        return
    os.makedirs(folder, mode=0o755, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755,nosuid,noexec", "tmpfs", folder])
    for node in nodes:
        path = node_path(folder, node.device)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        type = stat.S_IFCHR if node.kind == "c" else stat.S_IFBLK
        os.mknod(path, type | 0o600, os.makedev(node.major, node.minor))
        user = idmap.outside(ids, "u", node.device.user)
        group = idmap.outside(ids, "g", node.device.group)
        os.chown(path, user, group)
        os.chmod(path, node.device.mode)


def node_path(folder: str, device: Device) -> str:
    return f"{folder}{device.path}"
