"""Volume groups, logical volumes, pools and datasets."""

from __future__ import annotations

from pathlib import Path

from hostd.core.errors import Conflict
from installer.actions import CreateDataset, CreatePool, CreateThinPool, CreateVolume, CreateVolumeGroup
from installer.perform.context import Context
from installer.perform.disks import wait_for
from installer.zpool import parse_zpool_import


def create_volume_group(ctx: Context, action: CreateVolumeGroup) -> None:
    ctx.run(["pvcreate", "--yes", "--force", "--force", action.device])
    ctx.run(["vgcreate", "--yes", action.name, action.device])


def lvcreate_argv(action: CreateVolume) -> list[str]:
    return [
        "lvcreate", "--yes", "--wipesignatures", "y",
        "--size", f"{action.size_kib}k", "--name", action.name, action.group,
    ]  # fmt: skip


def thin_pool_argv(action: CreateThinPool) -> list[str]:
    return [
        "lvcreate", "--yes", "--type", "thin-pool",
        "--size", f"{action.size_kib}k", "--poolmetadatasize", f"{action.metadata_kib}k",
        "--name", action.name, action.group,
    ]  # fmt: skip


def create_volume(ctx: Context, action: CreateVolume) -> None:
    ctx.run(lvcreate_argv(action), timeout_s=120)


def create_thin_pool(ctx: Context, action: CreateThinPool) -> None:
    ctx.run(thin_pool_argv(action), timeout_s=600)


def zpool_create_argv(action: CreatePool, target: str) -> list[str]:
    argv = ["zpool", "create", "-f", "-o", f"ashift={action.ashift}", "-o", "cachefile=none", "-R", target]
    for key, value in action.properties.items():
        argv += ["-O", f"{key}={value}"]
    return [*argv, action.name, *(["mirror"] if len(action.devices) > 1 else []), *action.devices]


def create_pool(ctx: Context, action: CreatePool) -> None:
    """Raises Conflict where another pool of that name could be imported: the system might start from the wrong one."""
    ctx.run(["modprobe", "zfs"])
    for device in action.devices:
        wait_for(Path(device))
    others = parse_zpool_import(ctx.run(["zpool", "import"], check=False, timeout_s=300).stdout)
    same = [pool.id for pool in others if pool.name == action.name]
    if same:
        raise Conflict(f"another pool '{action.name}' (id {same[0]}) is on disks that are not installed to; rename it")
    ctx.target.mkdir(parents=True, exist_ok=True)
    ctx.run(zpool_create_argv(action, str(ctx.target)), timeout_s=300)


def create_dataset(ctx: Context, action: CreateDataset) -> None:
    options = [word for key, value in action.properties.items() for word in ("-o", f"{key}={value}")]
    ctx.run(["zfs", "create", *options, action.name], timeout_s=120)
