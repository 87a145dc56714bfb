"""The switch and the command line of its router."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

from imagebuild.lan import Member, Place, Switch, receivers, router_argv
from imagebuild.vm import Forward

A, B, C = (bytes.fromhex(f"52540000000{n}") for n in (1, 2, 3))
ALL = b"\xff" * 6
PORT_A, PORT_B, PORT_C = (("127.0.0.1", n) for n in (1, 2, 3))
MEMBERS = [
    Member(address="10.77.0.1", forwards=[Forward(host=4001, guest=8006), Forward(host=4002, guest=22)]),
    Member(address="10.77.0.2", forwards=[Forward(host=4003, guest=8006)]),
]


def frame(target: bytes, source: bytes) -> bytes:
    return target + source + b"\x08\x00" + b"payload"


def test_a_broadcast_reaches_all_who_have_spoken_but_its_sender() -> None:
    seen: dict[bytes, Place] = {A: PORT_A, B: PORT_B}
    assert receivers(frame(ALL, C), PORT_C, seen) == {PORT_A, PORT_B}
    assert receivers(frame(ALL, A), PORT_A, seen) == {PORT_B, PORT_C}


def test_a_frame_reaches_only_whom_it_is_for() -> None:
    seen: dict[bytes, Place] = {A: PORT_A, B: PORT_B}
    assert receivers(frame(A, C), PORT_C, seen) == {PORT_A}
    assert receivers(frame(A, A), PORT_A, seen) == set()
    assert receivers(frame(b"\x52" * 6, A), PORT_A, seen) == set()


def test_a_machine_that_starts_again_is_found_at_its_new_place() -> None:
    seen: dict[bytes, Place] = {A: PORT_A, B: PORT_B}
    receivers(frame(ALL, A), PORT_C, seen)
    assert receivers(frame(A, B), PORT_B, seen) == {PORT_C}
    assert receivers(frame(ALL, B), PORT_B, seen) == {PORT_C}


def test_the_switch_forwards_datagrams() -> None:
    switch = Switch()
    machines = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    try:
        for machine, source in zip(machines, (A, B), strict=True):
            machine.settimeout(30)
            machine.sendto(b"runt", ("127.0.0.1", switch.port))
            machine.sendto(frame(ALL, source), ("127.0.0.1", switch.port))
        assert machines[0].recv(100) == frame(ALL, B)
        machines[0].sendto(frame(B, A), ("127.0.0.1", switch.port))
        assert machines[1].recv(100) == frame(B, A)
    finally:
        for machine in machines:
            machine.close()
        switch.off()


def test_each_forwarded_port_leads_to_its_member() -> None:
    argv = router_argv(Path("/cache/lan"), 4711, MEMBERS)
    backends = [value for option, value in itertools.pairwise(argv) if option == "-netdev"]
    router = next(value for value in backends if value.startswith("user,"))
    assert [part for part in router.split(",") if part.startswith("hostfwd=")] == [
        "hostfwd=tcp:127.0.0.1:4001-10.77.0.1:8006",
        "hostfwd=tcp:127.0.0.1:4002-10.77.0.1:22",
        "hostfwd=tcp:127.0.0.1:4003-10.77.0.2:8006",
    ]
    plugs = [value for value in backends if value.startswith("hubport,")]
    assert [value.rsplit("netdev=", 1)[1] for value in plugs] == ["router", "cable"]
    assert any(value.endswith("remote.port=4711") for value in backends)
