"""Which tags the caller may give to guests and take from them, by the cluster's options."""

from __future__ import annotations

from hostd.api.context import Context
from hostd.cluster import datacenter
from hostd.core.errors import Denied
from hostd.guests import index as guests
from hostd.guests import tags
from hostd.guests.tags import Policy


def policy(ctx: Context) -> Policy:
    """What holds for the caller; it knows the tags of the guests that it may see."""
    file = ctx.mirror.get(datacenter.PATH)
    seen = (e.summary.tags for e in guests.entries(ctx.mirror) if ctx.may(f"/vms/{e.where.vmid}", "VM.Audit"))
    options = datacenter.parse(file.data if file else b"")
    return tags.policy(options, seen, administrator=ctx.may("/", "Sys.Modify"))


def require(ctx: Context, before: str, after: str) -> None:
    """Denied, naming the tag and what is allowed, unless the caller may replace the one value of ``tags`` by the
    other."""
    if before != after and (reason := tags.refusal(before, after, policy(ctx))):
        raise Denied(reason)
