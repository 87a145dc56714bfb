"""Root file system, layer 1: Debian without a kernel and without our packages. Slow, changes rarely."""

from __future__ import annotations

import functools
from pathlib import Path

from imagebuild import tools
from imagebuild.cache import apt_cache, clear, digest, prune, stands_on
from imagebuild.context import Context
from imagebuild.control import Control
from imagebuild.kernel import ZFS_PROGRAMS
from imagebuild.progress import stage
from imagebuild.shell import call

LIVE = ("live-boot", "live-boot-initramfs-tools")
PLAIN = ("apt", "login", "libpam-systemd", "dbus", "iputils-ping", "passwd")
FORMAT = 1


def packages(ctx: Context) -> list[str]:
    """Everything our packages depend on, except ZFS (which comes with the kernel), and what a live system needs."""
    control = Control.load(ctx.source / "debian/control")
    needed = set(control.runtime_packages(control.own)) - set(ZFS_PROGRAMS)
    return sorted(needed | set(LIVE) | set(PLAIN))


@functools.cache
def place(ctx: Context) -> Path:
    return ctx.place("image", f"base-{digest(FORMAT, *packages(ctx), *ctx.profile.apt_sources())}")


def run(ctx: Context) -> None:
    """Make the base layer where the cache has none that fits the list of packages."""
    target = place(ctx)
    if target.is_dir():
        return
    partial = target.with_name(f"{target.name}.partial")
    clear(partial)
    log = ctx.place("logs", "image-base.log")
    log.unlink(missing_ok=True)
    argv = tools.mmdebstrap_argv(ctx, partial, packages(ctx))
    with stage(ctx.cache, "image: Debian packages"), apt_cache(ctx):
        call(argv, log=log)
        partial.rename(target)
    prune(target, "base-*", keep=1, in_use=lambda layer: stands_on(ctx.cache / "dev", layer))
