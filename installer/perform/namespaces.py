"""Mounts of the target that other mount namespaces still have: services that were started while it was mounted."""

from __future__ import annotations

import os
from pathlib import Path

from hostd.core.errors import CommandFailed
from installer.perform.context import Context
from installer.perform.devices import parse_mountinfo


def namespaces_with(folder: Path, proc: Path) -> list[int]:
    """One process of each other mount namespace in which ``folder``, or something below it, is mounted."""
    seen = {_namespace(proc / "self")}
    found = []
    for entry in sorted((e for e in proc.iterdir() if e.name.isdigit()), key=lambda e: int(e.name)):
        name = _namespace(entry)
        if not name or name in seen:
            continue
        seen.add(name)
        try:
            mounts = parse_mountinfo((entry / "mountinfo").read_text())
        except OSError:  # it has ended
            continue
        if any(mount.point == str(folder) or mount.point.startswith(f"{folder}/") for mount in mounts):
            found.append(int(entry.name))
    return found


def _namespace(process: Path) -> str:
    try:
        return os.readlink(process / "ns/mnt")
    except OSError:  # a kernel thread, or it has ended
        return ""


def unmount_elsewhere(ctx: Context) -> None:
    """Take the target's mounts out of every other namespace; what cannot be entered is passed over and told."""
    for pid in namespaces_with(ctx.target, ctx.proc):
        enter = ["nsenter", "--mount", f"--target={pid}"]
        try:
            ctx.run([*enter, "umount", "--recursive", "--lazy", str(ctx.target)])
        except CommandFailed as err:
            ctx.say(f"the mount namespace of process {pid} keeps {ctx.target}: {err}")
