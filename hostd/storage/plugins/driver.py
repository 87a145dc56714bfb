"""How a driver of others is called: each call a process of its own, with a time limit, whose crash stays its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, Final

from hostd.core.errors import Conflict, HostError, NotFound, Unavailable, Unsupported
from hostd.core.run import Run
from hostd.storage.drivers.abilities import check_snapshot, every
from hostd.storage.interface import Feature, Info, State, StorageConfig, Usage, Volume, VolumeSpec
from hostd.storage.plugins.host import GROUP
from hostd.storage.volume import Content, VolumeName, check_disk_name, free_name, parse_block_name

_CALL_S: Final = 120.0
_ASK_S: Final = 15.0


@cache
def types() -> Mapping[str, bool]:
    """Types of the installed drivers of others, and whether each has snapshots (extra of its entry point).

    The entry points alone are read: none of their code is loaded.
    """
    return {entry.name: "snapshots" in entry.extras for entry in entry_points(group=GROUP)}


class PluginDriver:
    """A ``Driver`` whose work is done elsewhere. Names of volumes and their locks are ours."""

    info: ClassVar[Info] = Info(
        type="plugin",
        content=frozenset(("images", "rootdir")),
        default_content=frozenset(("images",)),
        formats=("raw",),
        container_format="raw",
        features=every(("raw",)),
    )

    def __init__(self, storage: StorageConfig, run: Run) -> None:
        self.storage, self.run = storage, run

    def _ask(self, method: str, *, timeout_s: float = _CALL_S, **arguments: object) -> Any:
        request = {"id": self.storage.id, "options": self._options, "method": method, "arguments": arguments}
        name = f"storage '{self.storage.id}': driver '{self.storage.type}'"
        argv = [sys.executable or "python3", "-m", "hostd.storage.plugins.host", self.storage.type]
        try:
            out = self.run(argv, input=json.dumps(request).encode(), timeout_s=timeout_s).stdout
            answer = json.loads(out)
        except (HostError, ValueError) as err:
            raise Unavailable(f"{name} failed in '{method}': {err}") from err
        if not isinstance(answer, dict) or ("ok" in answer) == ("error" in answer):
            raise Unavailable(f"{name} gave no answer to '{method}'")
        if "error" in answer:
            raise Unavailable(f"{name}: {answer['error']}")
        return answer["ok"]

    @property
    def _options(self) -> Mapping[str, str]:
        return dict(self.storage.options)

    def activate(self) -> None:
        self._ask("activate")

    def usage(self) -> Usage:
        total, used, available = _numbers(self._ask("usage", timeout_s=_ASK_S), self.storage)
        return Usage(total_bytes=total, used_bytes=used, available_bytes=available)

    def volumes(self, contents: Collection[str], vmid: int | None = None) -> list[Volume]:
        if not {"images", "rootdir"} & set(contents):
            return []
        return sorted((v for v in self._listed() if vmid in (None, v.vmid)), key=lambda v: v.name)

    def _listed(self) -> list[Volume]:
        """What it tells and what is named as a volume; anything else is left out."""
        found = self._ask("volumes", timeout_s=_ASK_S)
        rows = found if isinstance(found, list) else []
        volumes = []
        for row in rows:
            try:
                parsed = parse_block_name(str(row["name"]))
                size, used = int(row["size_bytes"]), int(row.get("used_bytes") or 0)
            except (HostError, KeyError, TypeError, ValueError, AttributeError):
                continue
            volumes.append(
                Volume(
                    name=parsed.name, content=Content.IMAGES, format="raw", size_bytes=size, used_bytes=used,
                    vmid=parsed.vmid,
                )
            )  # fmt: skip
        return volumes

    def parse(self, name: str) -> VolumeName:
        return parse_block_name(name)

    def volume(self, name: str) -> Volume:
        self.parse(name)
        for volume in self._listed():
            if volume.name == name:
                return volume
        raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")

    def create(self, spec: VolumeSpec) -> str:
        if spec.format != "raw":
            raise Unsupported(f"storage '{self.storage.id}' cannot hold format '{spec.format}'")
        name = self._new_name(spec.vmid, spec.name)
        self._ask("create", name=name, size_bytes=spec.size_bytes)
        return name

    def _new_name(self, vmid: int, wished: str) -> str:
        if wished:
            check_disk_name(wished, vmid)
            self.parse(wished)
        taken = {volume.name for volume in self._listed()}
        name = wished or free_name(vmid, "raw", taken, suffix=False, subvols=False)
        if name in taken:
            raise Conflict(f"volume '{self.storage.id}:{name}' already exists")
        return name

    def delete(self, name: str) -> None:
        self.volume(name)
        self._ask("delete", name=name)

    def path(self, name: str) -> str:
        self.parse(name)
        path = self._ask("path", timeout_s=_ASK_S, name=name)
        if not isinstance(path, str) or not path.startswith("/"):
            raise Unavailable(f"storage '{self.storage.id}': driver '{self.storage.type}' tells no path of '{name}'")
        return path

    def activate_volume(self, name: str) -> None:
        self.volume(name)
        self._ask("activate_volume", name=name)

    def deactivate_volume(self, name: str) -> None:
        self.parse(name)
        self._ask("deactivate_volume", name=name)

    def resize(self, name: str, size_bytes: int) -> None:
        self.volume(name)
        self._ask("resize", name=name, size_bytes=size_bytes)

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        raise Unsupported(
            f"storage '{self.storage.id}': drivers of others cannot rename volumes; move the disk instead"
        )

    # --- states, where the driver has them

    def _require_snapshots(self, name: str, snapshot: str = "ok") -> None:
        self.parse(name)
        check_snapshot(snapshot)
        if Feature.SNAPSHOT not in self.info.features or not self.info.features[Feature.SNAPSHOT][State.CURRENT]:
            raise Unsupported(f"storage '{self.storage.id}': driver '{self.storage.type}' has no snapshots")

    def snapshot(self, name: str, snapshot: str) -> None:
        self._require_snapshots(name, snapshot)
        self._ask("snapshot", name=name, snapshot=snapshot)

    def rollback(self, name: str, snapshot: str) -> None:
        self._require_snapshots(name, snapshot)
        self._ask("rollback", name=name, snapshot=snapshot)

    def blocking(self, name: str, snapshot: str) -> list[str]:
        self.parse(name)
        return []

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        self._require_snapshots(name, snapshot)
        if snapshot in self.snapshots(name):
            self._ask("delete_snapshot", name=name, snapshot=snapshot)

    def snapshots(self, name: str) -> list[str]:
        self._require_snapshots(name)
        return [str(state) for state in self._ask("list_snapshots", name=name)]

    def snapshot_path(self, name: str, snapshot: str) -> str:
        raise Unsupported(f"storage '{self.storage.id}': states of volumes cannot be read; roll back first")

    def activate_snapshot(self, name: str, snapshot: str) -> None:
        self.parse(name)

    def deactivate_snapshot(self, name: str, snapshot: str) -> None:
        self.parse(name)


class PluginSnapshotDriver(PluginDriver):
    """A driver of others that says it has snapshots: what it can do is data, so this is a class of its own."""

    info: ClassVar[Info] = Info(
        type="plugin",
        content=frozenset(("images", "rootdir")),
        default_content=frozenset(("images",)),
        formats=("raw",),
        container_format="raw",
        features=every(("raw",), snapshot=("raw",)),
    )


def make(storage: StorageConfig, run: Run) -> PluginDriver:
    """The driver of a storage whose type is one of ``types``."""
    return PluginSnapshotDriver(storage, run) if types()[storage.type] else PluginDriver(storage, run)


def _numbers(found: object, storage: StorageConfig) -> tuple[int, int, int]:
    if isinstance(found, list) and len(found) == 3 and all(isinstance(n, int) and n >= 0 for n in found):
        return found[0], found[1], found[2]
    raise Unavailable(f"storage '{storage.id}': driver '{storage.type}' tells no usage (total, used, available)")
