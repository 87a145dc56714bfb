"""The steps of snapshots (``guests/snapshots.Steps``) for a machine: storage drivers, and QEMU while it runs.

While a machine runs, its qcow2 images belong to QEMU: their states are made and removed through its monitor. All other
volumes are the storage's business; the machine is held still meanwhile. Saved memory is libvirt's format on a volume.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from xml.etree import ElementTree

from hostd.core.errors import Conflict, HostError, NotFound, TimedOut
from hostd.core.formats.keyvalue import GuestFile, GuestSection
from hostd.core.units import MIB
from hostd.guests import config as files
from hostd.guests import notes, snapshots, volume_states
from hostd.guests.config import StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import tpm
from hostd.guests.qemu.blocknodes import node_of
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.devices import platform
from hostd.guests.qemu.machines import Machines, MachineState
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_STOP_S: Final = 30
# What a saved machine needs besides its memory: devices, screen, libvirt's header.
_MEMORY_EXTRA: Final = 512 * MIB


class MachineSteps:
    """``guest`` is the machine as it was written last."""

    def __init__(self, host: Host, log: TaskLog, guest: StoredGuest, machines: Machines | None = None) -> None:
        self.guest = guest
        self._host, self._log = host, log
        self._machines: Machines = machines or LibvirtMachines()
        self._vmid = guest.where.vmid
        self._held = self._quiet = False

    # --- the file

    def save(self, file: GuestFile) -> None:
        self.guest = files.save(self._host.store, self.guest, file)

    def volumes(self, values: Mapping[str, str]) -> Mapping[str, str]:
        return keys.state_volumes(values)

    def now_s(self) -> int:
        return int(time.time())

    def new_generation(self) -> str:
        return str(uuid.uuid4())

    # --- taking

    def require_feature(self, values: Mapping[str, str]) -> None:
        volume_states.require_states(catalog_of(self._host), keys.state_volumes(values))

    def is_running(self) -> bool:
        return self._machines.state(self._vmid) is not None

    def allocate_memory(self, name: str) -> Mapping[str, str]:
        """The guest is marked from here on: a volume that no section names yet is found by its mark."""
        file = self.guest.file
        self.save(replace(file, current={**file.current, "lock": snapshots.LOCK}))
        try:
            return self._allocate_memory(name)
        except BaseException:
            self.save(file)
            raise

    def _allocate_memory(self, name: str) -> Mapping[str, str]:
        config = self.guest.file.current
        storage = state_storage(self._host, config)
        size = keys.memory_bytes(config) + _MEMORY_EXTRA
        spec = VolumeSpec(vmid=self._vmid, size_bytes=size, name=f"vm-{self._vmid}-state-{name}")
        volume = catalog_of(self._host).allocate(storage, spec, "images")
        self._log.info(f"memory will be saved to '{volume}'")
        machine = ElementTree.fromstring(self._machines.definition(self._vmid)).find("os/type")
        running = machine.get("machine", "") if machine is not None else ""
        return {"vmstate": str(volume)} | ({"runningmachine": running} if running else {})

    def freeze(self, *, memory: str) -> None:
        if self._machines.state(self._vmid) is MachineState.RUNNING:
            notes.write(self._vmid, notes.HELD)
        if not memory and platform.agent_freezes(self.guest.file.current):
            with contextlib.suppress(HostError):  # no agent inside: the states are as after a power cut
                self._machines.freeze(self._vmid)
                self._quiet = True
        if self._machines.state(self._vmid) is MachineState.RUNNING:
            self._machines.suspend(self._vmid)
            self._held = True
        if memory:
            volume = VolumeId.parse(memory)
            catalog = catalog_of(self._host)
            catalog.activate([volume])
            self._log.info("saving memory")
            self._machines.save_memory(self._vmid, catalog.path(volume))

    def thaw(self) -> None:
        if self._held:
            self._machines.resume(self._vmid)
            self._held = False
        if self._quiet:
            self._machines.thaw(self._vmid)
            self._quiet = False
        notes.drop(self._vmid, notes.HELD)

    def let_go(self) -> None:
        """Let a machine go on that a killed process holds still."""
        if self._machines.state(self._vmid) is MachineState.PAUSED:
            self._log.info(f"VM {self._vmid} was held still; it goes on")
            self._machines.resume(self._vmid)
        if self.is_running() and keys.agent_enabled(self.guest.file.current):
            with contextlib.suppress(HostError):  # nobody had asked it to freeze, or it is not there
                self._machines.thaw(self._vmid)
        notes.drop(self._vmid, notes.HELD)

    def take(self, volume: str, name: str) -> None:
        self._log.info(f"snapshotting '{volume}'")
        if node := self._open_image(volume):
            self._machines.monitor(self._vmid, "blockdev-snapshot-internal-sync", {"device": node, "name": name})
        else:
            catalog_of(self._host).snapshot(VolumeId.parse(volume), name)

    # --- removing

    def remove(self, volume: str, name: str) -> None:
        self._log.info(f"removing the state of '{volume}'")
        parsed, catalog = VolumeId.parse(volume), catalog_of(self._host)
        try:
            there = catalog.snapshots(parsed).snapshots(parsed.name)
        except NotFound:
            return  # the volume itself is gone
        if name not in there:
            return
        if node := self._open_image(volume):
            command = "blockdev-snapshot-delete-internal-sync"
            self._machines.monitor(self._vmid, command, {"device": node, "name": name})
        else:
            catalog.delete_snapshot(parsed, name)

    def free_memory(self, volume: str) -> None:
        self._log.info(f"removing saved memory '{volume}'")
        with contextlib.suppress(NotFound):
            catalog_of(self._host).free(VolumeId.parse(volume))

    def _open_image(self, volume: str) -> str:
        """QEMU's name for an image file that it has open and that keeps states inside, or ""."""
        parsed, catalog = VolumeId.parse(volume), catalog_of(self._host)
        if catalog.format(parsed) != "qcow2" or self._machines.state(self._vmid) is None:
            return ""
        return node_of(self._machines, self._vmid, catalog.path(parsed))

    # --- rolling back

    def require_rollback(self, volume: str, name: str) -> None:
        volume_states.require_rollback(catalog_of(self._host), volume, name)

    def activate(self, section: GuestSection) -> None:
        volumes = [VolumeId.parse(v) for v in keys.state_volumes(section.values).values()]
        if memory := section.values.get("vmstate"):
            volumes.append(VolumeId.parse(memory))
        catalog_of(self._host).activate(volumes)

    def stop(self) -> None:
        self._log.info(f"stopping VM {self._vmid}")
        with contextlib.suppress(NotFound):
            self._machines.stop(self._vmid)
        if not self._machines.wait_gone(self._vmid, _STOP_S):
            raise TimedOut(f"VM {self._vmid} is still there {_STOP_S} s after it was stopped")

    def roll_back(self, volume: str, name: str) -> None:
        self._log.info(f"rolling '{volume}' back")
        tpm.end(self._host.run, self._vmid)
        catalog_of(self._host).rollback(VolumeId.parse(volume), name)


def state_storage(host: Host, config: Mapping[str, str]) -> str:
    """Where memory is saved: the chosen storage, else that of the first disk, else the first that takes images."""
    if chosen := config.get("vmstatestorage"):
        return chosen
    storages = [s.id for s in catalog_of(host).here() if "images" in s.content]
    used = [VolumeId.parse(v).storage for v in keys.state_volumes(config).values()]
    found = next((name for name in [*used, *storages] if name in storages), "")
    if not found:
        raise Conflict("no storage of this node takes disk images, which saved memory needs; set vmstatestorage")
    return found
