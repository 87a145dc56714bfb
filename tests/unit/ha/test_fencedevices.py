from __future__ import annotations

from hostd.ha import fencedevices
from hostd.ha.fencedevices import Mistake

TWO_SUPPLIES = """
# each node has two power supplies, and a management board as the last resort
device pdu:1 fence_pdu ip=10.0.0.1 password='a b#c'
device pdu:2 fence_pdu ip=10.0.0.2 v
device board fence_board l=admin

connect pdu:2 node=alpha plug=7   # the second supply
connect pdu:1 node=alpha plug=3
connect board node=alpha ip=10.0.1.1
connect board node=beta ip=10.0.1.2
"""


def words(node: str, attempt: int) -> list[tuple[str, ...]]:
    commands = fencedevices.commands(fencedevices.parse(TWO_SUPPLIES), node, attempt)
    return [(command.agent, *command.args) for command in commands]


def test_parallel_parts_act_together_by_number() -> None:
    assert words("alpha", 0) == [
        ("fence_pdu", "--ip=10.0.0.1", "--password=a b#c", "--plug=3"),
        ("fence_pdu", "--ip=10.0.0.2", "-v", "--plug=7"),
    ]


def test_each_node_has_its_own_order_of_tries() -> None:
    assert words("alpha", 1) == [("fence_board", "-l", "admin", "--ip=10.0.1.1")]
    assert words("beta", 0) == [("fence_board", "-l", "admin", "--ip=10.0.1.2")]
    assert words("alpha", 2) == words("beta", 1) == words("gamma", 0) == []


def test_mistakes_are_collected_and_nobody_is_fenced_by_half_a_file() -> None:
    text = """device a fence_x
device a fence_y
device b:2 fence_x
connect b node=alpha
connect b:2 node=alpha
connect b:2 node=alpha
connect c:3 node=alpha
connect a alpha
device 'd
"""
    devices = fencedevices.parse(text)
    assert devices.mistakes == (
        Mistake(line=2, code="device_already_declared", device="a:1"),
        Mistake(line=4, code="no_such_parallel_device", device="b:1"),
        Mistake(line=6, code="node_already_connected", device="b:2", node="alpha"),
        Mistake(line=7, code="device_not_declared", device="c"),
        Mistake(line=8, code="not_understood", device="a"),
        Mistake(line=9, code="unbalanced_quotes", device=""),
    )
    assert fencedevices.commands(devices, "alpha", 0) == []


def test_passwords_are_not_shown_by_accident() -> None:
    devices = fencedevices.parse(TWO_SUPPLIES)
    assert "a b#c" not in repr(devices)
    assert "a b#c" not in repr(fencedevices.commands(devices, "alpha", 0))
