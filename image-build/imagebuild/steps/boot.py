"""Boot programs of the medium: GRUB for BIOS, Microsoft-signed shim and Debian-signed GRUB for UEFI, and their menu."""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from imagebuild import tools
from imagebuild.cache import digest, source_date
from imagebuild.context import Context
from imagebuild.progress import stage

FORMAT = 2
BIOS_MODULES = (
    "biosdisk iso9660 part_gpt part_msdos normal configfile linux linux16 serial terminal test search search_fs_file "
    "echo ls cat halt reboot sleep minicmd true regexp"
)
EFI_PROGRAMS = {
    "bootx64.efi": "/usr/lib/shim/shimx64.efi.signed",
    "grubx64.efi": "/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed",
    "mmx64.efi": "/usr/lib/shim/mmx64.efi.signed",
}
EFI_IMAGE_KIB = 8192
SERIAL = "console=tty0 console=ttyS0,115200"
LIVE = "boot=live nopersistence noeject"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the menu; ``key`` chooses it, also over a serial line."""

    id: str
    title: str
    key: str
    arguments: str


ENTRIES = (
    Entry(id="auto", title="Install automatically from the answer file", key="a", arguments="holdfast.auto"),
    Entry(id="shell", title="Live system with a shell (rescue)", key="r", arguments=""),
)


def menu() -> str:
    """grub.cfg of the medium: each entry, then the same on the first serial line; never a graphical mode.

    ``/boot/grub/choice.cfg`` on the medium may set ``default`` and ``timeout``; without it an answer file on the medium
    makes the automatic installation the default, after ten seconds.
    """
    head = """\
set gfxpayload=text
if serial --unit=0 --speed=115200; then
    terminal_input console serial
    terminal_output console serial
fi
set timeout=10
set default=shell
if [ -e /answer.toml ]; then
    set default=auto
fi
if [ -e /boot/grub/choice.cfg ]; then
    source /boot/grub/choice.cfg
fi
"""
    lines = [head]
    for entry in ENTRIES:
        for twin in (False, True):
            key = entry.key.upper() if twin else entry.key
            ident = f"{entry.id}-serial" if twin else entry.id
            title = f"{entry.title}, on the serial line" if twin else entry.title
            arguments = " ".join(filter(None, [LIVE, entry.arguments, SERIAL if twin else ""]))
            lines.append(
                f'menuentry "Holdfast: {title} ({key})" --id {ident} --hotkey {key} {{\n'
                f"    linux /live/vmlinuz {arguments}\n"
                "    initrd /live/initrd.img\n}\n"
            )
    return "".join(lines)


def choice(default: str, timeout_s: int) -> str:
    """choice.cfg: start the entry ``default`` (an id of the menu) after ``timeout_s``."""
    return f"set default={default}\nset timeout={timeout_s}\n"


@functools.cache
def place(ctx: Context) -> Path:
    inputs = [menu(), BIOS_MODULES, str(EFI_PROGRAMS), EFI_IMAGE_KIB, tools.fingerprint(ctx), FORMAT]
    return ctx.place("image", f"boot-{digest(*inputs)}")


def run(ctx: Context) -> None:
    """Make ``eltorito.img``, ``efi.img``, ``boot_hybrid.img`` and ``grub.cfg``."""
    target = place(ctx)
    if target.is_dir():
        return
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    programs = partial / "efi/EFI/boot"
    programs.mkdir(parents=True)
    log = ctx.place("logs", "image-boot.log")
    log.unlink(missing_ok=True)
    tree = tools.ensure(ctx)
    with stage(ctx.cache, "image: boot programs"):
        (partial / "grub.cfg").write_text(menu())
        shutil.copy2(tree / "usr/lib/grub/i386-pc/boot_hybrid.img", partial)
        mkimage = ["grub-mkimage", "-O", "i386-pc-eltorito", "-p", "/boot/grub", "-o", str(partial / "eltorito.img")]
        tools.inside(ctx, [*mkimage, *BIOS_MODULES.split()], log=log)
        for name, source in EFI_PROGRAMS.items():
            shutil.copy2(tree / source.lstrip("/"), programs / name)
        stamp = source_date(ctx)
        for path in [partial / "efi/EFI", programs, *programs.iterdir()]:
            os.utime(path, (stamp, stamp))
        image = partial / "efi.img"
        mkfs = ["mkfs.vfat", "--invariant", "-i", "484F4C44", "-n", "HOLDFASTEFI", "-C", str(image), str(EFI_IMAGE_KIB)]
        tools.inside(ctx, mkfs, log=log)
        tools.inside(ctx, ["mcopy", "-s", "-m", "-i", image, partial / "efi/EFI", "::"], log=log)
    shutil.rmtree(partial / "efi")
    partial.rename(target)
