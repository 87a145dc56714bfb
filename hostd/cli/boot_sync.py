"""holdfast-boot-sync: bring every EFI system partition of this host up to date (kernels, menu, boot loaders).

Run by the hooks of kernel and initramfs updates, and by the installer. Does nothing on a host without a list of
partitions. A partition that is missing (a disk was taken out) is reported and passed over.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hostd.core.errors import HostError, NotFound, Unavailable
from hostd.core.run import Run
from hostd.core.run import run as real_run
from hostd.node import boot_sync
from hostd.node.boot_sync import Kernel, Stamp

CHECKED = "var/lib/hostd/boot-checked.json"
MOUNTS = "run/holdfast-boot"
BIOS_STAMP = "boot/grub/bios-programs"
BIOS_PROGRAM = "usr/lib/grub/i386-pc/kernel.img"


@dataclass(frozen=True, kw_only=True)
class Host:
    """Where the host's files are (``/`` but for tests), how programs run, and where sentences for people go."""

    root: Path
    run: Run
    say: Callable[[str], None]

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")


def sync(host: Host, *, install: bool = False) -> int:
    """Update every partition; returns how many were reached. ``install`` writes the boot loaders anew.

    Raises NotFound without a kernel that can mount the root, Unavailable if no partition is there.
    """
    try:
        uuids = boot_sync.parse_esps(host.path(boot_sync.ESPS_FILE).read_text())
    except FileNotFoundError:
        return 0
    if not uuids:
        return 0
    cmdline = host.path(boot_sync.CMDLINE_FILE).read_text().strip()
    kernels = installed_kernels(host, cmdline)
    for kernel in kernels:
        if kernel.lacks:
            host.say(f"kernel {kernel.version} is not used: its RAM disk lacks {', '.join(kernel.lacks)}")
    if all(kernel.lacks for kernel in kernels):
        raise NotFound("no kernel in /boot can mount the root; the boot menus stay as they are")
    reached = 0
    for uuid in uuids:
        device = host.path(f"/dev/disk/by-partuuid/{uuid}")
        if not device.exists():
            host.say(f"EFI system partition {uuid} is not there; the others are updated")
            continue
        with mounted(host, device, uuid) as folder:
            update(host, folder, kernels, cmdline)
            update_bios(host, folder, device, force=install)
        reached += 1
    if not reached:
        raise Unavailable(f"none of the {len(uuids)} EFI system partitions in {boot_sync.ESPS_FILE} is there")
    return reached


def installed_kernels(host: Host, cmdline: str) -> list[Kernel]:
    """Kernels in ``/boot`` that have a RAM disk, each with what that lacks; looking into one is remembered."""
    remembered = host.path(CHECKED)
    checked = json.loads(remembered.read_text()) if remembered.is_file() else {}
    found, now = [], {}
    for image in sorted(host.path("/boot").glob("vmlinuz-*")):
        version = image.name.removeprefix("vmlinuz-")
        initrd = image.with_name(f"initrd.img-{version}")
        if not initrd.is_file():
            continue
        key = [cmdline, initrd.stat().st_size, int(initrd.stat().st_mtime)]
        old = checked.get(version)
        lacks = old["lacks"] if old and old["key"] == key else look_inside(host, version, initrd, cmdline)
        now[version] = {"key": key, "lacks": lacks}
        size = image.stat().st_size + initrd.stat().st_size
        found.append(Kernel(version=version, size=size, lacks=tuple(lacks)))
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    return found


def look_inside(host: Host, version: str, initrd: Path, cmdline: str) -> list[str]:
    listing = host.run(["lsinitramfs", str(initrd)], timeout_s=600).stdout
    builtin = host.path(f"/lib/modules/{version}/modules.builtin")
    modules = builtin.read_text().splitlines() if builtin.is_file() else []
    return boot_sync.missing_for_root(cmdline, listing.splitlines(), modules)


@contextlib.contextmanager
def mounted(host: Host, device: Path, uuid: str) -> Iterator[Path]:
    folder = host.path(f"/{MOUNTS}/{uuid}")
    folder.mkdir(parents=True, exist_ok=True)
    host.run(["mount", "-t", "vfat", "-o", "umask=0077", str(device), str(folder)])
    try:
        yield folder
    finally:
        host.run(["umount", str(folder)], timeout_s=300)
        folder.rmdir()


def update(host: Host, esp: Path, kernels: list[Kernel], cmdline: str) -> None:
    """Bring the files of one mounted partition up to date: new files, then the menu, then the removal of old files."""
    present = {str(path.relative_to(esp)): stamp(path) for path in esp.rglob("*") if path.is_file()}
    used = sum(s.size for name, s in present.items() if name.startswith("holdfast/"))
    room = os.statvfs(esp)
    running = os.uname().release
    chosen = boot_sync.choose(kernels, room.f_bavail * room.f_frsize + used, running)
    sources = {**boot_sync.EFI_PROGRAMS, **boot_sync.kernel_files(chosen)}
    wanted = {name: stamp(host.path(source)) for name, source in sources.items()}
    archive = boot_sync.host_archive(host_files(host))
    if archive_differs(esp, archive):
        replace(esp / boot_sync.HOST_ARCHIVE, archive)
    changes = boot_sync.compare(present, wanted)
    if sum(wanted[name].size for name in changes.copy) + boot_sync.SPARE_BYTES > room.f_bavail * room.f_frsize:
        remove(esp, changes.delete)
    for name in changes.copy:
        copy(host.path(sources[name]), esp / name)
    menu = boot_sync.menu(chosen, cmdline, host_archive=True).encode()
    if not (esp / boot_sync.MENU).is_file() or (esp / boot_sync.MENU).read_bytes() != menu:
        replace(esp / boot_sync.MENU, menu)
    remove(esp, changes.delete)
    host.say(f"{esp.name}: {', '.join(kernel.version for kernel in chosen)}; {len(changes.copy)} files new")


def host_files(host: Host) -> dict[str, bytes]:
    found = [path for pattern in boot_sync.HOST_FILES for path in host.root.glob(pattern) if path.is_file()]
    return {str(path.relative_to(host.root)): path.read_bytes() for path in found}


def archive_differs(esp: Path, archive: bytes) -> bool:
    path = esp / boot_sync.HOST_ARCHIVE
    return not path.is_file() or path.read_bytes() != archive


def update_bios(host: Host, esp: Path, device: Path, *, force: bool) -> None:
    """Write GRUB's start code for BIOS to the disk of this partition, if GRUB is newer than what is there."""
    current = stamp(host.path(BIOS_PROGRAM))
    text = f"{current.size} {current.mtime_s}\n"
    marker = esp / BIOS_STAMP
    if not force and marker.is_file() and marker.read_text() == text:
        return
    argv = ["grub-install", "--target=i386-pc", f"--boot-directory={esp / 'boot'}", "--modules=part_gpt fat"]
    argv += [f"--install-modules={boot_sync.BIOS_MODULES}", "--locales=", "--fonts=", "--themes=", disk_of(device)]
    host.run(argv, timeout_s=600)
    replace(marker, text.encode())


def disk_of(partition: Path) -> str:
    """``/dev/sda`` for a partition of it. Raises NotFound for what is no partition."""
    name = partition.resolve().name
    parent = Path(f"/sys/class/block/{name}").resolve().parent
    if not (parent / "dev").is_file():
        raise NotFound(f"{partition} is not a partition of a disk")
    return f"/dev/{parent.name}"


def stamp(path: Path) -> Stamp:
    about = path.stat()
    return Stamp(size=about.st_size, mtime_s=int(about.st_mtime))


def copy(source: Path, target: Path) -> None:
    """Copy a file with its time; the target appears complete or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".new")
    with source.open("rb") as old, partial.open("wb") as new:
        shutil.copyfileobj(old, new, 2**20)
        new.flush()
        os.fsync(new.fileno())
    shutil.copystat(source, partial)
    partial.replace(target)


def replace(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".new")
    with partial.open("wb") as new:
        new.write(data)
        new.flush()
        os.fsync(new.fileno())
    partial.replace(target)


def remove(esp: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = esp / name
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other files are still in the folder, or it is gone
            path.parent.rmdir()


def main() -> int:
    parser = argparse.ArgumentParser(prog="holdfast-boot-sync", description=__doc__.partition(":")[2].strip())
    parser.add_argument("--install", action="store_true", help="write the boot loaders even if they are up to date")
    arguments = parser.parse_args()
    host = Host(root=Path("/"), run=real_run, say=lambda text: print(f"holdfast-boot-sync: {text}", flush=True))
    try:
        with Path("/run/holdfast-boot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sync(host, install=arguments.install)
    except HostError as err:
        print(f"error: {err}", file=sys.stderr)
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
