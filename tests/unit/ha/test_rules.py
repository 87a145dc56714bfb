from __future__ import annotations

from hostd.ha import affinity, rulechecks, rules
from hostd.ha.config import Group, Resource
from hostd.ha.rules import NodeRule

NODES = ["alpha", "beta", "gamma"]


def dropped(text: str) -> list[tuple[str, str]]:
    _, found = rulechecks.sound(rules.parse(text), NODES)
    return [(each.rule, each.code) for each in found]


def compiled(text: str) -> affinity.Compiled:
    sound, _ = rulechecks.sound(rules.parse(text), NODES)
    return affinity.compiled(affinity.complete(sound), NODES)


def resource(id: str, sids: str, affinity: str) -> str:
    return f"resource-affinity: {id}\n\tresources {sids}\n\taffinity {affinity}\n\n"


def node(id: str, sids: str, nodes: str, *more: str) -> str:
    lines = [f"node-affinity: {id}", f"\tresources {sids}", f"\tnodes {nodes}", *(f"\t{line}" for line in more)]
    return "\n".join(lines) + "\n\n"


def test_nodes_with_priorities() -> None:
    found = compiled(node("r", "vm:101", "alpha:2,beta") + node("s", "vm:102", "gamma", "strict"))
    assert found.nodes == {"vm:101": {"alpha": 2, "beta": 0, "gamma": -1}, "vm:102": {"gamma": 0}}


def test_a_disabled_rule_takes_part_in_nothing() -> None:
    text = (
        node("r", "vm:101", "alpha", "disable")
        + node("s", "vm:101", "beta", "strict 1")
        + resource("t", "vm:101", "positive")
    )
    assert dropped(text) == [("t", "fewer_than_two_resources")]
    assert compiled(text).nodes == {"vm:101": {"beta": 0}}


def test_a_rule_that_lacks_what_it_needs_is_left_out() -> None:
    assert (
        rules.parse("node-affinity: r\n\tresources vm:101\n\nresource-affinity: s\n\tresources vm:101,vm:102\n") == []
    )


def test_two_rules_about_the_nodes_of_one_service() -> None:
    text = node("r", "vm:101,vm:102", "alpha") + node("s", "vm:101", "beta") + node("t", "vm:103", "beta")
    assert dropped(text) == [(rule, "resource_in_other_node_affinity_rule") for rule in ("r", "s")]


def test_together_and_apart_at_once() -> None:
    text = (
        resource("a", "vm:101,vm:102", "positive")
        + resource("b", "vm:102,vm:103", "positive")
        + resource("c", "vm:101,vm:103", "negative")
    )
    assert dropped(text) == [
        ("a", "overlaps_negative_rule"), ("b", "overlaps_negative_rule"), ("c", "overlaps_positive_rule"),
    ]  # fmt: skip


def test_more_apart_than_there_are_nodes() -> None:
    assert dropped(resource("a", "vm:101,vm:102,vm:103,vm:104", "negative")) == [("a", "more_resources_than_nodes")]


def test_too_few_nodes_for_services_that_must_be_apart() -> None:
    text = node("r", "vm:101,vm:102", "alpha", "strict") + resource("a", "vm:101,vm:102,vm:103", "negative")
    assert dropped(text) == [
        ("a", "negative_restricted_to_too_few_nodes"), ("r", "node_affinity_starves_negative_rule"),
    ]  # fmt: skip
    assert dropped(text.replace("\tstrict\n", "")) == []


def test_priorities_do_not_go_with_other_services() -> None:
    text = node("r", "vm:101", "alpha:2,beta:1") + resource("a", "vm:101,vm:102", "positive")
    assert dropped(text) == [
        ("a", "node_affinity_has_multiple_priorities"), ("r", "multi_priority_with_resource_affinity"),
    ]  # fmt: skip


def test_a_set_that_stays_together_has_one_rule_about_nodes() -> None:
    text = node("r", "vm:101", "alpha") + node("s", "vm:102", "beta") + resource("a", "vm:101,vm:102", "positive")
    assert dropped(text) == [
        ("a", "positive_spans_node_affinity_rules"),
        ("r", "node_affinity_splits_positive_rule"), ("s", "node_affinity_splits_positive_rule"),
    ]  # fmt: skip


def test_what_follows_from_rules() -> None:
    text = (
        resource("b", "vm:102,vm:103", "positive") + resource("a", "vm:101,vm:102", "positive")
        + resource("c", "vm:103,vm:109", "negative") + node("r", "vm:101", "alpha")
    )  # fmt: skip
    sound, _ = rulechecks.sound(rules.parse(text), NODES)
    implied = [f"_implicit-negative-_merged-a-b-{sid}-vm:109" for sid in ("vm:101", "vm:102")]
    assert [rule.id for rule in affinity.complete(sound)] == ["_merged-a-b", *implied, "c", "r"]
    found = compiled(text)
    assert found.positive["vm:101"] == ("vm:102", "vm:103")
    assert found.negative["vm:109"] == ("vm:101", "vm:102", "vm:103")
    assert found.nodes["vm:103"] == {"alpha": 0, "beta": -1, "gamma": -1}


def test_rules_are_read_back_as_they_were_written() -> None:
    text = node("r", "vm:101", "alpha:2,beta", "strict") + resource("a", "ct:103,vm:101", "negative")
    given = rules.parse(text)
    assert rules.parse(rules.format(given)) == given


def test_groups_become_rules_of_those_that_name_them() -> None:
    groups = {"g": Group(id="g", nodes={"alpha": 1}, restricted=True), "unused": Group(id="unused", nodes={"beta": 0})}
    members = [Resource(sid="vm:101", node="alpha", group="g"), Resource(sid="vm:102", node="beta", group="gone")]
    assert rules.of_groups(groups, members, 4) == [
        NodeRule(id="ha-group-g", order=5, resources=frozenset({"vm:101"}), nodes={"alpha": 1}, strict=True)
    ]
