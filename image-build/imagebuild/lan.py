"""A switch for several virtual machines: one Ethernet segment, with a way out and ports of this machine's loopback
address that lead to each of them.

It is a QEMU without a machine whose network back ends are plugged into one hub. Taps on a bridge of the host would need
root and devices that stay behind after a crash; QEMU's multicast network gives each machine its own frames back. The
hub's user network is the router: it forwards to any address of the segment, so that a guest needs one interface only,
the one that its answer file describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagebuild.context import Context
from imagebuild.vm import Forward, Spec, Vm

NETWORK: Final = "10.77.0"
PREFIX_LENGTH: Final = 24
GATEWAY: Final = f"{NETWORK}.254"
NAME_SERVER: Final = f"{NETWORK}.253"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A machine at the switch: its static ``address``, and the ports that lead to it."""

    address: str
    forwards: Sequence[Forward]


def port(folder: Path, number: int) -> Path:
    """The socket of one port of the switch that lives in ``folder``, for `Spec.lan`; counted from 1."""
    return folder / f"port{number}.sock"


def switch_argv(folder: Path, members: Sequence[Member]) -> list[str]:
    """Command line of QEMU 10 (qemu(1): ``-netdev stream``, ``hubport``, ``user``) for a switch with ``members``."""
    spec = Spec(folder=folder)
    argv = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
    argv += ["-pidfile", str(spec.pid_file), "-qmp", f"unix:{spec.monitor},server=on,wait=off"]
    forwards = [
        f",hostfwd=tcp:127.0.0.1:{forward.host}-{member.address}:{forward.guest}"
        for member in members
        for forward in member.forwards
    ]
    segment = f"net={NETWORK}.0/{PREFIX_LENGTH},host={GATEWAY},dns={NAME_SERVER},dhcpstart={NETWORK}.200"
    argv += ["-netdev", f"user,id=router,{segment}{''.join(forwards)}"]
    argv += ["-netdev", "hubport,id=plug0,hubid=0,netdev=router"]
    for number in range(1, len(members) + 1):
        argv += ["-netdev", f"stream,id=port{number},server=on,addr.type=unix,addr.path={port(folder, number)}"]
        argv += ["-netdev", f"hubport,id=plug{number},hubid=0,netdev=port{number}"]
    return argv


def start(ctx: Context, folder: Path, members: Sequence[Member]) -> Vm:
    """Switch on; ``kill`` switches off."""
    for number in range(1, len(members) + 1):
        port(folder, number).unlink(missing_ok=True)
    return Vm.start(ctx, Spec(folder=folder), switch_argv(folder, members))
