"""A switch for several virtual machines: one Ethernet segment, and ports of this machine's loopback address that lead
to each of them.

The switch is a thread; frames come and go as UDP datagrams, as QEMU's ``-netdev dgram`` sends them. Taps on a bridge of
the host would need root and devices that stay behind after a crash; QEMU's multicast network gives each machine its own
frames back. The way in from loopback is a QEMU without a machine whose user network is plugged into the switch: it
forwards to any address of the segment, so that a guest needs one interface only, the one that its answer file
describes. That network answers in the name of all the world, by IP address, whatever it hears: a hub will not do.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagebuild.context import Context
from imagebuild.vm import Forward, Spec, Vm, datagrams

NETWORK: Final = "10.77.0"
PREFIX_LENGTH: Final = 24
GATEWAY: Final = f"{NETWORK}.254"
NAME_SERVER: Final = f"{NETWORK}.253"
LONGEST_FRAME: Final = 65535
SHORTEST_FRAME: Final = 14
TICK_S: Final = 0.5

Place = tuple[str, int]
"""Where a machine's datagrams come from."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A machine at the switch: its static ``address``, and the ports that lead to it."""

    address: str
    forwards: Sequence[Forward]


def receivers(frame: bytes, sender: Place, seen: dict[bytes, Place]) -> set[Place]:
    """Who gets an Ethernet frame, by the hardware addresses that were ``seen`` as senders, which learns this one's.

    A frame for an address that was never seen is for nobody: who answers was asked by a broadcast before.
    """
    target, source = frame[:6], frame[6:12]
    seen[source] = sender
    if target[0] & 1:
        return set(seen.values()) - {sender}
    return {seen[target]} - {sender} if target in seen else set()


class Switch:
    """A running switch; ``port`` is what `Spec.lan` asks for."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(TICK_S)
        self.port: int = self._socket.getsockname()[1]
        self._off = threading.Event()
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def off(self) -> None:
        self._off.set()
        self._thread.join()
        self._socket.close()

    def _forward(self) -> None:
        seen: dict[bytes, Place] = {}
        while not self._off.is_set():
            try:
                frame, sender = self._socket.recvfrom(LONGEST_FRAME)
            except TimeoutError:
                continue
            if len(frame) < SHORTEST_FRAME:
                continue
            for place in receivers(frame, sender, seen):
                with contextlib.suppress(OSError):  # a frame that does not get through is lost, as on a wire
                    self._socket.sendto(frame, place)


def router_argv(folder: Path, switch_port: int, members: Sequence[Member]) -> list[str]:
    """Command line of QEMU 10 (qemu(1): ``-netdev user``, ``hubport``) for the way in to ``members``."""
    spec = Spec(folder=folder)
    argv = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
    argv += ["-pidfile", str(spec.pid_file), "-qmp", f"unix:{spec.monitor},server=on,wait=off"]
    forwards = [
        f",hostfwd=tcp:127.0.0.1:{forward.host}-{member.address}:{forward.guest}"
        for member in members
        for forward in member.forwards
    ]
    segment = f"net={NETWORK}.0/{PREFIX_LENGTH},host={GATEWAY},dns={NAME_SERVER},dhcpstart={NETWORK}.200"
    argv += ["-netdev", f"user,id=router,ipv6=off,{segment}{''.join(forwards)}"]
    argv += ["-netdev", datagrams("cable", switch_port)]
    argv += ["-netdev", "hubport,id=plug0,hubid=0,netdev=router", "-netdev", "hubport,id=plug1,hubid=0,netdev=cable"]
    return argv


def start_router(ctx: Context, folder: Path, switch_port: int, members: Sequence[Member]) -> Vm:
    """Open the ports of ``members``; ``kill`` closes them."""
    return Vm.start(ctx, Spec(folder=folder), router_argv(folder, switch_port, members))
