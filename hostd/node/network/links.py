"""The network devices that the kernel has, asked by rtnetlink(7): no program, and the unprivileged front may too."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hostd.core.errors import ParseError, Unavailable

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_arp.h, linux/if.h
NLMSG_ERROR, NLMSG_DONE, RTM_NEWLINK, RTM_GETLINK = 2, 3, 16, 18
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
IFLA_IFNAME, IFLA_LINKINFO, IFLA_PROP_LIST, IFLA_ALT_IFNAME, IFLA_INFO_KIND = 3, 18, 52, 53, 1
NLA_TYPE_MASK = 0x3FFF
ARPHRD = {1: "ether", 772: "loopback"}
IFF_UP = 0x1
_MESSAGE, _LINK, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxHiII"), struct.Struct("=HH")
_LARGEST, _PATIENCE_S = 1 << 18, 5

Links = Callable[[], Mapping[str, "Link"]]


@dataclass(frozen=True, kw_only=True)
class Link:
    """A network device. ``physical``: hardware, or what looks like it; ``altnames`` are its other names."""

    physical: bool
    up: bool = False
    altnames: tuple[str, ...] = ()


def link_of(entry: Mapping[str, Any]) -> Link:
    """One device in the words of ``ip -details -json link``: hardware is Ethernet that no kind of software made."""
    made = entry.get("linkinfo", {}).get("info_kind")
    return Link(
        physical=entry.get("link_type") == "ether" and not made,
        up="UP" in entry.get("flags", ()),
        altnames=tuple(entry.get("altnames", ())),
    )


def links() -> dict[str, Link]:
    """The devices of this network namespace, by name. Raises Unavailable where the kernel does not answer."""
    try:
        return {entry["ifname"]: link_of(entry) for entry in parse(_dump())}
    except OSError as err:
        raise Unavailable(f"the kernel does not tell its network devices: {os.strerror(err.errno or 0)}") from err


def parse(dump: bytes) -> Iterator[Mapping[str, Any]]:
    """Each RTM_NEWLINK message of a dump, in the words of ``ip -details -json link``. Raises ParseError."""
    for kind, body in _messages(dump):
        if kind == RTM_NEWLINK:
            _, hardware, _, flags, _ = _LINK.unpack_from(body)
            found = dict(_attributes(body[_LINK.size :]))
            info = dict(_attributes(found.get(IFLA_LINKINFO, b"")))
            names = [_text(data) for key, data in _attributes(found.get(IFLA_PROP_LIST, b"")) if key == IFLA_ALT_IFNAME]
            yield {
                "ifname": _text(found.get(IFLA_IFNAME, b"")),
                "link_type": ARPHRD.get(hardware, str(hardware)),
                "flags": ["UP"] if flags & IFF_UP else [],
                "linkinfo": {"info_kind": _text(info.get(IFLA_INFO_KIND, b""))},
                "altnames": names,
            }


def _messages(dump: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _MESSAGE.size <= len(dump):
        length, kind, *_ = _MESSAGE.unpack_from(dump, at)
        if not _MESSAGE.size <= length <= len(dump) - at:
            raise ParseError(f"a netlink message at byte {at} claims {length} of {len(dump)} bytes")
        yield kind, dump[at + _MESSAGE.size : at + length]
        at += _padded(length)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            raise ParseError(f"a netlink attribute at byte {at} claims {length} of {len(data)} bytes")
        yield kind & NLA_TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += _padded(length)


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")


def _dump() -> bytes:
    """All messages that answer one RTM_GETLINK."""
    request = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    head = _MESSAGE.pack(_MESSAGE.size + len(request), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_PATIENCE_S)
        kernel.send(head + request)
        dump = b""
        while True:
            part = kernel.recv(_LARGEST)
            dump += part
            for kind, body in _messages(part):
                if kind == NLMSG_DONE:
                    return dump
                if kind == NLMSG_ERROR:
                    (error,) = struct.unpack_from("=i", body)
                    raise OSError(-error, os.strerror(-error))
