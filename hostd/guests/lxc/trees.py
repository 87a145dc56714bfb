"""A container's files as a stream: packed from one volume, unpacked into another, on whatever storages these are.

Owners, ACLs, attributes, hard links and holes stay as they are; numbers of owners are the host's, as on the volume. The
volume is mounted for that program alone, without device nodes. The stream has an end of its own (zstd's), so that one
that is cut off is noticed.
"""

from __future__ import annotations

from typing import Final

from hostd.core.run import Run
from hostd.guests.lxc import isolated
from hostd.guests.lxc.volumes import Source, mount_argv

_LONG_S: Final = 7 * 24 * 3600.0
_SYNC_S: Final = 600.0
_KEPT: Final = ("--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*")


def pack_argv(folder: str) -> list[str]:
    """The files below a folder, to stdout; other mounts are left out (tar(1))."""
    words = ["--sparse", "--one-file-system"]
    return ["tar", "--create", "--file=-", "--zstd", *_KEPT, *words, "--directory", folder, "."]


def unpack_argv(folder: str) -> list[str]:
    """stdin into an empty folder; links are put in place last, so that nothing is written through them."""
    words = ["--preserve-permissions", "--same-owner", "--delay-directory-restore"]
    return ["tar", "--extract", "--file=-", "--zstd", *_KEPT, *words, "--directory", folder]


def sync_argv(target: Source) -> list[str]:
    """Have the kernel write what a volume lies on, and nothing else: another file system may hang (sync(1))."""
    return ["sync", *([] if target.kind == "block" else ["--file-system"]), target.path]


def send(run: Run, source: Source, stream: int) -> None:
    """Write a volume's files to an open socket. Raises HostError."""
    argvs = [mount_argv(source, isolated.FROM, ["nodev", "ro"]), pack_argv(isolated.FROM)]
    isolated.run_piped(run, argvs, timeout_s=_LONG_S, stdout=stream)


def receive(run: Run, target: Source, stream: int) -> None:
    """Read them from one into a volume with an empty file system; they are durable when this returns.

    Raises HostError where the stream ended too soon.
    """
    argvs = [mount_argv(target, isolated.TO, ["nodev"]), unpack_argv(isolated.TO)]
    isolated.run_piped(run, argvs, timeout_s=_LONG_S, stdin=stream)
    run(sync_argv(target), timeout_s=_SYNC_S)
