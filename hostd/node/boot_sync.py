"""What the EFI system partitions (ESPs) of a host hold: boot loaders, a GRUB menu, kernels. Pure; edges in ``cli``.

Every ESP is complete by itself, so that each disk of a mirror starts alone and GRUB reads nothing but FAT. Layout::

    EFI/BOOT, EFI/holdfast       signed shim, GRUB and MOK manager (UEFI)
    boot/grub                    grub.cfg (both firmwares read it) and GRUB's modules for BIOS
    holdfast/VERSION             vmlinuz and initrd.img
    holdfast/host.cpio           files of this host that the RAM disk needs, loaded after it
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CMDLINE_FILE: Final = "/etc/kernel/cmdline"
ESPS_FILE: Final = "/etc/kernel/holdfast-esps"
MENU: Final = "boot/grub/grub.cfg"
HOST_ARCHIVE: Final = "holdfast/host.cpio"
# Files of the host that must already count in the initial RAM disk, which is the same on every host.
HOST_FILES: Final = ("etc/hostid", "etc/modprobe.d/*.conf", "etc/systemd/network/*.link")
# Path on the ESP -> path on the host. The signed GRUB finds boot/grub/grub.cfg on the partition it was started from.
EFI_PROGRAMS: Final = {
    f"EFI/{folder}/{name}": source
    for folder, first in (("BOOT", "BOOTX64.EFI"), ("holdfast", "shimx64.efi"))
    for name, source in (
        (first, "/usr/lib/shim/shimx64.efi.signed"),
        ("grubx64.efi", "/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"),
        ("mmx64.efi", "/usr/lib/shim/mmx64.efi.signed"),
    )
}
BIOS_MODULES: Final = (
    "part_gpt fat biosdisk normal linux boot serial terminal echo test true configfile search search_fs_uuid ls cat "
    "halt reboot sleep minicmd regexp"
)
# Kept free on an ESP for the second copy of a file that is being replaced.
SPARE_BYTES: Final = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Size in bytes and time of change in whole seconds: equal stamps mean equal files (copies keep the time)."""

    size: int
    mtime_s: int

    def same(self, other: Stamp) -> bool:
        """FAT keeps times in steps of two seconds."""
        return self.size == other.size and abs(self.mtime_s - other.mtime_s) <= 2


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernel in ``/boot``. ``lacks``: what its RAM disk has not, but this root needs; then it is not used."""

    version: str
    size: int
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Changes:
    """``copy`` in this order, then write the menu, then ``delete``: cut off anywhere, the ESP still starts."""

    copy: tuple[str, ...]
    delete: tuple[str, ...]


def parse_esps(text: str) -> list[str]:
    """Partition UUIDs (lower case) of ``/etc/kernel/holdfast-esps``: one a line, ``#`` comments."""
    lines = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return [line for line in lines if line]


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts kernel versions as people do: runs of digits by value (``6.12.9`` before ``6.12.10``)."""
    parts = re.findall(r"\d+|\D+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def newest_first(kernels: Iterable[Kernel]) -> list[Kernel]:
    return sorted(kernels, key=lambda kernel: version_key(kernel.version), reverse=True)


def choose(kernels: Iterable[Kernel], room: int, running: str = "") -> list[Kernel]:
    """The kernels to offer, the default first: complete ones, newest first, as many as fit into ``room`` bytes.

    The newest always stays, and the running one before other old ones: it is known to start. Empty only if there is
    no complete kernel at all.
    """
    usable = [kernel for kernel in newest_first(kernels) if not kernel.lacks]
    by_merit = sorted(usable, key=lambda k: (k is not usable[0], k.version != running))
    kept: list[Kernel] = []
    for kernel in by_merit:
        if not kept or sum(k.size for k in kept) + kernel.size + SPARE_BYTES <= room:
            kept.append(kernel)
    return [kernel for kernel in usable if kernel in kept]


def missing_for_root(cmdline: str, names: Collection[str], builtin: Collection[str] = ()) -> list[str]:
    """What a RAM disk lacks to mount the root of ``cmdline``; ``names`` are the paths in it.

    ``builtin`` are modules in the kernel itself (``modules.builtin``). ZFS needs its module and ``zpool``, a logical
    volume needs the device mapper and ``lvm``; other roots need nothing we know of.
    """
    root = next((word[5:] for word in cmdline.split() if word.startswith("root=")), "")
    files = {name.rsplit("/", 1)[-1] for name in names}
    modules = {name.partition(".ko")[0] for name in files if ".ko" in name}
    modules |= {name.rsplit("/", 1)[-1].partition(".ko")[0] for name in builtin}
    needed: tuple[tuple[str, bool], ...] = ()
    if root.startswith("ZFS="):
        needed = (("module zfs", "zfs" in modules), ("program zpool", "zpool" in files))
    elif root.startswith("/dev/mapper/"):
        needed = (("module dm-mod", bool(modules & {"dm-mod", "dm_mod"})), ("program lvm", "lvm" in files))
    return [name for name, there in needed if not there]


def kernel_files(kernels: Sequence[Kernel]) -> dict[str, str]:
    """Path on the ESP -> path on the host, for each kernel and its RAM disk."""
    return {
        f"holdfast/{kernel.version}/{name}": f"/boot/{name}-{kernel.version}"
        for kernel in kernels
        for name in ("vmlinuz", "initrd.img")
    }


def compare(present: Mapping[str, Stamp], wanted: Mapping[str, Stamp]) -> Changes:
    """What to do to an ESP: ``present`` are the files found there, ``wanted`` those that belong there."""
    copy = tuple(sorted(p for p, stamp in wanted.items() if p not in present or not stamp.same(present[p])))
    ours = re.compile(r"holdfast/[^/]+/[^/]+")
    return Changes(copy=copy, delete=tuple(sorted(p for p in present if p not in wanted and ours.fullmatch(p))))


def menu(kernels: Sequence[Kernel], cmdline: str, *, host_archive: bool) -> str:
    """grub.cfg: each kernel, the first one as default, then each with a rescue shell. Text mode only.

    GRUB also talks to the first serial port if the kernel is told to.
    """
    lines = ["# Written by holdfast-boot-sync: changes are lost. Kernel parameters: " + CMDLINE_FILE]
    lines += ["set default=0", "set timeout=3", "set gfxpayload=text"]
    if re.search(r"(^|\s)console=ttyS0\b", cmdline):
        lines += ["if serial --unit=0 --speed=115200; then", "    terminal_input console serial"]
        lines += ["    terminal_output console serial", "fi"]
    archive = f" /{HOST_ARCHIVE}" if host_archive else ""
    for title, more in (("Holdfast", ""), ("Holdfast rescue shell", " systemd.unit=rescue.target")):
        for kernel in kernels:
            folder = f"/holdfast/{kernel.version}"
            lines += [
                f'menuentry "{title}, Linux {kernel.version}" {{',
                f"    linux {folder}/vmlinuz {cmdline}{more}",
                f"    initrd {folder}/initrd.img{archive}",
                "}",
            ]
    return "\n".join(lines) + "\n"


def host_archive(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed cpio archive ("newc") of ``files`` (paths without leading slash) and the folders above them.

    The kernel unpacks it over the RAM disk. Owner root, files 0644. Source: the kernel's
    Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    folders = {"/".join(path.split("/")[:n]) for path in files for n in range(1, path.count("/") + 1)}
    entries = [(path, 0o040755, b"") for path in sorted(folders)]
    entries += [(path, 0o100644, data) for path, data in sorted(files.items())]
    entries.append(("TRAILER!!!", 0, b""))
    archive = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))
    return archive + bytes(-len(archive) % 512)


def _entry(number: int, path: str, mode: int, data: bytes) -> bytes:
    """One member: header of hexadecimal fields, name, contents, the latter two padded to four bytes."""
    name = path.encode() + b"\0"
    links = 2 if mode & 0o040000 else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
