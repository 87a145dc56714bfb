"""How the installed system starts: one way for every layout.

Each disk gets GRUB for BIOS in its own small partition, and an EFI system partition with the signed shim and GRUB, the
menu, the kernels and their RAM disks: GRUB never has to read LVM or ZFS, and either disk of a mirror starts alone. The
files there are written by ``holdfast-boot-sync`` of the installed system, now and at every kernel update; here is what
it has to know.
"""

from __future__ import annotations

from typing import Final

from installer.actions import Action, CheckInstalled, FirmwareEntry, InstallBoot, MakeLink
from installer.kernel_cmdline import parse_kernel_cmdline
from installer.machine import Firmware, Machine
from installer.plan.disks import ESP_NUMBER, esp
from installer.plan.layouts import Layout

# Same names as in hostd/node/boot_sync.py, which the installer may not import.
CMDLINE_FILE: Final = "/etc/kernel/cmdline"
ESPS_FILE: Final = "/etc/kernel/holdfast-esps"
LOADER: Final = r"\EFI\holdfast\shimx64.efi"


def cmdline(machine: Machine, layout: Layout) -> str:
    """The kernel's command line: the root, then what the live system's one had for the machine (consoles …)."""
    kept = parse_kernel_cmdline(machine.cmdline).target
    return f"root={layout.root} ro {kept}".rstrip()


def files(machine: Machine, layout: Layout) -> dict[str, str]:
    partitions = "".join(f"{esp(table).uuid}\n" for table in layout.tables)
    return {
        CMDLINE_FILE: cmdline(machine, layout) + "\n",
        ESPS_FILE: "# EFI system partitions of this host, by partition UUID; see holdfast-boot-sync\n" + partitions,
    }


def leave_esps_alone() -> MakeLink:
    """systemd would mount one of the ESPs by itself as soon as somebody looks; only the tool above writes them."""
    return MakeLink(path="/etc/systemd/system-generators/systemd-gpt-auto-generator", to="/dev/null")


def actions(machine: Machine, layout: Layout) -> list[Action]:
    entries: list[Action] = []
    if machine.firmware is Firmware.EFI:
        # Each new entry is put first, so the first disk's has to come last.
        for number, table in reversed(list(enumerate(layout.tables, 1))):
            label = "Holdfast" if len(layout.tables) == 1 else f"Holdfast (disk {number})"
            entries.append(FirmwareEntry(disk=table.disk, number=ESP_NUMBER, label=label, loader=LOADER))
    return [InstallBoot(), *entries]


def check(layout: Layout) -> CheckInstalled:
    return CheckInstalled(
        files=("/etc/fstab", "/etc/hostname", "/etc/network/interfaces", "/etc/shadow", CMDLINE_FILE, ESPS_FILE),
        esps=tuple(esp(table).device for table in layout.tables),
    )
