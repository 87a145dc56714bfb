"""The new root file system: mounting, unpacking, files, packages, password."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed, NotFound
from installer.actions import (
    EnterTarget,
    MakeLink,
    MountRoot,
    RemoveFiles,
    RemovePackages,
    SetRootPassword,
    UnpackRoot,
    WriteFile,
)
from installer.perform.context import Context
from installer.perform.namespaces import unmount_elsewhere

LOG: Final = "/var/log/holdfast-install.log"
PRIVATE: Final = frozenset({".ssh"})


def mount_root(ctx: Context, action: MountRoot) -> None:
    ctx.target.mkdir(parents=True, exist_ok=True)
    ctx.run(["mount", "-t", action.kind, action.device, str(ctx.target)])


def unsquashfs_argv(source: str, target: str) -> list[str]:
    return ["unsquashfs", "-force", "-percentage", "-dest", target, source]


def unpack_root(ctx: Context, action: UnpackRoot) -> None:
    """Raises NotFound without the file, CommandFailed where anything in it could not be written."""
    if not Path(action.source).is_file():
        raise NotFound(f"the medium has no {action.source}")

    def progress(line: str) -> None:
        if re.fullmatch(r"\s*\d{1,3}\s*", line):
            ctx.fraction(int(line) / 100)

    ctx.run(unsquashfs_argv(action.source, str(ctx.target)), timeout_s=7200, on_line=progress)


def enter_target(ctx: Context, action: EnterTarget) -> None:
    """File systems of its own, not bound from here: unmounting them then reaches every copy of the mounts.

    A service that starts meanwhile in a mount namespace of its own gets copies; those of private mounts would stay and
    keep the disks busy.
    """
    for kind, name in (("devtmpfs", "dev"), ("sysfs", "sys"), ("proc", "proc"), ("tmpfs", "run")):
        ctx.run(["mount", "-t", kind, kind, str(ctx.path(name))])


def write_file(ctx: Context, action: WriteFile) -> None:
    """A link at that place is replaced, never followed."""
    path = ctx.path(action.path)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
        if path.parent.name in PRIVATE:
            path.parent.chmod(0o700)
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_bytes(action.data)
    partial.chmod(action.mode)
    partial.replace(path)


def make_link(ctx: Context, action: MakeLink) -> None:
    if not ctx.path(action.to).exists():
        raise NotFound(f"the installed system has no {action.to}")
    path = ctx.path(action.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(action.to)


def remove_files(ctx: Context, action: RemoveFiles) -> None:
    for pattern in action.patterns:
        for path in ctx.target.glob(pattern.lstrip("/")):
            path.unlink()


def remove_packages(ctx: Context, action: RemovePackages) -> None:
    """Purge without making RAM disks anew: the generic one stays, and making one takes minutes on slow machines."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]
    lines = ctx.inside(query).stdout.splitlines()
    there = {line.split()[0] for line in lines if line.endswith(" installed")}
    names = [name for name in action.names if name in there]
    if not names:
        return
    mask = ctx.path("/usr/sbin/update-initramfs")
    ctx.run(["mount", "--bind", str(ctx.path("/usr/bin/true")), str(mask)])
    try:
        ctx.inside(["dpkg", "--purge", *names], timeout_s=600)
    finally:
        ctx.run(["umount", str(mask)])


def set_root_password(ctx: Context, action: SetRootPassword) -> None:
    """The password goes to chpasswd(8) on stdin, where no process list shows it."""
    line = f"root:{action.password.secret.reveal()}\n".encode()
    ctx.inside(["chpasswd", *(["--encrypted"] if action.password.hashed else [])], input=line)


def keep_log(ctx: Context) -> None:
    """Copy the log so far to the installed system, if there is one to copy to."""
    folder = ctx.path(LOG).parent
    if folder.is_dir() and ctx.log.is_file():
        shutil.copyfile(ctx.log, ctx.path(LOG))
        ctx.path(LOG).chmod(0o640)


def unmount_target(ctx: Context) -> None:
    ctx.run(["sync"], timeout_s=900)
    try:
        ctx.run(["umount", "--recursive", str(ctx.target)], timeout_s=300)
    except CommandFailed:
        # Something started inside is still ending: take the mounts away and let the rest be decided by what follows.
        ctx.run(["umount", "--recursive", "--lazy", str(ctx.target)], timeout_s=300)
    unmount_elsewhere(ctx)
    with contextlib.suppress(OSError):
        ctx.target.rmdir()
