"""Full copies of containers' volumes, also between a folder and an image, and file systems that grow."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import CommandFailed, HostError, Unsupported
from hostd.core.run import Run
from hostd.core.undo import Undo
from hostd.guests.lxc import isolated
from hostd.guests.lxc.volumes import Source, format_volume, mount_argv, source_of
from hostd.storage import copying
from hostd.storage.catalog import Catalog
from hostd.storage.interface import Driver, Snapshots, VolumeSpec
from hostd.storage.volume import VolumeId

_COPY_S: Final = 7 * 24 * 3600.0
_CHECK_S: Final = 3600.0
# e2fsck(8): nothing wrong, or all of it put right.
CLEAN: Final = (0, 1)


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What is copied, and to where. ``snapshot`` "": the present state; ``size_bytes`` 0: no limit."""

    source: VolumeId
    storage: str
    vmid: int
    size_bytes: int
    unprivileged: bool
    snapshot: str = ""
    limit_kib: int = 0


def copy(catalog: Catalog, run: Run, wanted: Copied) -> VolumeId:
    """A new volume of the form that containers have on the target; on any failure nothing stays behind.

    ``limit_kib`` counts for images only: files are copied as fast as they can be.
    """
    now = catalog.format(wanted.source)
    form = form_on(catalog.require(wanted.storage, "rootdir"), now, wanted.size_bytes)
    if now == form:
        return copying.copy(
            catalog, run, wanted.source, wanted.storage, wanted.vmid,
            content="rootdir", format=form, snapshot=wanted.snapshot, limit_kib=wanted.limit_kib,
        )  # fmt: skip
    return _copy_tree(catalog, run, wanted, form)


def form_on(driver: Driver, now: str, size_bytes: int) -> str:
    """The form that a container's volume has on a storage. ``now``: the one that it has; ``size_bytes`` 0: no limit."""
    if now == "subvol" and not size_bytes and driver.info.container_format == "raw":
        return now  # a folder without a limit stays one, where the storage has folders
    return driver.info.container_format


def _copy_tree(catalog: Catalog, run: Run, wanted: Copied, form: str) -> VolumeId:
    """File by file, the volumes mounted for nobody else."""
    with ExitStack() as stack, Undo() as undo:
        read = _readable(catalog, wanted, stack)
        spec = VolumeSpec(vmid=wanted.vmid, size_bytes=wanted.size_bytes, format=form)
        made = catalog.allocate(wanted.storage, spec, "rootdir")
        undo.add(catalog.free, made)
        catalog.activate([made])
        target = source_of(catalog, made)
        format_volume(run, target, unprivileged=wanted.unprivileged)
        argvs = [
            mount_argv(read, isolated.FROM, ["nodev", "ro"]),
            mount_argv(target, isolated.TO, ["nodev"]),
            copying.tree_argv(isolated.FROM, isolated.TO),
        ]
        isolated.run_isolated(run, argvs, timeout_s=_COPY_S)
        undo.keep()
    return made


def _readable(catalog: Catalog, wanted: Copied, stack: ExitStack) -> Source:
    volume = wanted.source
    catalog.activate([volume])
    now = source_of(catalog, volume)
    if not wanted.snapshot:
        return now
    driver = catalog.driver(volume.storage)
    if not isinstance(driver, Snapshots):
        raise Unsupported(f"volume '{volume}' has no snapshots")
    driver.activate_snapshot(volume.name, wanted.snapshot)
    stack.callback(driver.deactivate_snapshot, volume.name, wanted.snapshot)
    return Source(path=driver.snapshot_path(volume.name, wanted.snapshot), kind=now.kind)


def grow_stopped(run: Run, source: Source) -> None:
    """Let the file system fill its volume, which is mounted nowhere. HostError where it is damaged."""
    if source.kind == "folder":
        return
    checked = run(["e2fsck", "-f", "-p", source.path], timeout_s=_CHECK_S, check=False)
    if checked.code not in CLEAN:
        raise HostError(f"the file system on '{source.path}' has errors: {_last(checked.stdout or checked.stderr)}")
    run(["resize2fs", source.path], timeout_s=_CHECK_S)


def grow_running(run: Run, source: Source, namespace: str) -> None:
    """The same while a container uses it. ``namespace``: where it is mounted, which the host's own is not."""
    if source.kind == "folder":
        return
    device = source.path
    if source.kind == "image":
        device = loop_device(run, source.path)
        run(["losetup", "--set-capacity", device])
    run(["nsenter", f"--mount={namespace}", "--", "resize2fs", device], timeout_s=_CHECK_S)


def loop_device(run: Run, path: str) -> str:
    """The loop device of an image that is in use (losetup(8)); HostError where there is none."""
    try:
        shown = run(["losetup", "--noheadings", "--output", "NAME", "--associated", path]).stdout.split()
    except CommandFailed as err:
        raise HostError(f"the loop device of '{path}' is not known: {err}") from err
    if not shown:
        raise HostError(f"'{path}' is mounted, but has no loop device")
    return shown[0]


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
