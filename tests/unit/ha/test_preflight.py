"""What is found before a node is lost: every check with a cluster in which it shows, and one in which nothing does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hostd.cluster.health import Health, Link, Witness
from hostd.ha import preflight, rules
from hostd.ha.config import Resource
from hostd.ha.fencedevices import parse
from hostd.ha.preflight import Facts, Fencing, Guest, Node, Severity, check
from hostd.ha.round import compile_rules
from hostd.ha.states import Requested

NODES = ("a", "b", "c")
WELL = Node(online=True, agent=True, watchdog="/dev/watchdog0")


def link(node: str, number: int = 0, **changes: object) -> Link:
    usual = Link(
        node=node, node_id=1, link=number, connected=True, round_trip_s=0.001, loss=0.0, ups=1, downs=0
    )  # fmt: skip
    return replace(usual, **changes)  # type: ignore[arg-type]


def health(*links: Link, votes: int = 3, expected: int = 3, witness: Witness | None = None) -> Health:
    return Health(
        links=links or tuple(link(node, number) for node in ("b", "c") for number in (0, 1)),
        votes=votes, votes_needed=expected // 2 + 1, votes_expected=expected, retransmits=0, tokens_lost=0,
        witness=witness,
    )  # fmt: skip


def resource(sid: str, node: str | None = "a") -> Resource:
    return Resource(sid=sid, node=node)


def facts(text: str = "", **changes: object) -> Facts:
    """Three well nodes with one service; ``text``: the rules."""
    given = rules.parse(text)
    resources = {sid: resource(sid) for sid in ("vm:101", "vm:102")}
    usual = Facts(
        asked="a", nodes=dict.fromkeys(NODES, WELL), health=health(), rules=given,
        compiled=compile_rules(given, {}, resources, list(NODES)), resources=resources,
        guests={sid: Guest() for sid in resources},
    )  # fmt: skip
    return replace(usual, **changes)  # type: ignore[arg-type]


def two(**changes: object) -> Facts:
    nodes = dict.fromkeys(("a", "b"), WELL)
    return facts("", **{"nodes": nodes, "health": health(link("b"), link("b", 1), votes=2, expected=2), **changes})


CASTS = Witness(votes=1, registered=True, alive=True, casts=True)
DEAF = Witness(votes=1, registered=True, alive=False, casts=False)
STRICT = "node-affinity: home\n\tresources vm:101\n\tnodes {}\n\tstrict 1\n"
DEVICES = "device pdu fence_apc ip=1\nconnect pdu node=a plug=1\nconnect pdu node=b plug=2\n"
SHOWN: dict[str, tuple[Facts, str, Severity]] = {
    "one_node": (facts(nodes={"a": WELL}, health=None), "cluster", Severity.ERROR),
    "no_quorum": (facts(quorate=False), "cluster", Severity.ERROR),
    "disarmed": (facts(disarmed=True), "cluster", Severity.WARNING),
    "no_health": (facts(health=None), "cluster", Severity.INFO),
    "two_nodes": (two(), "cluster", Severity.ERROR),
    "even_votes": (facts(nodes=dict.fromkeys("abcd", WELL)), "cluster", Severity.INFO),
    "witness_silent": (facts(health=health(witness=DEAF)), "cluster", Severity.WARNING),
    "no_vote_to_spare": (facts(health=health(votes=2)), "cluster", Severity.WARNING),
    "link_down": (facts(health=health(link("b", connected=False), link("b", 1))), "node:b", Severity.WARNING),
    "link_loses": (facts(health=health(link("b", loss=0.02), link("b", 1))), "node:b", Severity.WARNING),
    "link_flaps": (facts(health=health(link("b", downs=7), link("b", 1))), "node:b", Severity.WARNING),
    "link_slow": (facts(health=health(link("b", round_trip_s=0.3), link("b", 1))), "node:b", Severity.WARNING),
    "one_link": (facts(health=health(link("b"), link("c"))), "cluster", Severity.INFO),
    "node_away": (facts(nodes={**dict.fromkeys(NODES, WELL), "b": replace(WELL, online=False)}), "node:b",
                  Severity.INFO),
    "no_agent": (facts(nodes={**dict.fromkeys(NODES, WELL), "b": replace(WELL, agent=False)}), "node:b",
                 Severity.ERROR),
    "no_watchdog": (facts(nodes={**dict.fromkeys(NODES, WELL), "b": replace(WELL, watchdog="")}), "node:b",
                    Severity.WARNING),
    "devices_unused": (facts(fencing=Fencing(devices=parse(DEVICES))), "cluster", Severity.INFO),
    "device_mistake": (facts(fencing=Fencing(devices=parse("connect x node=a"), wanted=True)), "cluster",
                       Severity.ERROR),
    "no_device": (facts(fencing=Fencing(devices=parse(DEVICES), wanted=True)), "node:c", Severity.WARNING),
    "no_fence_agent": (
        facts(fencing=Fencing(devices=parse(DEVICES + "connect pdu node=c plug=3\n"), wanted=True,
                              absent={"fence_apc"})),
        "node:a", Severity.ERROR,
    ),
    "no_such_node": (facts(STRICT.format("a,b,z")), "rule:home", Severity.WARNING),
    "no_such_service": (
        facts("resource-affinity: far\n\tresources vm:101,vm:109\n\taffinity negative\n"), "rule:far", Severity.WARNING,
    ),
    "fewer_than_two_resources": (
        facts("resource-affinity: far\n\tresources vm:101\n\taffinity negative\n"), "rule:far", Severity.ERROR,
    ),
    "no_guest": (facts(resources={"vm:101": resource("vm:101", None)}), "vm:101", Severity.ERROR),
    "nowhere_else": (facts(STRICT.format("a")), "vm:101", Severity.ERROR),
    "nowhere_now": (
        facts(STRICT.format("a,b"), nodes={**dict.fromkeys(NODES, WELL), "b": replace(WELL, maintenance=True)}),
        "vm:101", Severity.WARNING,
    ),
    "no_room": (
        facts(
            nodes={name: replace(WELL, free_bytes=float(free)) for name, free in (("a", 9), ("b", 4), ("c", 5))},
            guests={"vm:101": Guest(memory_bytes=6), "vm:102": Guest(memory_bytes=4)},
        ),
        "node:a", Severity.WARNING,
    ),
    "local_disks": (facts(guests={"vm:101": Guest(local=["local:1/vm-101-disk-0.raw"])}), "vm:101", Severity.ERROR),
    "no_storage": (facts(guests={"vm:101": Guest(missing={"b": ["nfs"]})}), "vm:101", Severity.ERROR),
    "local_devices": (facts(guests={"vm:101": Guest(devices=["hostpci0"])}), "vm:101", Severity.WARNING),
}  # fmt: skip


@pytest.mark.parametrize("code", SHOWN)
def test_what_is_wrong_is_found_and_nothing_else(code: str) -> None:
    known, subject, severity = SHOWN[code]
    found = check(known)
    assert [(each.code, each.subject, each.severity) for each in found] == [(code, subject, severity)]
    assert found[0].advice
    assert found[0].text in found[0].line()


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert check(facts()) == []
    assert check(two(health=health(link("b"), link("b", 1), witness=CASTS))) == []


def test_nothing_is_told_while_nothing_is_looked_after() -> None:
    assert check(two(resources={})) == []
    ignored = {"vm:101": replace(resource("vm:101"), requested=Requested.IGNORED)}
    assert check(two(resources=ignored)) == []


def test_links_to_a_node_that_is_away_are_no_news() -> None:
    nodes = {**dict.fromkeys(NODES, WELL), "b": replace(WELL, online=False)}
    down = health(link("b", connected=False), link("c"), link("c", 1))
    assert [each.code for each in check(facts(nodes=nodes, health=down))] == ["node_away"]


def test_a_bad_loss_is_graver() -> None:
    found = check(facts(health=health(link("b", loss=0.2), link("b", 1))))
    assert [(each.code, each.severity) for each in found] == [("link_loses", Severity.ERROR)]


def test_volumes_do_not_matter_where_a_guest_cannot_go_anyway() -> None:
    known = facts(STRICT.format("a"), guests={"vm:101": Guest(local=["local:1/x"], devices=["usb0"])})
    assert [each.code for each in check(known)] == ["nowhere_else"]


def test_room_is_judged_only_where_it_is_known_and_needed() -> None:
    guests = {"vm:101": Guest(memory_bytes=6), "vm:102": Guest(memory_bytes=4)}
    known = {name: replace(WELL, free_bytes=5.0) for name in NODES}
    assert check(facts(nodes=known, guests=guests)) == []
    assert check(facts(nodes={**known, "b": WELL}, guests={"vm:101": Guest(memory_bytes=99)})) == []
    stopped = {sid: replace(resource(sid), requested=Requested.STOPPED) for sid in guests}
    assert check(facts(nodes=known, guests={"vm:101": Guest(memory_bytes=99)}, resources=stopped)) == []


def test_the_gravest_is_first_and_others_services_are_left_out() -> None:
    known = two(
        nodes={"a": WELL, "b": replace(WELL, watchdog="")},
        guests={"vm:101": Guest(local=["local:1/x"]), "vm:102": Guest(local=["local:2/x"])},
    )
    found = check(known)
    assert [each.severity for each in found] == [Severity.ERROR] * 3 + [Severity.WARNING]
    told = preflight.about(found, {"vm:101"})
    assert [each.subject for each in told] == ["cluster", "vm:101", "node:b"]
