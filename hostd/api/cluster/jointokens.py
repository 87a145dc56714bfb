"""``/cluster/config/jointoken`` and ``…/admission``: joining by a token that is good once (own additions)."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass

from hostd.api.cluster.config import (
    LINK,
    LINKS,
    NODE_ID,
    VOTES,
    WishParams,
    cluster,
    fingerprint,
    start_joining,
)
from hostd.api.context import Context
from hostd.api.endpoint import NULL, ROOT_ONLY, UPID, WORLD, Check, array, endpoint, fields
from hostd.api.nodes.params import NoParams
from hostd.clustering import inventory, members, tokens
from hostd.clustering.members import Wish
from hostd.clustering.tokens import Record
from hostd.core.errors import Conflict, Denied, HostError, NotAuthenticated, NotFound
from hostd.core.kinds import BOOLEAN, NODE
from hostd.core.release import VERSION
from hostd.core.schema import Kind, param

MODIFY = Check("/", "Sys.Modify")
TOKEN_ID = Kind(pattern="[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True)
class TokenParams:
    """A new token."""

    expires: int = param(
        Kind(type="integer", minimum=60, maximum=tokens.LONGEST_S), default=tokens.LIFETIME_S,
        shown_default=tokens.LIFETIME_S, doc="Seconds for which it is good.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TokenIdParams:
    """A token."""

    id: str = param(TOKEN_ID, doc="Id of the token.")


@dataclass(frozen=True, kw_only=True)
class JoinByTokenParams(WishParams):
    """A token, and what this host wants to be in the cluster."""

    token: str = param(Kind(max_length=4096), doc="The token, as the cluster's node printed it.")


@dataclass(frozen=True, kw_only=True)
class AdmissionParams:
    """A host that stands at the door with a token."""

    id: str = param(TOKEN_ID, doc="Id of the token.")
    secret: str = param(Kind(max_length=128), doc="Its secret.")
    node: str = param(NODE, doc="Name of the host.")
    check: bool = param(BOOLEAN, default=False, doc="Only tell whether it would be admitted.")
    force: bool = param(BOOLEAN, default=False, doc="Take the place of a node of that name.")
    link: dict[str, str] = param(LINK, doc="Address of the host on link n.", indices=LINKS)
    nodeid: int | None = param(NODE_ID, default=None, doc="Number of the node; by itself the lowest free one.")
    votes: int = param(VOTES, default=1, doc="Votes of the node.")


def records(ctx: Context) -> list[Record]:
    """The tokens that the cluster knows; private files, so the root process has them."""
    found = []
    for file in ctx.mirror.glob(f"{tokens.FOLDER}/"):
        try:
            found.append(Record.from_bytes(file.path.rpartition("/")[2], file.data))
        except (ValueError, TypeError):
            continue  # a newer node's: not ours to judge
    return found


@endpoint("GET", "/cluster/config/jointoken", params=NoParams, allow=MODIFY, privileged=True, returns=array(
    fields(id="string", expires="integer", created="integer", by="string", node="string?")))  # fmt: skip
def token_list(ctx: Context, p: NoParams) -> object:
    """Join tokens that were made, without their secrets; ``node`` is who used one."""
    shown = [dataclasses.asdict(record) for record in records(ctx)]
    return [{k: v for k, v in row.items() if k != "digest" and v != ""} for row in shown]


@endpoint("POST", "/cluster/config/jointoken", params=TokenParams, allow=MODIFY, privileged=True, returns={
    "type": "object", "properties": fields(token="string", id="string", expires="integer")})  # fmt: skip
def token_create(ctx: Context, p: TokenParams) -> object:
    """Make a join token: one word with which one host may join this cluster; told this once."""
    conf, now_s = cluster(ctx), int(time.time())
    for record in records(ctx):
        if record.expires < now_s - tokens.LONGEST_S:
            ctx.store.delete(record.path, actor=ctx.user)
    links = conf.node(ctx.node).links
    addresses = [links[number] for number in sorted(links)]
    token, record = tokens.make(
        addresses, fingerprint(ctx, ctx.node), by=ctx.user, now_s=now_s, lifetime_s=p.expires
    )  # fmt: skip
    ctx.store.mkdir(tokens.FOLDER, parents=True, actor=ctx.user)
    ctx.store.write(record.path, record.to_bytes(), if_version=0, actor=ctx.user)
    return {"token": token.word(), "id": token.id, "expires": record.expires}


@endpoint(
    "DELETE", "/cluster/config/jointoken/{id}", params=TokenIdParams, returns=NULL, allow=MODIFY, privileged=True
)  # fmt: skip
def token_delete(ctx: Context, p: TokenIdParams) -> object:
    """Take a join token back."""
    ctx.store.delete(tokens.path_of(p.id), actor=ctx.user)
    return None


@endpoint("PUT", "/cluster/config/join", params=JoinByTokenParams, returns=UPID, allow=ROOT_ONLY, privileged=True)
def join_by_token(ctx: Context, p: JoinByTokenParams) -> object:
    """Join this host to the cluster that a token is of."""
    return start_joining(ctx, p.token, p.link, p.nodeid, p.votes, p.force)


@endpoint(
    "POST", "/cluster/config/admission", params=AdmissionParams, allow=WORLD, privileged=True, slow=True,
    returns={"type": "object", "properties": fields(
        refused="array?", conf="string?", inventory="string?", corosync_conf="string?", corosync_authkey="string?")},
)  # fmt: skip
def admission(ctx: Context, p: AdmissionParams) -> object:
    """Admit a host that has a join token; nobody else learns anything here.

    With ``check``: what speaks against it, the cluster's configuration, and what ids the cluster has. Else the cluster
    expects the node's vote from now on, and the answer holds the cluster's key.
    """
    now_s = time.time()
    record, version = presented(ctx, p, now_s)
    links, _ = members.links_of(p.link)
    wish = Wish(name=p.node, links=links, node_id=p.nodeid, votes=p.votes, replace=p.force)
    again = members.already(ctx.host, wish) if record.node == p.node else None  # its answer may have been lost
    if p.check:
        return outlook(ctx, wish, now_s, is_in=again is not None)
    if again is not None:
        return again.to_wire()

    def use() -> None:
        used = dataclasses.replace(record, node=p.node)
        ctx.store.write(record.path, used.to_bytes(), if_version=version, actor=f"join token {record.id}")

    return members.admit(ctx.host, wish, actor=f"join token {record.id}", first=use).to_wire()


def presented(ctx: Context, p: AdmissionParams, now_s: float) -> tuple[Record, int]:
    """The token's record and its version. Raises NotAuthenticated, which is answered late, as all refusals are."""
    try:
        file = ctx.store.read(tokens.path_of(p.id))
        record = Record.from_bytes(p.id, file.data)
        tokens.check(record, p.secret, p.node, now_s)
    except (NotFound, ValueError, TypeError) as err:
        raise NotAuthenticated("no such join token; make a new one: pvecm token create") from err
    except Denied as err:
        raise NotAuthenticated(str(err)) from err
    return record, file.version


def outlook(ctx: Context, wish: Wish, now_s: float, *, is_in: bool) -> dict[str, object]:
    """What a host has to know before it joins. ``is_in``: it is a node as it wants to be already."""
    conf = cluster(ctx)
    refused = []
    try:
        if is_in:
            pass
        elif wish.links:
            members.with_node(conf, wish)
        elif wish.name in {node.name for node in conf.nodes} and not wish.replace:
            raise Conflict(f"node '{wish.name}' is already defined in cluster '{conf.name}'")
    except HostError as err:
        errors = getattr(err, "errors", {})
        refused.append("; ".join(f"{k}: {v}" for k, v in errors.items()) if errors else str(err))
    tree = ((file.path, file.data) for file in ctx.mirror.glob(""))
    have = inventory.take(tree, version=VERSION, time_s=now_s)
    return {"refused": refused, "conf": conf.format(), "inventory": json.dumps(have.to_wire())}
