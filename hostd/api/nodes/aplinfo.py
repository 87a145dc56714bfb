"""``/nodes/{node}/aplinfo``: templates of containers that servers offer."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, UPID, Check, array, endpoint
from hostd.api.nodes.storage_content import proxy
from hostd.core.kinds import NODE, STORAGE_ID
from hostd.core.schema import Kind, param
from hostd.storage import appliances
from hostd.storage.appliances import Appliance
from hostd.storage.catalog import Catalog
from hostd.storage.upload import target_path

_CONTENT = "vztmpl"
_SHOWN = (
    "package", "version", "os", "section", "type", "architecture", "maintainer", "location", "infopage", "manageurl",
    "md5sum", "sha512sum",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListParams:
    """The lists of a node."""

    node: str = param(NODE, doc="Cluster node.")


@dataclass(frozen=True, kw_only=True)
class DownloadParams:
    """A template to fetch."""

    node: str = param(NODE, doc="Cluster node.")
    storage: str = param(STORAGE_ID, doc="Storage that takes it.")
    template: str = param(Kind(max_length=255), doc="Name of the template.")


@endpoint("GET", "/nodes/{node}/aplinfo", params=ListParams, returns=array({}), allow=ALL, runs_on="node")
def aplinfo(ctx: Context, p: ListParams) -> object:
    """Templates of the lists that were fetched last."""
    return [_row(one) for one in appliances.known()]


def _row(one: Appliance) -> dict[str, object]:
    row: dict[str, object] = {key: one.values[key] for key in _SHOWN if key in one.values}
    headline, _, description = one.values.get("description", "").partition("\n")
    return row | {
        "template": one.template,
        "headline": headline,
        "description": description,
        "source": one.url.rpartition("/")[0],
    }


@endpoint(
    "POST",
    "/nodes/{node}/aplinfo",
    params=DownloadParams,
    returns=UPID,
    allow=Check("/storage/{storage}", "Datastore.AllocateTemplate"),
    runs_on="node",
    privileged=True,
)
def apl_download(ctx: Context, p: DownloadParams) -> object:
    """Fetch a template into a storage; its checksum is that of the signed list."""
    one = appliances.find(p.template, appliances.known())
    target_path(Catalog.from_mirror(ctx.mirror, node=ctx.node, run=ctx.run), p.storage, _CONTENT, one.template)
    return ctx.spawn(
        "download",
        one.template,
        storage=p.storage,
        content=_CONTENT,
        filename=one.template,
        url=one.url,
        proxy=proxy(ctx),
        algorithm="sha512",
        checksum=one.values["sha512sum"],
    )
