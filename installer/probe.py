"""The machine this runs on, as facts: disks and NICs from udev, firmware, memory, processor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed
from hostd.core.run import Run
from installer.machine import Disk, Firmware, Holder, Machine, Member, NetworkFacts, Nic
from installer.perform.devices import block_name, disks_below, parse_mountinfo
from installer.perform.release import PVS, parse_pvs

# Not disks one installs to: RAM, loops, optical and floppy drives, and what is built on other disks.
_NO_DISK: Final = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|rbd|drbd|zd|mtdblock|mmcblk\d+boot)\d*")
# The running system comes from here: the medium of a live system, or the root of an installed one.
_LIVE_MOUNTS: Final = ("/", "/run/live", "/lib/live", "/boot")
_SECURE_BOOT: Final = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
ETHERNET: Final = "1"


def probe(run: Run, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> Machine:
    """Look at the machine. Needs root for the volume groups; nothing is changed."""
    import pyudev  # here: planning for a recorded machine must not need it

    context = pyudev.Context()
    blocks = [{"sys_name": d.sys_name, **_text(d.properties)} for d in context.list_devices(subsystem="block")]
    nets = [{"sys_name": d.sys_name, **_text(d.properties)} for d in context.list_devices(subsystem="net")]
    live = live_disks((proc / "self/mountinfo").read_text(), sys)
    return Machine(
        firmware=Firmware.EFI if (sys / "firmware/efi").is_dir() else Firmware.BIOS,
        secure_boot=secure_boot(sys / "firmware/efi/efivars" / _SECURE_BOOT),
        memory_mib=memory_mib((proc / "meminfo").read_text()),
        cpu_vendor=cpu_vendor((proc / "cpuinfo").read_text()),
        cmdline=(proc / "cmdline").read_text().strip(),
        disks=tuple(found_disks(blocks, live, sys)),
        members=tuple(found_members(blocks, physical_volumes(run), sys)),
        network=NetworkFacts(nics=tuple(found_nics(nets, sys))),
    )


def _text(properties: Mapping[str, object]) -> dict[str, str]:
    return {str(key): str(value) for key, value in properties.items()}


def found_disks(blocks: Iterable[Mapping[str, str]], live: set[str], sys: Path) -> list[Disk]:
    """Whole disks that can be written, from udev's block devices (properties plus ``sys_name``), by name."""
    disks = []
    for udev in sorted(blocks, key=lambda b: by_name(b["sys_name"])):
        name = udev["sys_name"]
        folder = sys / "class/block" / name
        if udev.get("DEVTYPE") != "disk" or _NO_DISK.fullmatch(name) or not folder.is_dir():
            continue
        sectors, read_only = int(_read(folder / "size") or 0), _read(folder / "ro") == "1"
        if sectors == 0 or read_only or _read(folder / "hidden") == "1":
            continue
        links = udev.get("DEVLINKS", "").split()
        prefix = "/dev/disk/by-id/"
        disks.append(
            Disk(
                path=f"/dev/{name}",
                size_bytes=sectors * 512,
                block_size=int(_read(folder / "queue/logical_block_size") or 512),
                model=udev.get("ID_MODEL", _read(folder / "device/model")).replace("_", " ").strip(),
                serial=udev.get("ID_SERIAL_SHORT", udev.get("ID_SERIAL", "")),
                by_id=tuple(sorted(link.removeprefix(prefix) for link in links if link.startswith(prefix))),
                live=name in live,
                udev={key: value for key, value in udev.items() if key != "sys_name"},
            )
        )
    return disks


def live_disks(mountinfo: str, sys: Path) -> set[str]:
    """Names of the disks the running system lies on."""
    found: set[str] = set()
    for mount in parse_mountinfo(mountinfo):
        point = mount.point
        if point in _LIVE_MOUNTS or point.startswith(("/run/live/", "/lib/live/")):
            for device in (mount.device, mount.source):
                name = block_name(device, sys)
                found |= disks_below(name, sys) if name else set()
    return found


def found_members(
    blocks: Iterable[Mapping[str, str]], volumes: Mapping[str, tuple[str, str]], sys: Path
) -> list[Member]:
    """Who owns which block device; ``volumes`` are physical volumes, device -> (group, its UUID)."""
    kinds = {"LVM2_member": Holder.LVM, "zfs_member": Holder.ZFS, "linux_raid_member": Holder.MD}
    found = []
    for udev in sorted(blocks, key=lambda b: by_name(b["sys_name"])):
        kind = kinds.get(udev.get("ID_FS_TYPE", ""))
        if kind is None:
            continue
        device = f"/dev/{udev['sys_name']}"
        name, ident = udev.get("ID_FS_LABEL", ""), udev.get("ID_FS_UUID", "")
        if kind is Holder.LVM:
            name, ident = volumes.get(device, ("", ""))
        for disk in sorted(disks_below(udev["sys_name"], sys)):
            found.append(Member(kind=kind, name=name, id=ident, device=device, disk=f"/dev/{disk}"))
    return found


def physical_volumes(run: Run) -> dict[str, tuple[str, str]]:
    """Physical volumes of LVM: device -> (volume group, its UUID). Empty where LVM cannot say."""
    try:
        return {device: (group, uuid) for device, group, uuid in parse_pvs(run(PVS).stdout)}
    except CommandFailed:
        return {}


def found_nics(nets: Iterable[Mapping[str, str]], sys: Path) -> list[Nic]:
    """Wired network cards, by name; numbered in that order for names like ``nic0``."""
    nics: list[Nic] = []
    for udev in sorted(nets, key=lambda n: n["sys_name"]):
        folder = sys / "class/net" / udev["sys_name"]
        wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
        if _read(folder / "type") != ETHERNET or not (folder / "device").exists() or wireless:
            continue
        nics.append(
            Nic(
                name=udev["sys_name"],
                mac=_read(folder / "address"),
                index=int(_read(folder / "ifindex") or 0),
                number=len(nics),
                driver=udev.get("ID_NET_DRIVER", ""),
                state=_read(folder / "operstate").upper(),
                udev={key: value for key, value in udev.items() if key != "sys_name"},
            )
        )
    return nics


def secure_boot(variable: Path) -> bool:
    """Whether UEFI Secure Boot is on: four bytes of attributes, then 1. No variable: off."""
    try:
        return variable.read_bytes()[4:5] == b"\x01"
    except OSError:
        return False


def memory_mib(meminfo: str) -> int:
    """Memory in MiB from ``/proc/meminfo``."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(match.group(1)) // 1024 if match else 0


def cpu_vendor(cpuinfo: str) -> str:
    match = re.search(r"^vendor_id\s*:\s*(\S+)", cpuinfo, re.MULTILINE)
    return match.group(1) if match else ""


def by_name(name: str) -> tuple[int, str]:
    """Sort key for device names: ``sdz`` before ``sdaa``, ``nvme2n1`` before ``nvme10n1``."""
    return len(name), name


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
