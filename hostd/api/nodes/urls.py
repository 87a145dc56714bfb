"""``/nodes/{node}/query-url-metadata``: what a server says about a file, before it is downloaded."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import Check, Or, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.api.nodes.storage_content import URL, proxy
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import param
from hostd.storage.download import Source, metadata


@dataclass(frozen=True, kw_only=True)
class UrlParams(NodeParams):
    """A file of the web."""

    url: str = param(URL, doc="Where it is.")
    verify_certificates: bool = param(
        BOOLEAN, default=True, shown_default=1, name="verify-certificates", doc="The server's certificate must be good."
    )


@endpoint(
    "GET",
    "/nodes/{node}/query-url-metadata",
    params=UrlParams,
    returns={"type": "object", "properties": fields(filename="string?", size="integer?", mimetype="string?")},
    allow=Or(Check("/", "Sys.Audit", "Sys.Modify"), Check("/nodes/{node}", "Sys.AccessNetwork")),
    runs_on="node",
    slow=True,
)
def query_url_metadata(ctx: Context, p: UrlParams) -> object:
    """Name, size and type of a file of the web."""
    found = metadata(Source(url=p.url, verify=p.verify_certificates, proxy=proxy(ctx)))
    optional = {"filename": found.filename, "size": found.size_bytes, "mimetype": found.mimetype}
    return {key: value for key, value in optional.items() if value not in ("", None)}
