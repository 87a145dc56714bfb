"""``pvesm``: storages and what lies on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

from hostd.cli.commands import LOCAL_NODE, Command, Local, Suite, option
from hostd.cli.follow import follow
from hostd.cli.program import Surroundings, main
from hostd.cli.pveum import ask_once
from hostd.cluster.store import Store
from hostd.core import run as programs
from hostd.core.run import Run
from hostd.storage.catalog import Catalog
from hostd.storage.transfer import export, receive
from hostd.storage.volume import VolumeId

# What third-party drivers can rely on (docs/storage.md).
PLUGIN_VERSION, PLUGIN_AGE = 1, 0
_HERE = {"node": LOCAL_NODE}
_STORAGE, _ONE = "/storage", "/storage/{storage}"
_CONTENT = "/nodes/{node}/storage/{storage}/content"
_SCAN = "/nodes/{node}/scan"


def _volume_path(node: str, text: str, storage: str | None) -> str:
    volume = VolumeId.parse(text if ":" in text or not storage else f"{storage}:{text}")
    return f"/nodes/{node}/storage/{volume.storage}/content/{volume}"


def path(around: Surroundings, args: Sequence[str]) -> None:
    """Where a volume is on this node."""
    found = around.call("GET", _volume_path(around.node, args[0], None), {}).data
    around.out.write(f"{found['path']}\n" if isinstance(found, dict) else "")


def free(around: Surroundings, args: Sequence[str]) -> None:
    """Remove a volume that no guest refers to, and wait until it is gone."""
    upid = around.call("DELETE", _volume_path(around.node, args[0], option(args, "--storage")), {}).data
    follow(around.call, str(upid), around.out)


def apiinfo(around: Surroundings, args: Sequence[str]) -> None:
    """Version of what drivers of others can rely on, and how many older ones still work."""
    around.out.write(f"APIVER {PLUGIN_VERSION}\nAPIAGE {PLUGIN_AGE}\n")


ROWS = (
    Command(words="status", verb="GET", path="/nodes/{node}/storage", fixed=_HERE),
    Command(words="list", verb="GET", path=_CONTENT, positional=["storage"], fixed=_HERE),
    Command(
        words="alloc", verb="POST", path=_CONTENT, positional=["storage", "vmid", "filename", "size"], fixed=_HERE
    ),
    Command(words="add", verb="POST", path=_STORAGE, positional=["type", "storage"], readers={"password": ask_once}),
    Command(words="set", verb="PUT", path=_ONE, positional=["storage"]),
    Command(words="remove", verb="DELETE", path=_ONE, positional=["storage"]),
    Command(words="config", verb="GET", path=_ONE, positional=["storage"]),
    Command(
        words="prune-backups", verb="DELETE", path="/nodes/{node}/storage/{storage}/prunebackups",
        positional=["storage"], fixed=_HERE,
    ),
    Command(words="scan nfs", verb="GET", path=f"{_SCAN}/nfs", positional=["server"], fixed=_HERE),
    Command(words="scan lvm", verb="GET", path=f"{_SCAN}/lvm", fixed=_HERE),
    Command(words="scan lvmthin", verb="GET", path=f"{_SCAN}/lvmthin", positional=["vg"], fixed=_HERE),
    Command(words="scan zfs", verb="GET", path=f"{_SCAN}/zfs", fixed=_HERE),
)  # fmt: skip
ALIASES = {f"{kind}scan": f"scan {kind}" for kind in ("nfs", "lvm", "lvmthin", "zfs")}


def suite(
    run: Run = programs.run,
    store: Callable[[], Store] = Store,
    source: Callable[[], BinaryIO] = lambda: sys.stdin.buffer,
    target: Callable[[], BinaryIO] = lambda: sys.stdout.buffer,
) -> Suite:
    """The program; tests give the edges."""

    def catalog(around: Surroundings) -> Catalog:
        with store() as tree:
            return Catalog.from_store(tree, node=around.node, run=run)

    def send(around: Surroundings, args: Sequence[str]) -> None:
        """Write a volume to a file, or with ``-`` to the output, as another host's pvesm import reads it."""
        volume, snapshot = VolumeId.parse(args[0]), option(args, "--snapshot") or ""
        if args[2] == "-":
            export(catalog(around), volume, args[1], target(), snapshot)
            return
        with open(args[2], "xb") as file:
            export(catalog(around), volume, args[1], file, snapshot)

    def take(around: Surroundings, args: Sequence[str]) -> None:
        """Make a volume of what pvesm export wrote to a file, or with ``-`` of the input; prints its id."""
        volume, rename = VolumeId.parse(args[0]), option(args, "--allow-rename") == "1"
        if args[2] == "-":
            made = receive(catalog(around), volume, args[1], source(), rename=rename)
        else:
            with open(args[2], "rb") as file:
                made = receive(catalog(around), volume, args[1], file, rename=rename)
        around.out.write(f"successfully imported '{made}'\n")

    local = (
        Local(words="path", act=path, doc=str(path.__doc__), positional=["volume"]),
        Local(words="free", act=free, doc=str(free.__doc__), positional=["volume"], options=["--storage"]),
        Local(words="apiinfo", act=apiinfo, doc=str(apiinfo.__doc__)),
        Local(
            words="export", act=send, doc=str(send.__doc__), positional=["volume", "format", "filename"],
            options=["--snapshot"],
        ),
        Local(
            words="import", act=take, doc=str(take.__doc__), positional=["volume", "format", "filename"],
            options=["--allow-rename"],
        ),
    )  # fmt: skip
    return Suite("pvesm", "Storages and what lies on them.", ROWS, ALIASES, local)


SUITE = suite()


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
