"""Values that the nodes tell each other: each has a map of key to bytes, and keeps those of all that are there. Pure.

For status, not for configuration: in memory only, without quorum, without an order between nodes or with the tree. A
node that leaves takes its values along; whoever joins is told all values by everybody.

They travel in a second process group. In the store's own one a flood of samples would fill its bounded share of
Corosync's buffers and so hold up changes of the tree, and its members would have to tell words that belong to a session
from words that do not.

A value is at most a quarter of what CPG delivers whole (1,047,552 bytes), so that none needs to be sent in pieces.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from hostd.cluster.group.transport import Event, Lost, Member, Quorum, Received, View
from hostd.core.errors import ParseError

PROTOCOL: Final = 1
MAX_VALUE_BYTES: Final = 256 << 10  # compressed
MAX_PLAIN_BYTES: Final = 4 << 20
MAX_KEYS: Final = 64
MAX_KEY_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class Told:
    """A node's value under a key; ``data`` None: it is gone."""

    node: str
    key: str
    data: bytes | None


class Refused(Exception):
    """A value that is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class _Own:
    data: bytes
    packed: bytes


def encode(node: str, key: str, packed: bytes | None) -> bytes:
    return bytes(msgpack.packb([PROTOCOL, node, key, packed], use_bin_type=True))


def decode(message: bytes) -> Told | None:
    """None for a message of a newer protocol. Raises ParseError on anything that ``encode`` does not make."""
    try:
        protocol, *rest = msgpack.unpackb(message, raw=False)
        if protocol != PROTOCOL:
            return None
        node, key, packed = rest
        if not isinstance(node, str) or not isinstance(key, str) or not isinstance(packed, bytes | None):
            raise TypeError("wrong kinds")
        return Told(node, key, None if packed is None else _unpacked(packed))
    except (ValueError, TypeError, zlib.error, msgpack.UnpackException) as err:
        raise ParseError(f"not a value of the cluster: {err}") from err


def _unpacked(packed: bytes) -> bytes:
    """What was compressed; never more than MAX_PLAIN_BYTES, whatever the message says."""
    opened: Any = zlib.decompressobj()
    data = bytes(opened.decompress(packed, MAX_PLAIN_BYTES))
    if not opened.eof:
        raise ValueError(f"a value that is cut off or larger than {MAX_PLAIN_BYTES} bytes")
    return data


class Values:
    """All values that node ``node`` knows. What is to be sent waits, one message for each key: the newest."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._own: dict[str, _Own] = {}
        self._heard: dict[Member, dict[tuple[str, str], bytes]] = {}
        self._waiting: dict[str, None] = {}  # keys, those that have waited longest first

    # --- this node's own

    def publish(self, key: str, data: bytes | None) -> list[Told]:
        """Set or (None) remove an own value; what to tell here, nothing where it stays the same. Raises Refused."""
        if not 0 < len(key.encode()) <= MAX_KEY_BYTES:
            raise Refused(f"a key has 1 to {MAX_KEY_BYTES} bytes")
        if data is None:
            if self._own.pop(key, None) is None:
                return []
        else:
            if key in self._own and self._own[key].data == data:
                return []
            if key not in self._own and len(self._own) >= MAX_KEYS:
                raise Refused(f"a node has at most {MAX_KEYS} values; '{key}' would be one more")
            packed = zlib.compress(data)
            if len(data) > MAX_PLAIN_BYTES or len(packed) > MAX_VALUE_BYTES:
                text = f"the value '{key}' has {len(data)} bytes, {len(packed)} compressed"
                raise Refused(f"{text}; {MAX_PLAIN_BYTES} and {MAX_VALUE_BYTES} are allowed")
            self._own[key] = _Own(data, packed)
        self._waiting[key] = None
        return [Told(self._node, key, data)]

    def next_message(self) -> bytes | None:
        """What to send now; ``sent`` says that it is on its way."""
        key = next(iter(self._waiting), None)
        if key is None:
            return None
        own = self._own.get(key)
        return encode(self._node, key, own.packed if own else None)

    def sent(self) -> None:
        del self._waiting[next(iter(self._waiting))]

    # --- the others'

    def take(self, event: Event, own: Member) -> list[Told]:
        """What an event of the group changes here. Raises ParseError for a message that is none of ours."""
        match event:
            case View():
                if event.joined:  # they know nothing, or this node has just come
                    self._waiting = dict.fromkeys(self._own)
                away = [member for member in self._heard if member not in event.members]
                return [told for member in away for told in self._drop(member)]
            case Received() if event.sender != own:
                told = decode(event.data)
                if told is None or told.node == self._node:
                    return []
                return self._hear(event.sender, told)
            case Lost():
                return self.alone()
            case Received() | Quorum():
                return []

    def alone(self) -> list[Told]:
        """The engine has gone: nothing of the others is known any more."""
        return [told for member in list(self._heard) for told in self._drop(member)]

    def all(self) -> list[Told]:
        """Every value, this node's own first."""
        own = [Told(self._node, key, value.data) for key, value in self._own.items()]
        others = {place: data for heard in self._heard.values() for place, data in heard.items()}
        return own + [Told(node, key, data) for (node, key), data in others.items()]

    def _hear(self, sender: Member, told: Told) -> list[Told]:
        heard, place = self._heard.setdefault(sender, {}), (told.node, told.key)
        if told.data is None:
            return [told] if heard.pop(place, None) is not None else []
        if heard.get(place) == told.data:
            return []
        if place not in heard and len(heard) >= MAX_KEYS:
            raise ParseError(f"node '{told.node}' tells more than {MAX_KEYS} values")
        heard[place] = told.data
        return [told]

    def _drop(self, member: Member) -> list[Told]:
        """A member has left; its node may be back already, as another member."""
        gone = self._heard.pop(member)
        kept = {place for heard in self._heard.values() for place in heard}
        return [Told(node, key, None) for node, key in gone if (node, key) not in kept]
