"""``/nodes/{node}/certificates``: the node's own certificate, and one that an administrator brought."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, Check, array, endpoint, fields
from hostd.api.nodes.params import NodeParams
from hostd.core.errors import HostError, Invalid, NotFound
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind, param
from hostd.node import certificate, tls

MODIFY = Check("/nodes/{node}", "Sys.Modify")
INFO = fields(
    filename="string?", fingerprint="string?", issuer="string?", notafter="integer?", notbefore="integer?",
    pem="string?", public__key__bits="integer?", public__key__type="string?", subject="string?",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class UploadParams(NodeParams):
    """Certificate and key."""

    certificates: str = param(Kind(format="pem-certificate-chain"), doc="The certificate and those above it, PEM.")
    key: str = param(Kind(format="pem-string"), default="", doc="Its private key, PEM; without it the one from before.")
    force: bool = param(BOOLEAN, default=False, shown_default=0, doc="Replace one that is there.")
    restart: bool = param(BOOLEAN, default=False, shown_default=0, doc="Use it at once.")


@dataclass(frozen=True, kw_only=True)
class RemoveParams(NodeParams):
    """What comes after."""

    restart: bool = param(BOOLEAN, default=False, shown_default=0, doc="Use the node's own certificate at once.")


@endpoint(
    "GET",
    "/nodes/{node}/certificates",
    params=NodeParams,
    returns=array(fields(name="string"), child="name"),
    allow=ALL,
)
def index(ctx: Context, p: NodeParams) -> object:
    """What can be asked about certificates."""
    return [{"name": name} for name in ("custom", "info")]


@endpoint(
    "GET",
    "/nodes/{node}/certificates/info",
    params=NodeParams,
    returns=array(INFO),
    allow=ALL,
    runs_on="node",
)
def info(ctx: Context, p: NodeParams) -> object:
    """The certificates of the node and of the cluster's authority."""
    named = (
        (tls.AUTHORITY, "pve-root-ca.pem"),
        (tls.own(ctx.node), "pve-ssl.pem"),
        (tls.custom(ctx.node), "pveproxy-ssl.pem"),
    )
    found = ((ctx.mirror.get(path), name) for path, name in named)
    return [certificate.info(file.data, name) for file, name in found if file]


@endpoint(
    "POST",
    "/nodes/{node}/certificates/custom",
    params=UploadParams,
    returns={"type": "object", "properties": INFO},
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def upload_custom_cert(ctx: Context, p: UploadParams) -> object:
    """Bring a certificate that the node shows instead of its own."""
    chain, key = p.certificates.encode(), p.key.encode()
    place, key_place = tls.custom(ctx.node), tls.custom_key(ctx.node)
    there = ctx.mirror.get(place) is not None
    if there and not p.force:
        raise Invalid({"force": "a custom certificate is there; set this parameter to replace it"})
    if not key:
        with contextlib.suppress(NotFound):
            key = ctx.store.read(key_place).data
    try:
        certificate.checked_chain(chain, key)
    except ValueError as err:
        raise Invalid({"certificates": str(err)}) from err
    ctx.store.write(key_place, key, actor=ctx.user)
    ctx.store.write(place, chain, actor=ctx.user)
    tls.choose(ctx.store, ctx.node, ctx.run, reload=p.restart)
    return certificate.info(chain, "pveproxy-ssl.pem")


@endpoint(
    "DELETE",
    "/nodes/{node}/certificates/custom",
    params=RemoveParams,
    returns=NULL,
    allow=MODIFY,
    runs_on="node",
    privileged=True,
)
def remove_custom_cert(ctx: Context, p: RemoveParams) -> object:
    """Go back to the node's own certificate."""
    try:
        ctx.store.delete(tls.custom(ctx.node), actor=ctx.user)
    except NotFound as err:
        raise HostError("there is no custom certificate on this node") from err
    with contextlib.suppress(NotFound):
        ctx.store.delete(tls.custom_key(ctx.node), actor=ctx.user)
    tls.choose(ctx.store, ctx.node, ctx.run, reload=p.restart)
    return None
