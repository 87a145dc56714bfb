"""Screen and input: ``vga``, VNC on a unix socket, the pointer; serial lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.qemu.devices.xml import element

SERIAL_COUNT: Final = 4
FORMAT: Final = Format(name="inline:vga")
SERIAL = Kind(pattern=r"/dev/[^,]+|socket")
_MODELS: Final[Mapping[str, str]] = {"std": "vga", "cirrus": "cirrus", "vmware": "vmvga", "virtio": "virtio"}
_OLD_WINDOWS = ("w2k", "wxp", "w2k3", "w2k8", "wvista", "win7")
VNC_SOCKET: Final = "vnc.sock"


def display_type(config: Mapping[str, str]) -> str:
    return propstring.validate(config.get("vga", ""), FORMAT).get("type", "std")


def has_screen(config: Mapping[str, str]) -> bool:
    """Whether there is a picture to look at; without one the serial line is the console."""
    kind = display_type(config)
    return kind != "none" and not kind.startswith("serial")


def serial_socket_name(index: int) -> str:
    return f"serial{index}.sock"


def display_elements(config: Mapping[str, str], sockets: str) -> list[Element]:
    """``<graphics>`` and ``<video>``; nobody but root reaches the socket, so VNC itself asks for no password."""
    values = propstring.validate(config.get("vga", ""), FORMAT)
    kind = values.get("type", "std")
    if "clipboard" in values:
        raise Unsupported("vga: a shared clipboard is not supported yet")
    if not has_screen(config):
        return [element("video", element("model", type_="none"))]
    if kind not in _MODELS:
        raise Unsupported(f"vga: '{kind}' is not supported yet; use std or virtio")
    memory = int(values["memory"]) * 1024 if "memory" in values and kind in ("std", "cirrus", "vmware") else None
    listen = element("listen", type_="socket", socket=f"{sockets}/{VNC_SOCKET}")
    return [
        element("graphics", listen, type_="vnc"),
        element("video", element("model", type_=_MODELS[kind], vram=memory, heads=1, primary="yes")),
    ]


def input_elements(config: Mapping[str, str]) -> list[Element]:
    """A tablet, whose pointer is where the viewer's is (``tablet: 0``: a mouse alone)."""
    if config.get("tablet", "1") != "1":
        return []
    return [element("input", element("alias", name="ua-tablet"), type_="tablet", bus="usb")]


def serial_elements(config: Mapping[str, str], sockets: str) -> list[Element]:
    """``serial0: socket`` as a unix socket; Unsupported for a device of the host."""
    found = []
    for index in range(SERIAL_COUNT):
        value = config.get(f"serial{index}")
        if value is None:
            continue
        if value != "socket":
            raise Unsupported(f"serial{index}: devices of the host are not supported yet; use 'socket'")
        place = element("source", mode="bind", path=f"{sockets}/{serial_socket_name(index)}")
        target = element("target", port=index)
        found.append(element("serial", place, target, element("alias", name=f"ua-serial{index}"), type_="unix"))
    kind = display_type(config)
    if kind.startswith("serial") and kind not in config:
        raise Conflict(f"vga: '{kind}' is the console, but there is no {kind}; set '{kind}: socket'")
    return found


def local_time(config: Mapping[str, str]) -> bool:
    """Whether the machine's clock shows local time, as Windows expects."""
    if "localtime" in config:
        return config["localtime"] == "1"
    return is_windows(config)


def is_windows(config: Mapping[str, str]) -> bool:
    kind = config.get("ostype", "other")
    return kind.startswith("win") or kind in _OLD_WINDOWS
