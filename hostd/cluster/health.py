"""How well a cluster is connected: what Corosync counts, what it means, and when to warn. Pure.

Source of the counters: cmap_keys(7), ``stats.knet`` and ``stats.srp``. knet pings every link about four times per token
time-out and gives one up that has not answered for half of it; the token itself is sent four times before it is lost.

Two limits have reasons of their own, the rest follows from the token (``Limits.of``):

- LOSS: of pings and their answers together. A link goes down when two pings in a row stay without answer: at five
  percent once in 400 pings, which is minutes; a link that carries the token then fails over for half a second, and the
  membership is lost where four in a row go, one in 160,000. At twenty percent it is one in 25 and one in 600: too late.
- CLOCK_S: a second factor's code lives for 30 seconds (RFC 6238), a ticket is refused from five minutes in the future
  on, and logs of two nodes are read side by side. Ten seconds leave time to act for all of these.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

LOSS: Final = 0.05
LOSS_OVER: Final = 0.01  # below it, a warning is taken back; between the two nothing is said
CLOCK_S: Final = 10.0
CLOCK_OVER_S: Final = 5.0
# Pings come every 0.8 s at the shipped settings: a minute holds about 75, so that one lost is 1.3 percent; with fewer
# than 25 a single unlucky pair would look like a bad link.
WINDOW_S: Final = 60.0
LEAST_PINGS: Final = 25
RETRANSMIT_SHARE: Final = 4.2  # corosync.conf(5): token_retransmit is token / (retransmits before loss + 0.2)

LINK_FIELDS: Final = (
    "enabled", "connected", "latency_ave", "latency_samples", "tx_ping_packets", "rx_pong_packets", "up_count",
    "down_count",
)  # fmt: skip
_LINK = re.compile(r"stats\.knet\.node([0-9]+)\.link([0-9]+)\.([a-z_]+)\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkCounters:
    """Of one link to one node, since Corosync started here."""

    node_id: int
    link: int
    connected: bool
    latency_us: int
    answers: int  # that ``latency_us`` is an average of; 0: none yet
    pings: int
    pongs: int
    ups: int
    downs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Witness:
    """A QDevice as this node's votequorum knows it. ``votes``: those it has to give.

    ``registered``: its daemon runs here; ``alive``: and is in time; ``casts``: and gives this node's side its votes.
    """

    votes: int
    registered: bool
    alive: bool
    casts: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read of Corosync at one moment."""

    own: int
    names: Mapping[int, str]
    token_s: float
    links: tuple[LinkCounters, ...]
    retransmits: int  # messages sent again since the start
    tokens_lost: int
    votes: int  # present, the witness's included
    votes_needed: int
    votes_expected: int
    witness: Witness | None = None  # of a cluster that has none


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link to another node. ``round_trip_s``: average; ``loss``: share of pings of the last minute, 0 to 1."""

    node: str
    node_id: int
    link: int
    connected: bool
    round_trip_s: float | None
    loss: float | None
    ups: int
    downs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Another node's clock minus this one's, in seconds; the truth is within ``error_s`` of it."""

    node: str
    offset_s: float
    error_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The cluster as one node feels it."""

    links: tuple[Link, ...] = ()
    clocks: tuple[Clock, ...] = ()
    votes: int
    votes_needed: int
    votes_expected: int
    retransmits: int
    tokens_lost: int
    witness: Witness | None = None

    @property
    def margin(self) -> int:
        """Votes that may still go before the quorum does; negative without quorum."""
        return self.votes - self.votes_needed

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Raises TypeError, KeyError for what is not a health."""
        links = tuple(Link(**link) for link in data["links"])
        clocks = tuple(Clock(**clock) for clock in data["clocks"])
        witness = Witness(**data["witness"]) if data.get("witness") else None
        return cls(**{**data, "links": links, "clocks": clocks, "witness": witness})


@dataclass(frozen=True, slots=True)
class Limits:
    """Round trips (seconds) above which a warning is given, and below which it is taken back."""

    round_trip_s: float
    round_trip_over_s: float

    @classmethod
    def of(cls, token_s: float, nodes: int) -> Self:
        """From the token's time-out.

        The token makes half a round trip from node to node; when it has not come round after a quarter of its time-out
        it is sent again by everybody, for nothing. Half of that quarter is the limit for all of its way, and an eighth
        of the time-out for one link, which knet gives up at a half.
        """
        way_s = token_s / RETRANSMIT_SHARE / 2  # for all nodes, half a round trip each
        limit_s = min(2 * way_s / max(nodes, 2), token_s / 8)
        return cls(limit_s, limit_s / 2)


def links_of(stats: Mapping[str, object], own: int) -> tuple[LinkCounters, ...]:
    """The links to other nodes from the keys below ``stats.knet.``; microseconds, counts. Odd keys are skipped."""
    found: dict[tuple[int, int], dict[str, int]] = {}
    for key, value in stats.items():
        match = _LINK.match(key)
        if match and int(match[1]) != own and isinstance(value, int):
            found.setdefault((int(match[1]), int(match[2])), {})[match[3]] = value
    return tuple(
        LinkCounters(
            node_id=node_id,
            link=link,
            connected=bool(values.get("connected")),
            latency_us=values.get("latency_ave", 0),
            answers=values.get("latency_samples", 0),
            pings=values.get("tx_ping_packets", 0),
            pongs=values.get("rx_pong_packets", 0),
            ups=values.get("up_count", 0),
            downs=values.get("down_count", 0),
        )
        for (node_id, link), values in sorted(found.items())
        if values.get("enabled")
    )


@dataclass
class _Window:
    """The pings of the last minute on one link, from look to look while it was up at both.

    Not from one time that it came up to the next: a bad link goes down every few seconds.
    """

    last: LinkCounters | None = None
    seen: deque[tuple[float, int, int]] = field(default_factory=deque)

    def loss(self, counters: LinkCounters, now_s: float) -> float | None:
        """The share that is lost; None while there are too few to say."""
        last, self.last = self.last, counters
        if last is not None and last.connected and counters.connected:
            self.seen.append((now_s, counters.pings - last.pings, counters.pongs - last.pongs))
        while self.seen and self.seen[0][0] <= now_s - WINDOW_S:
            self.seen.popleft()
        pings, pongs = sum(entry[1] for entry in self.seen), sum(entry[2] for entry in self.seen)
        # one answer is always on its way, or belongs to a ping from before
        return min(max(pings - pongs - 1, 0) / pings, 1.0) if counters.connected and pings >= LEAST_PINGS else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A line for the log."""

    text: str
    warning: bool


class Watcher:
    """Makes a Health of each reading, and says once when something becomes bad, and once when it is well again."""

    def __init__(self) -> None:
        self._windows: dict[tuple[int, int], _Window] = {}
        self._bad: set[str] = set()

    def step(
        self, reading: Reading, clocks: Mapping[int, tuple[float, float]], now_s: float
    ) -> tuple[Health, list[Notice]]:
        """``clocks``: offset and error by number of the node; ``now_s``: of a clock that only goes forward."""
        links = tuple(self._link(reading, counters, now_s) for counters in reading.links)
        self._windows = {key: self._windows[key] for key in ((link.node_id, link.link) for link in links)}
        health = Health(
            links=links,
            clocks=tuple(
                Clock(node=_name(reading, node_id), offset_s=offset, error_s=error)
                for node_id, (offset, error) in sorted(clocks.items())
            ),
            votes=reading.votes,
            votes_needed=reading.votes_needed,
            votes_expected=reading.votes_expected,
            retransmits=reading.retransmits,
            tokens_lost=reading.tokens_lost,
            witness=reading.witness,
        )
        return health, list(self._notices(health, Limits.of(reading.token_s, len(reading.names))))

    def _link(self, reading: Reading, counters: LinkCounters, now_s: float) -> Link:
        window = self._windows.setdefault((counters.node_id, counters.link), _Window())
        return Link(
            node=_name(reading, counters.node_id),
            node_id=counters.node_id,
            link=counters.link,
            connected=counters.connected,
            round_trip_s=counters.latency_us / 1e6 if counters.connected and counters.answers else None,
            loss=window.loss(counters, now_s),
            ups=counters.ups,
            downs=counters.downs,
        )

    def _notices(self, health: Health, limits: Limits) -> Iterator[Notice]:
        for link in health.links:
            name = f"link {link.link} to node '{link.node}'"
            left = sum(other.connected for other in health.links if other.node == link.node)
            yield from self._say(
                f"{name} is down; links to it that are left: {left}",
                f"{name} is up",
                not link.connected,
                link.connected,
                key=f"down {name}",
            )
            if link.round_trip_s is not None:
                took_s, limit_s = link.round_trip_s, limits.round_trip_s
                yield from self._say(
                    f"{name} is slow: {took_s * 1e3:.0f} ms there and back, from {limit_s * 1e3:.0f} ms on the "
                    "cluster's token comes late",
                    f"{name} is fast enough again: {took_s * 1e3:.0f} ms",
                    took_s > limit_s,
                    took_s < limits.round_trip_over_s,
                    key=f"slow {name}",
                )
            if link.loss is not None:
                yield from self._say(
                    f"{name} loses {link.loss:.0%} of what is sent; from {LOSS:.0%} on it goes down now and then, and "
                    "with more the node may lose its membership: check cables, ports, and what else uses that network",
                    f"{name} loses next to nothing any more ({link.loss:.1%})",
                    link.loss >= LOSS,
                    link.loss < LOSS_OVER,
                    key=f"loss {name}",
                )
        for clock in health.clocks:
            away_s = max(abs(clock.offset_s) - clock.error_s, 0.0)
            yield from self._say(
                f"the clock of node '{clock.node}' differs by {clock.offset_s:+.1f} s from this one; synchronise both "
                "(chronyc tracking)",
                f"the clock of node '{clock.node}' agrees again",
                away_s > CLOCK_S,
                away_s < CLOCK_OVER_S,
                key=f"clock {clock.node}",
            )
        if (witness := health.witness) is not None:
            yield from self._say(
                "the witness (QDevice) has no vote for this node: "
                + ("it does not answer in time" if witness.registered else "corosync-qdevice does not run here")
                + "; pvecm status shows its state",
                "the witness (QDevice) has its vote for this node again",
                not witness.casts,
                witness.casts,
                key="witness",
            )
        absent = health.votes < health.votes_expected
        yield from self._say(
            f"the quorum hangs on every vote that is left: {health.votes} of {health.votes_expected} are here, "
            f"{health.votes_needed} are needed; bring the others back before anything else is switched off",
            f"there are votes to spare again: {health.votes} of {health.votes_expected}",
            absent and health.margin == 0,
            health.margin > 0 or not absent,
            key="quorum",
        )

    def _say(self, bad: str, good: str, is_bad: bool, is_good: bool, *, key: str) -> Iterator[Notice]:
        if is_bad and key not in self._bad:
            self._bad.add(key)
            yield Notice(text=bad, warning=True)
        elif is_good and key in self._bad:
            self._bad.discard(key)
            yield Notice(text=good, warning=False)


def _name(reading: Reading, node_id: int) -> str:
    return reading.names.get(node_id) or str(node_id)
