"""Our own container template: a small Debian in an archive, so that a fresh host starts a container without a network.

It lies in the system's layer where the storage ``local`` keeps its templates, and so is on the medium and on every
host that is installed from it.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from imagebuild import tools
from imagebuild.cache import apt_cache, clear, digest, prune, source_date
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.shell import call

FORMAT: Final = 1
"""Raise when what is made here changes; it is part of the cache's key and of the template's name."""
FOLDER: Final = "/var/lib/vz/template/cache"
# What every container should have: an init, a network by ifupdown with DHCP, a way in, and the means to install more.
PACKAGES: Final = (
    "apt", "bash", "ca-certificates", "dbus", "dhcpcd-base", "ifupdown", "iproute2", "iputils-ping", "less", "login",
    "nano", "netbase", "openssh-server", "passwd", "procps", "systemd-sysv", "tzdata",
)  # fmt: skip
# Of the machine that made it, of downloads, and of mmdebstrap's own options, which were for the making alone.
_REMOVED: Final = (
    "etc/hostname", "etc/resolv.conf", "etc/dpkg/dpkg.cfg.d/99mmdebstrap", "etc/apt/apt.conf.d/99mmdebstrap",
    "var/lib/dbus/machine-id", "var/log/bootstrap.log",
)  # fmt: skip
_EMPTIED: Final = ("var/cache/apt", "var/lib/apt/lists", "var/log/apt", "var/log/journal", "tmp", "run")
_KEYS: Final = "etc/ssh/ssh_host_*_key"
KEY_TEXT: Final = "# each container gets a key of its own of this kind\n"


def name(ctx: Context) -> str:
    """As the storage knows it: distribution, suite, version and architecture."""
    return f"debian-{ctx.profile.suite}-holdfast_{FORMAT}_amd64.tar.zst"


@functools.cache
def place(ctx: Context) -> Path:
    key = digest(FORMAT, *PACKAGES, *ctx.profile.apt_sources())
    return ctx.place("image", f"template-{key}.tar.zst")


def archive_argv(tree: Path, output: Path, time_s: int) -> list[str]:
    """Pack a tree: names sorted, times clamped, owners as numbers, without what the kernel and LXC make (tar(1))."""
    return [
        "tar", "--create", f"--file={output}", "--use-compress-program=zstd -19 -T0", "--sort=name",
        f"--mtime=@{time_s}", "--clamp-mtime", "--numeric-owner", "--acls", "--xattrs",
        "--xattrs-include=security.capability", "--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*",
        "--directory", str(tree), ".",
    ]  # fmt: skip


def tidy(tree: Path) -> None:
    """Take away what would be the same in every container, and what only the making needed."""
    for gone in _REMOVED:
        (tree / gone).unlink(missing_ok=True)
    for folder in _EMPTIED:
        for path in sorted((tree / folder).glob("*")):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    (tree / "etc/machine-id").write_text("")
    for key in sorted(tree.glob(_KEYS)):
        key.write_text(KEY_TEXT)
        key.with_name(f"{key.name}.pub").unlink(missing_ok=True)


def installed_as(ctx: Context) -> Sequence[str]:
    """The command that puts it from ``/run/template`` to its place in the image."""
    return ["install", "-D", "-m", "0644", "/run/template", f"{FOLDER}/{name(ctx)}"]


def run(ctx: Context) -> None:
    """Make the template where the cache has none of these packages and sources."""
    target = place(ctx)
    if target.is_file():
        return
    tree, partial = target.with_name(f"{target.name}.tree"), target.with_name(f"{target.name}.partial")
    clear(tree)
    partial.unlink(missing_ok=True)
    log = ctx.place("logs", "image-template.log")
    log.unlink(missing_ok=True)
    with stage(ctx.cache, "image: container template"):
        with apt_cache(ctx):
            call(tools.mmdebstrap_argv(ctx, tree, PACKAGES), log=log)
        tidy(tree)
        tools.inside(ctx, archive_argv(tree, partial, source_date(ctx)), log=log)
        clear(tree)
        partial.rename(target)
    prune(target, "template-*.tar.zst", keep=1)
