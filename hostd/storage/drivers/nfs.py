"""A folder that an NFS server exports. A server that is away costs its own callers seconds, others nothing."""

from __future__ import annotations

import os
from typing import ClassVar, Final

from hostd.core.errors import CommandFailed, ParseError, Unavailable
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.storage.drivers.abilities import every
from hostd.storage.drivers.dir import STREAMS, Dir, make_folders
from hostd.storage.drivers.options import CHAIN, COMMON, FILES, MOUNT_OPTIONS, PATH, SERVER
from hostd.storage.interface import Info, State, StorageConfig, Usage
from hostd.storage.mounts import mounted_at

_PROBE_S: Final = 5.0
_MOUNT_S: Final = 30.0
_IMAGES: Final = ("raw", "qcow2", "vmdk")


def mount_argv(source: str, path: str, options: str) -> list[str]:
    """``source`` is ``server:/export``."""
    return ["mount", "-t", "nfs", *(["-o", options] if options else []), "--", source, path]


def probe_argv(path: str) -> list[str]:
    """Block size, blocks in all, free, and free for users. In a process of its own, because it may never return."""
    return ["stat", "-f", "--format=%S %b %f %a", "--", path]


def exports_argv(server: str) -> list[str]:
    return ["showmount", "--no-headers", "--exports", "--", server]


def parse_probe(out: str) -> Usage:
    """Parse the four numbers of ``probe_argv``; ParseError otherwise."""
    fields = out.split()
    if len(fields) != 4 or not all(f.isdecimal() for f in fields):
        raise ParseError(f"stat: unexpected output: {out!r}")
    block, total, free, available = map(int, fields)
    return Usage(total_bytes=block * total, used_bytes=block * (total - free), available_bytes=block * available)


def parse_exports(out: str) -> list[tuple[str, str]]:
    """Parse ``showmount --no-headers --exports``: a path and who may mount it, on each line."""
    pairs = (line.split(maxsplit=1) for line in out.splitlines() if line.startswith("/"))
    return [(pair[0], pair[1] if len(pair) > 1 else "*") for pair in pairs]


def server_name(server: str) -> str:
    """IPv6 addresses are bracketed before a path."""
    return f"[{server}]" if ":" in server else server


class Nfs(Dir):
    """Driver ``nfs``."""

    info: ClassVar[Info] = Info(
        type="nfs",
        content=Dir.info.content,
        default_content=frozenset(("images",)),
        formats=_IMAGES,
        container_format="raw",
        shared=True,
        image_files=frozenset(_IMAGES),
        features=every(
            _IMAGES, snapshot=("qcow2",), clone={State.BASE: _IMAGES}, copy_snapshots=("qcow2",), template=True
        ),
        streams=STREAMS,
        options={
            "path": SectionOption(kind=PATH, doc="Where it is mounted.", fixed=True, required=True),
            "server": SERVER,
            "export": SectionOption(kind=PATH, doc="What the server exports.", fixed=True, required=True),
            "options": MOUNT_OPTIONS,
            "snapshot-as-volume-chain": CHAIN,
            **COMMON,
            **FILES,
        },
    )

    def __init__(self, storage: StorageConfig, run: Run) -> None:
        super().__init__(storage, run)
        self.source = f"{server_name(storage.text('server'))}:{storage.text('export')}"

    def activate(self) -> None:
        """Mounted if it was not, and answering."""
        here = mounted_at(self.root)
        if here is None:
            self._mount()
        elif not here.type.startswith("nfs"):
            raise Unavailable(
                f"storage '{self.storage.id}' is offline: '{here.source}' ({here.type}) is mounted at '{self.root}'"
            )
        self.usage()
        super().activate()

    def _mount(self) -> None:
        if not os.path.isdir(self.root):
            if not self.storage.flag("create-base-path", self.storage.flag("mkdir", True)):
                raise Unavailable(f"storage '{self.storage.id}' is offline: folder '{self.root}' does not exist")
            make_folders(self.root)
        try:
            self.run(mount_argv(self.source, self.root, self.storage.text("options")), timeout_s=_MOUNT_S)
        except CommandFailed as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: cannot mount '{self.source}': {err}") from err

    def usage(self) -> Usage:
        try:
            return parse_probe(self.run(probe_argv(self.root), timeout_s=_PROBE_S).stdout)
        except CommandFailed as err:
            raise Unavailable(
                f"storage '{self.storage.id}' is offline: server '{self.storage.text('server')}' does not answer: {err}"
            ) from err
