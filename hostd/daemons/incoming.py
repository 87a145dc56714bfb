"""hostd-incoming: one process per connection of a guest that moves to this node.

systemd listens and hands the connection over as descriptor 3 (sd_listen_fds(3)). A process that ends with an error, or
is killed, has ``clear`` run after it.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.errors import Denied, HostError
from hostd.core.pace import Pace
from hostd.daemons.journal import JournalLog
from hostd.daemons.wiring import logging_to_stderr, make_host
from hostd.guests.config import GuestKind
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.migration import incoming, leftovers, pump, wire
from hostd.migration.incoming import Incoming
from hostd.migration.incoming_containers import IncomingContainer
from hostd.migration.wire import Stream
from hostd.node.host import Host

log = logging.getLogger(__name__)
_PASSED: Final = 3
_HANDSHAKE: Final = 0x16  # the first byte of TLS (RFC 8446, 5.1)
_GREETING_S: Final = 10.0


class Unfinished(Exception):
    """Something of a guest is still here that should not; the unit fails, and ``clear`` comes after it."""


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What a connection carries, and of which guest."""

    stream: Stream
    vmid: int
    kind: GuestKind


def admitted(host: Host, peer: socket.socket) -> tuple[socket.socket, Greeting]:
    """The connection, in TLS if it began so, and what it says that it is. Raises HostError, OSError."""
    peer.settimeout(_GREETING_S)
    plain = peer.recv(1, socket.MSG_PEEK) != bytes([_HANDSHAKE])
    if not plain:
        peer = wire.server_context(host.node).wrap_socket(peer, server_side=True)
    try:
        greeting = _greeted(host, wire.receive(peer, wire.GREETING) or {}, plain=plain)
    except (HostError, KeyError, ValueError) as err:
        wire.send(peer, {"error": str(err)})
        peer.close()
        raise Denied(f"a connection was refused: {err}") from err
    except OSError:
        peer.close()
        raise
    wire.watch(peer)
    return peer, greeting


def _greeted(host: Host, said: dict[str, Any], *, plain: bool) -> Greeting:
    stream, vmid, kind = Stream(said["stream"]), int(said["vmid"]), GuestKind(said.get("kind", GuestKind.QEMU))
    if plain and stream in (Stream.CONTROL, Stream.LIBVIRT):
        raise Denied("this has to be said within TLS")
    if not plain:
        wire.require_root(host.store, str(said["ticket"]), time.time())
    if stream is not Stream.CONTROL:
        incoming.require_session(vmid, str(said["token"]) if plain else None)
    return Greeting(stream=stream, vmid=vmid, kind=kind)


def control(host: Host, peer: socket.socket, greeting: Greeting) -> None:
    """Answer the source until its connection ends. Raises Unfinished."""
    label = f"{greeting.kind.label} {greeting.vmid}"
    sessions = {GuestKind.QEMU: Incoming, GuestKind.LXC: IncomingContainer}
    session = sessions[greeting.kind](host, JournalLog(log), greeting.vmid, LibvirtMachines())
    try:
        wire.send(peer, {"ok": {}})
        peer.settimeout(None)  # memory may take hours; the kernel notices when the other node is gone
        while (message := wire.receive(peer)) is not None:
            try:
                answer: dict[str, Any] = {"ok": session.answer(message)}
            except (HostError, OSError) as err:
                log.warning("%s: %s: %s", label, message.get("op"), err)
                answer = {"error": str(err)}
            wire.send(peer, answer)
    except OSError as err:
        log.warning("%s: the connection to the source broke: %s", label, err)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            session.leave()
        except HostError as err:
            raise Unfinished(f"{label}: {err}") from err


def main(arguments: list[str]) -> int:
    logging_to_stderr()
    host = make_host()
    if arguments == ["clear"]:
        leftovers.clear_all(host, JournalLog(log), LibvirtMachines())
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        peer, greeting = admitted(host, socket.socket(fileno=_PASSED))
        if greeting.stream is Stream.CONTROL:
            control(host, peer, greeting)
        else:
            near = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            near.connect(incoming.socket_of(greeting.stream, greeting.vmid))
            wire.send(peer, {"ok": {}})
            pump.join(near, peer, Pace())
    except (HostError, OSError) as err:
        log.warning("%s", err)
    except KeyboardInterrupt:
        log.warning("ended by a signal")
    except Unfinished as err:
        log.error("%s", err)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
