"""The command line of the switch."""

from __future__ import annotations

import itertools
from pathlib import Path

from imagebuild.lan import Member, port, switch_argv
from imagebuild.vm import Forward

FOLDER = Path("/cache/lan")
MEMBERS = [
    Member(address="10.77.0.1", forwards=[Forward(host=4001, guest=8006), Forward(host=4002, guest=22)]),
    Member(address="10.77.0.2", forwards=[Forward(host=4003, guest=8006)]),
]


def backends() -> list[str]:
    return [value for option, value in itertools.pairwise(switch_argv(FOLDER, MEMBERS)) if option == "-netdev"]


def test_each_forwarded_port_leads_to_its_member() -> None:
    router = next(value for value in backends() if value.startswith("user,"))
    forwards = [part for part in router.split(",") if part.startswith("hostfwd=")]
    assert forwards == [
        "hostfwd=tcp:127.0.0.1:4001-10.77.0.1:8006",
        "hostfwd=tcp:127.0.0.1:4002-10.77.0.1:22",
        "hostfwd=tcp:127.0.0.1:4003-10.77.0.2:8006",
    ]


def test_router_and_members_are_plugged_into_one_hub() -> None:
    plugs = [value for value in backends() if value.startswith("hubport,")]
    assert [value.rsplit("netdev=", 1)[1] for value in plugs] == ["router", "port1", "port2"]
    assert all("hubid=0," in value for value in plugs)
    assert [value for value in backends() if str(port(FOLDER, 2)) in value] != []
