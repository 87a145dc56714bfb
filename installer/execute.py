"""Runs a plan: stage by stage, each action by its function, with progress and an optional stop for inspection."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hostd.core.errors import ParseError
from hostd.core.run import Run
from installer.actions import (
    CheckInstalled,
    CloseTarget,
    CreateDataset,
    CreatePool,
    CreateThinPool,
    CreateVolume,
    CreateVolumeGroup,
    EnterTarget,
    FirmwareEntry,
    InstallBoot,
    MakeFilesystem,
    MakeLink,
    MountRoot,
    PartitionDisk,
    Plan,
    ReleaseDisks,
    RemoveFiles,
    RemovePackages,
    SetRootPassword,
    UnpackRoot,
    WipeDisk,
    WriteFile,
)
from installer.perform import boot, disks, release, root, volumes
from installer.perform.context import Context
from installer.plan.make import STAGES
from installer.report import Report

PERFORM: Final[Mapping[type[Any], Callable[[Context, Any], None]]] = {
    ReleaseDisks: release.release_disks,
    WipeDisk: disks.wipe_disk,
    PartitionDisk: disks.partition_disk,
    MakeFilesystem: disks.make_filesystem,
    CreateVolumeGroup: volumes.create_volume_group,
    CreateVolume: volumes.create_volume,
    CreateThinPool: volumes.create_thin_pool,
    CreatePool: volumes.create_pool,
    CreateDataset: volumes.create_dataset,
    MountRoot: root.mount_root,
    UnpackRoot: root.unpack_root,
    EnterTarget: root.enter_target,
    WriteFile: root.write_file,
    MakeLink: root.make_link,
    RemoveFiles: root.remove_files,
    RemovePackages: root.remove_packages,
    SetRootPassword: root.set_root_password,
    InstallBoot: boot.install_boot,
    FirmwareEntry: boot.add_firmware_entry,
    CheckInstalled: boot.check_installed,
    CloseTarget: boot.close_target,
}


@dataclass(frozen=True, kw_only=True)
class PausePoint:
    """Stop in ``stage`` after ``actions`` of it (0: before the first)."""

    stage: str
    actions: int = 0


def parse_pause_point(text: str) -> PausePoint:
    """``STAGE`` or ``STAGE+N``. Raises ParseError."""
    match = re.fullmatch(r"([a-z]+)(?:\+(\d+))?", text)
    if match is None or match.group(1) not in STAGES:
        raise ParseError(
            f"'{text}' is no place to stop; use one of {', '.join(STAGES)}, or STAGE+N for after N actions"
        )
    return PausePoint(stage=match.group(1), actions=int(match.group(2) or 0))


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Where to stop, and the file whose appearance means to go on."""

    at: PausePoint | None
    go_on: Path

    def wait(self, report: Report) -> None:
        report.paused(f"go on with: touch {self.go_on}")
        while not self.go_on.exists():
            time.sleep(0.2)
        self.go_on.unlink()


def execute(plan: Plan, *, run: Run, target: Path, report: Report, pause: Pause) -> None:
    """Perform every action in order. Raises the first action's error; what was done stays as it is.

    Running a plan again from the start is always right: its first stage clears what an earlier run left.
    """
    start = 0.0
    for stage in plan.stages:
        report.stage(stage.name, stage.title, start=start, weight=stage.weight)
        count = max(1, len(stage.actions))
        for number, action in enumerate(stage.actions):
            if pause.at == PausePoint(stage=stage.name, actions=number):
                pause.wait(report)
            report.note(action.describe())

            def fraction(done: float, number: int = number, count: int = count) -> None:
                report.fraction((number + done) / count)

            context = Context(run=run, target=target, log=report.log, say=report.say, fraction=fraction)
            PERFORM[type(action)](context, action)
            report.fraction((number + 1) / count)
        start += stage.weight


def keep_log_after_failure(target: Path, report: Report, run: Run) -> None:
    """Leave the log on the half-installed system too, if its root is there."""
    context = Context(run=run, target=target, log=report.log, say=report.say, fraction=report.fraction)
    if target.is_mount():
        root.keep_log(context)
