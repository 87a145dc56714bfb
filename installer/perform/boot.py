"""Boot loaders and firmware entries, the check of the result, and closing up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed, HostError, NotFound
from installer.actions import CheckInstalled, CloseTarget, FirmwareEntry, InstallBoot
from installer.perform.context import Context
from installer.perform.root import keep_log, unmount_target

SYNC: Final = "/usr/sbin/holdfast-boot-sync"
CHECK_MOUNT: Final = Path("/run/holdfast-installer/esp")
MENU: Final = "boot/grub/grub.cfg"
LOADERS: Final = (
    "EFI/BOOT/BOOTX64.EFI",
    "EFI/BOOT/grubx64.efi",
    "EFI/holdfast/shimx64.efi",
    "boot/grub/i386-pc/core.img",
)


@dataclass(frozen=True, kw_only=True)
class BootEntry:
    """An entry of the firmware's menu: ``number`` of four hexadecimal digits; ``partition`` is a GPT GUID or empty."""

    number: str
    label: str
    partition: str


def parse_boot_entries(output: str) -> list[BootEntry]:
    """Parse ``efibootmgr``: lines ``Boot0003* Label<tab>HD(2,GPT,GUID,…)…``; other lines are passed over."""
    found = []
    for line in output.splitlines():
        match = re.match(r"Boot([0-9A-Fa-f]{4})\*?\s+([^\t]*)(?:\t(.*))?$", line)
        if match:
            guid = re.search(r"GPT,([0-9a-fA-F-]{36})", match.group(3) or "")
            found.append(
                BootEntry(
                    number=match.group(1), label=match.group(2).strip(), partition=guid.group(1).lower() if guid else ""
                )
            )
    return found


def install_boot(ctx: Context, action: InstallBoot) -> None:
    ctx.inside([SYNC, "--install"], timeout_s=1800)


def add_firmware_entry(ctx: Context, action: FirmwareEntry) -> None:
    """Firmware that takes no entry is no reason to fail: the loader also lies where firmware looks by itself."""
    try:
        for entry in parse_boot_entries(ctx.run(["efibootmgr"]).stdout):
            gone = entry.partition and not Path(f"/dev/disk/by-partuuid/{entry.partition}").exists()
            if entry.label.startswith("Holdfast") and gone:
                ctx.run(["efibootmgr", "--quiet", "--bootnum", entry.number, "--delete-bootnum"])
        ctx.run(
            [
                "efibootmgr", "--quiet", "--create", "--disk", action.disk, "--part", str(action.number),
                "--label", action.label, "--loader", action.loader,
            ]
        )  # fmt: skip
    except CommandFailed as err:
        ctx.say(f"warning: the firmware's boot menu was not changed: {err}")


def menu_files(text: str) -> list[str]:
    """Files a GRUB menu names after ``linux`` and ``initrd``, without leading slash, each once."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["linux"]:
            found[words[1].lstrip("/")] = None
        elif words[:1] == ["initrd"]:
            found.update({word.lstrip("/"): None for word in words[1:]})
    return list(found)


def check_installed(ctx: Context, action: CheckInstalled) -> None:
    """Raises HostError naming everything that is missing or empty."""
    missing = [name for name in action.files if not _filled(ctx.path(name))]
    for device in action.esps:
        CHECK_MOUNT.mkdir(parents=True, exist_ok=True)
        ctx.run(["mount", "-t", "vfat", "-o", "ro", device, str(CHECK_MOUNT)])
        try:
            missing += [f"{device}: {name}" for name in missing_on_esp(CHECK_MOUNT)]
        finally:
            ctx.run(["umount", str(CHECK_MOUNT)])
    if missing:
        raise HostError(f"the installation is not complete, missing or empty: {', '.join(missing)}")


def missing_on_esp(folder: Path) -> list[str]:
    """What a mounted ESP lacks to start a kernel."""
    try:
        named = menu_files((folder / MENU).read_text())
    except FileNotFoundError as err:
        raise NotFound(f"there is no {MENU} on the EFI system partition") from err
    kernels = named or ["a kernel in the menu"]
    return [name for name in (*LOADERS, *kernels) if not _filled(folder / name)]


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def close_target(ctx: Context, action: CloseTarget) -> None:
    keep_log(ctx)
    unmount_target(ctx)
    if action.volume_group:
        ctx.run(["vgchange", "--activate", "n", action.volume_group], timeout_s=120)
    if action.pool:
        ctx.run(["zpool", "export", action.pool], timeout_s=300)
