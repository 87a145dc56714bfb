"""A member of the store's group, driven by lines of JSON: commands on standard input, what happens on standard output.

``transport_agent.py [GROUP]`` runs in a light node (tests.lib.agents starts it).
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import sys
import time
from collections import deque
from typing import Any

from hostd.cluster.corosync.library import EngineError
from hostd.cluster.corosync.transport import CorosyncTransport
from hostd.cluster.group.transport import Event, Lost, Member, Quorum, Received, Ring, View

RETRY_S = 0.002


def tell(event: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **values}) + "\n")
    sys.stdout.flush()


def pair(thing: Member | Ring) -> list[int]:
    return [thing.node_id, thing.pid if isinstance(thing, Member) else thing.seq]


class Agent:
    def __init__(self, transport: CorosyncTransport) -> None:
        self.transport = transport
        self.outbox: deque[bytes] = deque()
        self.refused, self.count, self.largest = 0, 0, 0
        self.order = hashlib.sha256()
        self.quiet = self.lost = False
        self.started, self.sending = 0.0, 0

    def obey(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "send":
                self.started, self.sending, self.refused = time.monotonic(), command["count"], 0
                for n in range(command["count"]):
                    self.outbox.append(f"{command['tag']} {n} ".encode().ljust(command["size"], b"."))
            case "quiet":
                self.quiet = True
            case "digest":
                tell("digest", count=self.count, digest=self.order.hexdigest())

    def push(self) -> None:
        """Send until Corosync refuses."""
        while self.outbox:
            if not self.transport.send(self.outbox[0]):
                self.refused += 1
                break
            self.outbox.popleft()
        if self.sending and not self.outbox:
            tell("sent", count=self.sending, refused=self.refused, seconds=time.monotonic() - self.started)
            self.sending = 0

    def hear(self, event: Event) -> None:
        match event:
            case Received():
                self.count += 1
                self.order.update(f"{pair(event.sender)} {len(event.data)} ".encode() + event.data[:64])
                if not self.quiet:
                    head = event.data[:64].decode().rstrip(".").strip()
                    tell("received", sender=pair(event.sender), size=len(event.data), head=head)
            case View():
                lists = {name: [pair(m) for m in getattr(event, name)] for name in ("members", "joined", "left")}
                tell("view", ring=pair(event.ring), **lists)
            case Quorum():
                tell("quorum", quorate=event.quorate, ring=pair(event.ring))
            case Lost():
                self.lost = True
                tell("lost", reason=event.reason)

    def loop(self) -> None:
        buffer = b""
        while not self.lost:
            ready, _, _ = select.select([0, self.transport], [], [], RETRY_S if self.outbox else 30)
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))
            if self.transport in ready:
                for event in self.transport.poll():
                    self.hear(event)
            if not self.lost:
                self.push()


def main() -> None:
    try:
        transport = CorosyncTransport(*sys.argv[1:2])
    except EngineError as error:
        tell("failed", kind=type(error).__name__, text=str(error))
        return
    tell("own", own=pair(transport.own), max=transport.max_message_bytes)
    Agent(transport).loop()
    transport.close()


if __name__ == "__main__":
    main()
