"""The steps of snapshots (``guests/snapshots.Steps``) for a container: storage drivers; its processes are held."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Final

from hostd.core.errors import HostError, NotFound
from hostd.core.formats.keyvalue import GuestFile, GuestSection
from hostd.guests import config as files
from hostd.guests import notes, volume_states
from hostd.guests.config import StoredGuest
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_SYNC_S: Final = 300


class ContainerSteps:
    """``guest`` is the container as it was written last."""

    def __init__(self, host: Host, log: TaskLog, guest: StoredGuest, engine: Engine | None = None) -> None:
        self.guest = guest
        self._host, self._log = host, log
        self._engine: Engine = engine or SystemdEngine(host)
        self._vmid = guest.where.vmid
        self._held = False

    def save(self, file: GuestFile) -> None:
        self.guest = files.save(self._host.store, self.guest, keys.without_forbidden(file))

    def volumes(self, values: Mapping[str, str]) -> Mapping[str, str]:
        return keys.state_volumes(values)

    def now_s(self) -> int:
        return int(time.time())

    def new_generation(self) -> str:
        raise HostError("a container has no generation id")

    # --- taking

    def require_feature(self, values: Mapping[str, str]) -> None:
        volume_states.require_states(catalog_of(self._host), keys.state_volumes(values))

    def is_running(self) -> bool:
        return self._engine.running(self._vmid)

    def allocate_memory(self, name: str) -> Mapping[str, str]:
        raise HostError("the memory of a container cannot be saved")

    def freeze(self, *, memory: str) -> None:
        notes.write(self._vmid, notes.HELD)
        self._engine.freeze(self._vmid)
        self._held = True
        # What its programs have written is with the kernel until then; states of image files would lack it.
        paths = [runtime.mount_place(self._vmid, key) for key in keys.state_volumes(self.guest.file.current)]
        namespace = self._engine.mount_namespace(self._vmid)
        self._host.run(["nsenter", f"--mount={namespace}", "--", "sync", "--file-system", *paths], timeout_s=_SYNC_S)

    def thaw(self) -> None:
        if self._held:
            self._engine.thaw(self._vmid)
            self._held = False
        notes.drop(self._vmid, notes.HELD)

    def let_go(self) -> None:
        """Let a container go on that a killed process holds still."""
        if self.is_running():
            self._log.info(f"CT {self._vmid} was held still; it goes on")
            self._engine.thaw(self._vmid)
        notes.drop(self._vmid, notes.HELD)

    def take(self, volume: str, name: str) -> None:
        self._log.info(f"snapshotting '{volume}'")
        catalog_of(self._host).snapshot(VolumeId.parse(volume), name)

    # --- removing

    def remove(self, volume: str, name: str) -> None:
        self._log.info(f"removing the state of '{volume}'")
        parsed, catalog = VolumeId.parse(volume), catalog_of(self._host)
        with contextlib.suppress(NotFound):  # the volume itself is gone
            if name in catalog.snapshots(parsed).snapshots(parsed.name):
                catalog.delete_snapshot(parsed, name)

    def free_memory(self, volume: str) -> None:
        with contextlib.suppress(NotFound):
            catalog_of(self._host).free(VolumeId.parse(volume))

    # --- rolling back

    def require_rollback(self, volume: str, name: str) -> None:
        volume_states.require_rollback(catalog_of(self._host), volume, name)

    def activate(self, section: GuestSection) -> None:
        catalog_of(self._host).activate(VolumeId.parse(v) for v in keys.state_volumes(section.values).values())

    def stop(self) -> None:
        self._log.info(f"stopping CT {self._vmid}")
        self._engine.kill(self._vmid)

    def roll_back(self, volume: str, name: str) -> None:
        self._log.info(f"rolling '{volume}' back")
        catalog_of(self._host).rollback(VolumeId.parse(volume), name)
