"""``/cluster/ha/balance``: moves that even out the nodes' loads, and why each was made (own addition)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from hostd.api.cluster.ha.common import AUDIT, CHANGE
from hostd.api.cluster.ha.movable import machines
from hostd.api.context import Context
from hostd.api.endpoint import NULL, array, endpoint, fields
from hostd.core.digest import check_digest, digest
from hostd.core.errors import Invalid
from hostd.core.kinds import BOOLEAN, DIGEST
from hostd.core.schema import Kind, param
from hostd.ha import balance, spread, stored
from hostd.ha.balance import Verdict
from hostd.ha.host.balancer import situation
from hostd.ha.host.locks import Locks
from hostd.ha.host.manager_side import ManagerSide
from hostd.ha.host.side import Surroundings
from hostd.ha.host.watchdogs import NoWatchdog
from hostd.ha.round import Memory, Round
from hostd.ha.states import Scheduler
from hostd.ha.usage import fractions

_PATH = "/cluster/ha/balance"
_GUESTS = Kind(type="list", format="pve-vmid")


@dataclass(frozen=True, kw_only=True)
class ReadParams:
    """What is to be told."""

    dry_run: bool = param(
        BOOLEAN, name="dry-run", default=False, shown_default=0,
        doc="Tell what would be moved now, also where balancing is off or would wait some rounds more.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class UpdateParams:
    """Who takes part."""

    enable: bool | None = param(BOOLEAN, default=None, doc="Balance running machines that nobody looks after.")
    guests: list[int] | None = param(_GUESTS, default=None, doc="The machines that take part; others stay.")
    digest: str = param(DIGEST, default="", doc="Fail unless the configuration still has this digest.")


@endpoint(
    "GET",
    _PATH,
    params=ReadParams,
    returns={
        "type": "object",
        "properties": {
            **fields(enable="boolean", services="boolean", digest="string"),
            "guests": {"type": "array", "items": {"type": "integer"}},
            "nodes": array(fields(node="string", cpu="number", mem="number")),
            "moves": array(
                fields(sid="string", source="string", target="string", why="string", state="string?", told="string?",
                       decided="integer?", ago="integer?")
            ),
            "proposals": {
                **array(fields(about="string", imbalance="number", sid="string?", source="string?", target="string?",
                               after="number?", why="string")),
                "optional": True,
            },
        },
    },
    allow=AUDIT,
    slow=True,
)  # fmt: skip
def read(ctx: Context, p: ReadParams) -> object:
    """How balancing is set, the nodes' loads, the moves that were made lately and why (own addition).

    ``enable`` and ``guests``: machines that nobody looks after otherwise; ``services``: guests of the HA manager, which
    the cluster's option ``crs`` sets. ``proposals`` (with ``dry-run``): what would be moved now, or why nothing.
    """
    mirror = ctx.mirror
    wish, options = stored.balance_wish(mirror), stored.options(mirror)
    known = situation(mirror, ctx.node, machines, stored.moves(mirror))
    services = options.auto_rebalance.enabled and options.scheduler is not Scheduler.BASIC
    answer: dict[str, object] = {
        "enable": int(wish.enabled),
        "services": int(services),
        "guests": list(wish.guests),
        "digest": digest(stored.text(mirror, stored.BALANCE).encode()),
        "nodes": list(_nodes(known)),
        "moves": list(_moves(ctx, known)),
    }
    if p.dry_run:
        guests = spread.decide(known, options.auto_rebalance, time.time())
        answer["proposals"] = [_proposal("guests", guests), _proposal("services", _services(ctx))]
    return answer


def _nodes(known: spread.Situation) -> Iterator[dict[str, object]]:
    loads = spread.loads_of(known)
    for node, cpu, mem in zip(loads, *fractions(loads, known.capacities), strict=True):
        yield {"node": node, "cpu": round(cpu, 3), "mem": round(mem, 3)}


def _moves(ctx: Context, known: spread.Situation) -> Iterator[dict[str, object]]:
    """Machines by date, the newest first, then services by how long ago the manager moved them."""
    for move in reversed(known.moves):
        row = {"sid": move.sid, "source": move.source, "target": move.target, "why": move.why}
        yield {**row, "state": str(move.state), "told": move.told, "decided": move.decided_s}
    moved = stored.manager_status(ctx.mirror).moved
    for sid, one in sorted(moved.items(), key=lambda each: each[1].age_s):
        yield {"sid": sid, "source": one.source, "target": one.target, "why": one.why, "ago": one.age_s}


def _services(ctx: Context) -> Verdict:
    """What the manager would move, by this node's copy of what it knows."""
    locks = Locks(ctx.store, ctx.mirror, ctx.node, "")
    around = Surroundings(host=ctx.host, locks=locks, watchdog=NoWatchdog(), tell=lambda kind, /, **fields: None)
    status = stored.manager_status(ctx.mirror)
    round = Round(Memory(status=status), ManagerSide(around))
    round.moved_s = {sid: round.now_s - moved.age_s for sid, moved in status.moved.items()}
    round.measure()
    if round.options.scheduler is Scheduler.BASIC:
        return Verdict(imbalance=0.0, reason="the scheduler 'basic' (option crs) does not weigh what services use")
    return balance.judge_services(round)


def _proposal(about: str, verdict: Verdict) -> dict[str, object]:
    row: dict[str, object] = {"about": about, "imbalance": round(verdict.imbalance, 3), "why": verdict.reason}
    if (found := verdict.proposal) is None:
        return row
    move = {"sid": found.move.leader, "source": found.move.source, "target": found.move.target}
    return {**row, **move, "after": round(found.after, 3), "why": found.why}


@endpoint("PUT", _PATH, params=UpdateParams, returns=NULL, allow=CHANGE, privileged=True)
def update(ctx: Context, p: UpdateParams) -> object:
    """Switch balancing of machines on or off, and say which take part (own addition)."""
    file = ctx.mirror.get(stored.BALANCE)
    data = file.data if file else b""
    check_digest(digest(data), p.digest)
    before, homes = spread.parse(data), stored.guests(ctx.mirror)
    guests = before.guests if p.guests is None else tuple(sorted(set(p.guests)))
    unknown = [vmid for vmid in guests if f"vm:{vmid}" not in homes and vmid not in before.guests]
    if unknown:
        raise Invalid({"guests": f"no such machines: {', '.join(map(str, unknown))}; containers cannot move running"})
    wish = spread.Wish(enabled=before.enabled if p.enable is None else p.enable, guests=guests)
    ctx.store.mkdir(stored.FOLDER, parents=True, actor=ctx.user)
    ctx.store.write(stored.BALANCE, spread.format(wish), if_version=file.version if file else 0, actor=ctx.user)
    return None
