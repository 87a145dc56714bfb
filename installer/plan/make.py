"""The whole plan of an installation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from installer.actions import (
    Action,
    EnterTarget,
    Plan,
    ReleaseDisks,
    RemovePackages,
    SetRootPassword,
    Stage,
    UnpackRoot,
    WipeDisk,
    WriteFile,
)
from installer.answer_file import AnswerError
from installer.answers import Answers
from installer.kernel_cmdline import parse_kernel_cmdline
from installer.locales import Locales
from installer.machine import Machine
from installer.plan import boot, layout_lvm, layout_zfs, network, system
from installer.plan.ids import Ids
from installer.plan.layouts import Layout
from installer.plan.refusals import refusals
from installer.resolve import Target, resolve

DEFAULT_SOURCE: Final = "/run/live/medium/live/filesystem.squashfs"
LIVE_PACKAGES: Final = ("live-boot", "live-boot-initramfs-tools", "hostd-installer")
STAGES: Final = ("prepare", "partition", "format", "unpack", "configure", "boot", "finish")


def with_boot_options(answers: Answers, cmdline: str) -> Answers:
    """The answers, with sizes from the kernel's command line (``hdsize=20`` …) where the answer file names none."""
    sizes = {f"{name}_gib": float(text) for name, text in parse_kernel_cmdline(cmdline).sizes.items()}
    missing = {name: size for name, size in sizes.items() if getattr(answers.lvm, name) is None}
    hdsize = sizes.get("hdsize_gib")
    zfs = answers.zfs if answers.zfs.hdsize_gib else dataclasses.replace(answers.zfs, hdsize_gib=hdsize)
    return dataclasses.replace(answers, lvm=dataclasses.replace(answers.lvm, **missing), zfs=zfs)


def make_plan(machine: Machine, answers: Answers, locales: Locales, *, seed: int, source: str = DEFAULT_SOURCE) -> Plan:
    """The actions of an installation; nothing is touched. ``seed`` feeds the identifiers.

    Raises AnswerError with every reason why it cannot be done.
    """
    answers = with_boot_options(answers, machine.cmdline)
    target = resolve(machine, answers, locales)
    problems = refusals(machine, target)
    if problems:
        raise AnswerError(problems)
    ids = Ids(seed)
    layout = (layout_lvm if target.filesystem.on_lvm else layout_zfs).layout(machine, target, ids)
    return Plan(
        stages=(
            Stage(name="prepare", title="Release and wipe the disks", weight=3, actions=_prepare(target)),
            Stage(name="partition", title="Partition the disks", weight=3, actions=layout.tables),
            Stage(name="format", title="Make volumes and file systems", weight=9, actions=layout.create),
            Stage(name="unpack", title="Unpack the system", weight=55, actions=(UnpackRoot(source=source),)),
            Stage(
                name="configure", title="Configure the system", weight=10, actions=_configure(machine, target, layout)
            ),
            Stage(name="boot", title="Make it start", weight=15, actions=tuple(boot.actions(machine, layout))),
            Stage(name="finish", title="Check and close", weight=5, actions=(boot.check(layout), layout.close)),
        ),
        warnings=answers.document.warnings,
    )


def _prepare(target: Target) -> tuple[Action, ...]:
    wipes = (WipeDisk(disk=d.path, title=f"{d.model or 'no model'}, {d.size_gib:.1f} GiB") for d in target.disks)
    return (ReleaseDisks(disks=tuple(disk.path for disk in target.disks)), *wipes)


def _configure(machine: Machine, target: Target, layout: Layout) -> tuple[Action, ...]:
    answers = target.answers
    return (
        EnterTarget(),
        RemovePackages(names=LIVE_PACKAGES),
        *system.identity(),
        *_writes({"/etc/fstab": system.fstab(layout)}),
        *(WriteFile(path=path, data=data) for path, data in layout.files),
        *_writes(network.files(machine, target)),
        *_writes(system.locale_files(answers)),
        system.time_zone(answers),
        *_writes(system.seed(target, layout)),
        *_writes(boot.files(machine, layout)),
        boot.leave_esps_alone(),
        *system.ssh_keys(answers),
        *system.cluster(answers),
        SetRootPassword(password=answers.password),
    )


def _writes(files: Mapping[str, str]) -> list[Action]:
    return [WriteFile(path=path, data=text.encode()) for path, text in files.items()]
