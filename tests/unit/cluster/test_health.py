"""What is made of Corosync's counters: loss over a minute, warnings that come once and go, limits from the token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hostd.cluster.health import Clock, Health, Limits, LinkCounters, Notice, Reading, Watcher, links_of

WELL = LinkCounters(
    node_id=2, link=0, connected=True, latency_us=300, answers=9, pings=100, pongs=98, ups=1, downs=0
)  # fmt: skip
READING = Reading(
    own=1,
    names={1: "alpha", 2: "beta", 3: "gamma"},
    token_s=3.125,
    links=(WELL, replace(WELL, link=1)),
    retransmits=4,
    tokens_lost=0,
    votes=3,
    votes_needed=2,
    votes_expected=3,
)


class Run:
    """A watcher fed every five seconds."""

    def __init__(self) -> None:
        self.watcher, self.now_s, self.counters = Watcher(), 1000.0, WELL

    def step(self, **changes: object) -> tuple[Health, list[Notice]]:
        """One look; ``changes`` to the reading."""
        self.now_s += 5
        clocks = changes.pop("clocks", {})
        reading = replace(READING, links=(self.counters, replace(WELL, link=1)))
        return self.watcher.step(replace(reading, **changes), clocks, self.now_s)  # type: ignore[arg-type]

    def pass_time(self, looks: int, lost: float) -> list[str]:
        """Six pings for each look, of which a share is lost; what was said."""
        said = []
        for _ in range(looks):
            made = self.counters.pings + 6
            answers = self.counters.pongs + 6 * (1 - lost)
            self.counters = replace(self.counters, pings=made, pongs=round(answers, 6))  # type: ignore[arg-type]
            said += [notice.text for notice in self.step()[1]]
        return said


def test_counters_of_other_nodes_links_are_read_and_odd_keys_skipped() -> None:
    stats = {
        "stats.knet.node1.link0.enabled": 1,
        "stats.knet.node2.link1.enabled": 1,
        "stats.knet.node2.link1.connected": 1,
        "stats.knet.node2.link1.latency_ave": 174,
        "stats.knet.node2.link1.latency_samples": 9,
        "stats.knet.node2.link1.tx_ping_packets": 12,
        "stats.knet.node2.link1.rx_pong_packets": 9,
        "stats.knet.node2.link1.up_count": 1,
        "stats.knet.node2.link1.down_count": 1,
        "stats.knet.node2.link0.enabled": 0,
        "stats.knet.handle.tx_crypt_packets": 3,
        "stats.knet.node3.link0": 1,
    }
    assert links_of(stats, own=1) == (
        LinkCounters(
            node_id=2, link=1, connected=True, latency_us=174, answers=9, pings=12, pongs=9, ups=1, downs=1
        ),
    )  # fmt: skip


def test_a_health_survives_the_wire() -> None:
    health, _ = Run().step(clocks={2: (0.25, 0.001)})
    assert health.clocks == (Clock(node="beta", offset_s=0.25, error_s=0.001),)
    assert health.margin == 1
    assert health.links[0].round_trip_s == pytest.approx(0.0003)
    assert Health.from_wire(health.to_wire()) == health


def test_loss_is_told_when_there_are_enough_pings_and_warned_of_once() -> None:
    run = Run()
    assert run.step()[0].links[0].loss is None
    assert run.pass_time(3, 0.5) == [], "18 pings are too few"
    (said,) = run.pass_time(5, 0.5)
    assert said.startswith("link 0 to node 'beta' loses 4"), said
    assert run.pass_time(20, 0.5) == [], "once"
    assert run.step()[0].links[0].loss == pytest.approx(0.5, abs=0.03)


def test_a_warning_ends_only_when_next_to_nothing_is_lost() -> None:
    run = Run()
    run.pass_time(15, 0.2)
    assert run.pass_time(20, 0.04) == [], "less than the limit, more than what ends it"
    assert run.step()[0].links[0].loss == pytest.approx(0.03, abs=0.02)
    (said,) = run.pass_time(20, 0.0)
    assert "next to nothing" in said
    assert len(run.pass_time(15, 0.2)) == 1, "a new one"


def test_one_late_answer_is_no_loss() -> None:
    run = Run()
    run.pass_time(12, 0.0)
    run.counters = replace(run.counters, pings=run.counters.pings + 1)
    assert run.step()[0].links[0].loss == 0


def test_a_link_that_goes_down_is_said_and_costs_no_loss() -> None:
    run = Run()
    run.pass_time(10, 0.0)
    run.counters = replace(run.counters, connected=False, downs=1, pings=run.counters.pings + 500)
    health, notices = run.step()
    assert [notice.text for notice in notices] == ["link 0 to node 'beta' is down; links to it that are left: 1"]
    assert notices[0].warning
    assert (health.links[0].loss, health.links[0].round_trip_s) == (None, None)
    assert run.step()[1] == []
    run.counters = replace(run.counters, connected=True, ups=2)
    _, (notice,) = run.step()
    assert (notice.text, notice.warning) == ("link 0 to node 'beta' is up", False)
    assert run.step()[0].links[0].loss == 0, "pings of while it was down do not count"


def test_a_link_that_goes_down_and_up_all_the_time_is_known_to_lose() -> None:
    run, said = Run(), []
    for turn in range(12):
        said += run.pass_time(1, 0.3)
        run.counters = replace(run.counters, downs=turn, ups=turn)
    assert len(said) == 1, said
    assert "loses" in said[0]


def test_limits_of_round_trips_follow_from_the_token() -> None:
    few, many = Limits.of(3.125, 3), Limits.of(4.75, 16)
    assert few.round_trip_s == pytest.approx(0.248, abs=0.001)
    assert many.round_trip_s == pytest.approx(0.0707, abs=0.001)
    assert Limits.of(3.0, 2).round_trip_s == pytest.approx(0.357, abs=0.001)
    for limits, token_s in ((few, 3.125), (many, 4.75)):
        assert limits.round_trip_over_s < limits.round_trip_s < token_s / 2, "before knet gives the link up"


def test_a_slow_link_is_warned_of() -> None:
    run = Run()
    run.counters = replace(WELL, latency_us=300_000)
    _, (notice,) = run.step()
    assert "300 ms there and back" in notice.text
    run.counters = replace(WELL, latency_us=200_000)
    assert run.step()[1] == [], "not yet well"
    run.counters = replace(WELL, latency_us=100_000)
    assert [notice.warning for notice in run.step()[1]] == [False]


def test_clocks_that_differ_are_warned_of_beyond_doubt_only() -> None:
    run = Run()
    assert run.step(clocks={2: (12.0, 3.0)})[1] == []
    _, (notice,) = run.step(clocks={2: (-12.0, 0.1)})
    assert "the clock of node 'beta' differs by -12.0 s" in notice.text
    assert run.step(clocks={2: (7.0, 0.1)})[1] == []
    assert [n.text for n in run.step(clocks={2: (0.1, 0.1)})[1]] == ["the clock of node 'beta' agrees again"]


def test_the_last_vote_to_spare_is_warned_of_but_not_what_is_always_so() -> None:
    run = Run()
    assert run.step(votes=2, votes_needed=2, votes_expected=2)[1] == [], "two nodes have never one to spare"
    _, (notice,) = run.step(votes=2)
    assert "2 of 3 are here, 2 are needed" in notice.text
    assert run.step(votes=1)[1] == [], "then the store says that there is no quorum"
    assert [n.warning for n in run.step()[1]] == [False]
