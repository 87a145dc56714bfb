"""Stopping everything that uses the disks: an installed system's leftovers, or an installation that was cut off."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed, Conflict, ParseError
from installer.actions import ReleaseDisks
from installer.perform.context import Context
from installer.perform.devices import disks_below, on_disks, parse_mountinfo, users_of
from installer.perform.namespaces import unmount_elsewhere

PVS: Final = ["pvs", "--reportformat", "json", "--options", "pv_name,vg_name,vg_uuid"]
POOLS: Final = ["zpool", "list", "-H", "-v", "-P", "-o", "name"]
END_WAIT_S: Final = 10.0


def parse_pvs(output: str) -> list[tuple[str, str, str]]:
    """Parse `PVS`: (device, volume group, its UUID) of each physical volume; unused ones have empty names.

    Raises ParseError. Source: lvmreport(7).
    """
    try:
        rows = [row for report in json.loads(output)["report"] for row in report["pv"]]
        return [(row["pv_name"], row["vg_name"], row["vg_uuid"]) for row in rows]
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"pvs: not the report that was asked for: {err}") from err


def parse_pools(output: str) -> dict[str, list[str]]:
    """Parse `POOLS`: imported pool -> paths of its devices.

    A pool's line starts at the margin; below it, indented by tabs, are groups (``mirror-0``) and devices.
    Source: zpool-list(8), OpenZFS 2.3.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for line in output.splitlines():
        word = line.strip().split("\t")[0]
        if line[:1] not in ("\t", " ", ""):
            name = word
            found[name] = []
        elif word.startswith("/") and name:
            found[name].append(word)
    return found


def release_disks(ctx: Context, action: ReleaseDisks) -> None:
    """Raises Conflict where something on the disks cannot be stopped."""
    end_users(ctx, action.disks)
    unmount(ctx, action.disks)
    unmount_elsewhere(ctx)
    stop_swap(ctx, action.disks)
    deactivate_groups(ctx, action.disks)
    export_pools(ctx, action.disks)
    stop_arrays(ctx, action.disks)
    left = holders(action.disks, ctx.sys)
    if left:
        raise Conflict(f"{', '.join(left)} still uses the disks; stop it and start again")


def end_users(ctx: Context, disks: Sequence[str]) -> None:
    """End processes that work below the target or on the disks: a killed installation may have left some."""
    left = users_of(ctx.target, disks, proc=ctx.proc, sys=ctx.sys)
    deadline = time.monotonic() + END_WAIT_S
    while left and time.monotonic() < deadline:
        for pid in left:
            ctx.say(f"ending process {pid}, left by an earlier installation")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        left = users_of(ctx.target, disks, proc=ctx.proc, sys=ctx.sys)


def unmount(ctx: Context, disks: Sequence[str]) -> None:
    """Unmount what is below the target or comes from the disks, the last mount first."""
    mounts = parse_mountinfo((ctx.proc / "self/mountinfo").read_text())
    inside = f"{ctx.target}/"
    for mount in reversed(mounts):
        ours = mount.point == str(ctx.target) or mount.point.startswith(inside)
        if ours or on_disks(mount.device, disks, ctx.sys) or on_disks(mount.source, disks, ctx.sys):
            try:
                ctx.run(["umount", mount.point])
            except CommandFailed:
                ctx.run(["umount", "--lazy", mount.point])


def stop_swap(ctx: Context, disks: Sequence[str]) -> None:
    for line in (ctx.proc / "swaps").read_text().splitlines()[1:]:
        device = line.split()[0]
        if on_disks(device, disks, ctx.sys):
            ctx.run(["swapoff", device], timeout_s=600)


def deactivate_groups(ctx: Context, disks: Sequence[str]) -> None:
    groups = {
        uuid: name for device, name, uuid in parse_pvs(ctx.run(PVS).stdout) if uuid and on_disks(device, disks, ctx.sys)
    }
    for uuid, name in sorted(groups.items()):
        ctx.say(f"deactivating volume group {name}")
        ctx.run(["vgchange", "--activate", "n", "--select", f"vg_uuid={uuid}"], timeout_s=120)


def export_pools(ctx: Context, disks: Sequence[str]) -> None:
    if not (ctx.sys / "module/zfs").is_dir():
        return
    for name, devices in parse_pools(ctx.run(POOLS).stdout).items():
        if any(on_disks(device, disks, ctx.sys) for device in devices):
            ctx.say(f"exporting pool {name}")
            ctx.run(["zpool", "export", "-f", name], timeout_s=300)


def stop_arrays(ctx: Context, disks: Iterable[str]) -> None:
    """Stop md arrays by the kernel's own file: the system that is installed has no program for them."""
    names = {Path(disk).name for disk in disks}
    for array in (ctx.sys / "class/block").glob("md*"):
        state = array / "md/array_state"
        if state.is_file() and disks_below(array.name, ctx.sys) & names:
            ctx.say(f"stopping array {array.name}")
            state.write_text("clear")


def holders(disks: Iterable[str], sys: Path) -> list[str]:
    """Names of block devices that are built on the disks or their partitions."""
    found: set[str] = set()
    for disk in disks:
        folder = sys / "class/block" / Path(disk).name
        found |= {entry.name for entry in folder.glob("holders/*")}
        found |= {entry.name for entry in folder.glob("*/holders/*")}
    return sorted(found)
