"""``pveam``: templates of containers, on storages and at servers."""

from __future__ import annotations

from collections.abc import Sequence

from hostd.cli.commands import LOCAL_NODE, Command, Local, Suite, option
from hostd.cli.follow import follow
from hostd.cli.program import Surroundings, main
from hostd.cluster import datacenter
from hostd.cluster.store import Store
from hostd.core.errors import HostError, NotFound
from hostd.core.run import run
from hostd.storage import appliances
from hostd.storage.volume import VolumeId

_HERE = {"node": LOCAL_NODE}
_CONTENT = "/nodes/{node}/storage/{storage}/content"

ROWS = (
    Command(words="list", verb="GET", path=_CONTENT, positional=["storage"], fixed={**_HERE, "content": "vztmpl"}),
    Command(
        words="download", verb="POST", path="/nodes/{node}/aplinfo", positional=["storage", "template"], fixed=_HERE
    ),
)


def available(around: Surroundings, args: Sequence[str]) -> None:
    """Templates of the lists that were fetched last, with their sections."""
    wanted = option(args, "--section")
    found = around.call("GET", f"/nodes/{around.node}/aplinfo", {}).data
    for row in found if isinstance(found, list) else []:
        if not wanted or row.get("section") == wanted:
            around.out.write(f"{row.get('section', ''):<15} {row['template']}\n")


def update(around: Surroundings, args: Sequence[str]) -> None:
    """Fetch the lists of all servers that /etc/hostd/appliances.d names; only signed ones are kept."""
    servers = appliances.servers()
    if not servers:
        raise NotFound(f"no server is named in {appliances.SOURCES}; docs/containers.md shows such a file")
    with Store() as store:
        proxy = _proxy(store)
    failed = 0
    for server in servers:
        try:
            around.out.write(f"{server.name}: {appliances.update(run, server, proxy=proxy)} templates\n")
        except HostError as err:
            failed += 1
            around.errors.write(f"{server.name}: {err}\n")
    if failed:
        raise HostError(f"{failed} of {len(servers)} lists were not updated")


def _proxy(store: Store) -> str:
    return str(datacenter.stored(store).get("http_proxy", ""))


def remove(around: Surroundings, args: Sequence[str]) -> None:
    """Remove a template from its storage, and wait until it is gone."""
    volume = VolumeId.parse(args[0])
    path = f"/nodes/{around.node}/storage/{volume.storage}/content/{volume}"
    follow(around.call, str(around.call("DELETE", path, {}).data), around.out)


SUITE = Suite(
    "pveam",
    "Templates of containers.",
    ROWS,
    {},
    [
        Local(words="available", doc=available.__doc__ or "", act=available, options=["--section"]),
        Local(words="update", doc=update.__doc__ or "", act=update),
        Local(words="remove", doc=remove.__doc__ or "", act=remove, positional=["template"]),
    ],
)


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
