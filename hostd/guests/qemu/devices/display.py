"""Screen and input: ``vga``, VNC on a unix socket, the pointer; serial lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.qemu.devices import slots
from hostd.guests.qemu.devices.machine import MachineType, windows_version
from hostd.guests.qemu.devices.xml import element

SERIAL_COUNT: Final = 4
FORMAT: Final = Format(name="inline:vga")
SERIAL = Kind(pattern=r"/dev/[^,]+|socket")
_MODELS: Final[Mapping[str, str]] = {"std": "vga", "cirrus": "cirrus", "vmware": "vmvga", "virtio": "virtio"}
ENHANCEMENTS: Final = Format(name="inline:spice_enhancements")
_QXL_HEADS: Final = 4
VNC_SOCKET: Final = "vnc.sock"


@dataclass(frozen=True, kw_only=True)
class Screen:
    """``spice``: offered beside VNC. ``hidden``: no screen whatever the configuration says (a template).

    ``channel_controller``: the number of the controller for viewers' channels.
    """

    arch: str = "x86_64"
    spice: bool = False
    hidden: bool = False
    channel_controller: int = 0


def display_type(config: Mapping[str, str], arch: str = "x86_64") -> str:
    default = "std" if arch == "x86_64" else "virtio"
    return propstring.validate(config.get("vga", ""), FORMAT).get("type", default)


def has_screen(config: Mapping[str, str]) -> bool:
    """Whether there is a picture to look at; without one the serial line is the console."""
    kind = display_type(config)
    return kind != "none" and not kind.startswith("serial")


def serial_socket_name(index: int) -> str:
    return f"serial{index}.sock"


def is_spice(config: Mapping[str, str], arch: str = "x86_64") -> bool:
    """Whether the screen is one that SPICE viewers like: QXL and virtio."""
    return display_type(config, arch).startswith(("qxl", "virtio"))


def display_elements(config: Mapping[str, str], sockets: str, machine: MachineType, screen: Screen) -> list[Element]:
    """``<graphics>``, ``<video>`` and the channels of viewers; nobody but root reaches the socket, so VNC itself asks
    for no password. ``clipboard=vnc`` shares the clipboard through the same channel that SPICE would use."""
    values = propstring.validate(config.get("vga", ""), FORMAT)
    kind = display_type(config, screen.arch)
    if not has_screen(config) or screen.hidden:
        return [element("video", element("model", type_="none"))]
    found = [element("graphics", element("listen", type_="socket", socket=f"{sockets}/{VNC_SOCKET}"), type_="vnc")]
    clipboard = values.get("clipboard") == "vnc"
    if screen.spice:
        found.append(_spice(config))
    if screen.spice or clipboard:
        found += _channels(config, machine, spice=screen.spice and not clipboard, index=screen.channel_controller)
    return found + _videos(kind, values, machine, windows=bool(windows_version(config)))


def _spice(config: Mapping[str, str]) -> Element:
    extras = propstring.validate(config.get("spice_enhancements", ""), ENHANCEMENTS)
    mode = extras.get("videostreaming", "off")
    streaming = element("streaming", mode=mode) if mode != "off" else None
    listen = element("listen", type_="address", address="127.0.0.1")
    return element("graphics", listen, streaming, type_="spice", autoport="yes")


def _channels(config: Mapping[str, str], machine: MachineType, *, spice: bool, index: int) -> list[Element]:
    extras = propstring.validate(config.get("spice_enhancements", ""), ENHANCEMENTS)
    controller = element("controller", slots.address("spice", machine), type_="virtio-serial", index=index)
    target = element("target", type_="virtio", name="com.redhat.spice.0")
    at = element("address", type_="virtio-serial", controller=index, bus=0, port=1)
    if not spice:
        source = element("source", element("clipboard", copypaste="yes"))
        return [controller, element("channel", source, target, at, type_="qemu-vdagent")]
    found = [controller, element("channel", target, at, type_="spicevmc")]
    if extras.get("foldersharing") == "1":
        name = "org.spice-space.webdav.0"
        at = element("address", type_="virtio-serial", controller=index, bus=0, port=2)
        folders = element("target", type_="virtio", name=name)
        found.append(element("channel", element("source", channel=name), folders, at, type_="spiceport"))
    return found


def _videos(kind: str, values: Mapping[str, str], machine: MachineType, *, windows: bool) -> list[Element]:
    """QXL shows several screens to Linux with one device, to Windows with one device each."""
    if kind not in _MODELS and not kind.startswith("qxl"):
        raise Unsupported(f"vga: '{kind}' is not supported yet; use std or virtio")
    memory = int(values["memory"]) * 1024 if "memory" in values and kind in ("std", "cirrus", "vmware") else None
    at = slots.address("vga", machine)
    if not kind.startswith("qxl"):
        return [element("video", element("model", type_=_MODELS[kind], vram=memory, primary="yes"), at)]
    wanted = int(kind.removeprefix("qxl") or 1)
    heads = _QXL_HEADS if not windows and machine.since(4, 1) else None
    found = [element("video", element("model", type_="qxl", heads=heads, primary="yes"), at)]
    for number in range(1, wanted if windows else 1):
        found.append(element("video", element("model", type_="qxl"), slots.address(f"vga{number}", machine)))
    return found


def has_tablet(config: Mapping[str, str], arch: str = "x86_64") -> bool:
    """A pointer that is where the viewer's is; QXL's viewers bring their own unless it is asked for."""
    default = "0" if display_type(config, arch).startswith("qxl") else "1"
    return config.get("tablet", default) == "1"


def input_elements(config: Mapping[str, str], arch: str = "x86_64") -> list[Element]:
    """A tablet; ARM has no PS/2 keyboard."""
    found = []
    if has_tablet(config, arch):
        found.append(element("input", element("alias", name="ua-tablet"), type_="tablet", bus="usb"))
    if arch != "x86_64":
        found.append(element("input", element("alias", name="ua-keyboard"), type_="keyboard", bus="usb"))
    return found


def serial_elements(config: Mapping[str, str], sockets: str) -> list[Element]:
    """``serial0: socket`` as a unix socket, or a device of the host."""
    found = []
    for index in range(SERIAL_COUNT):
        value = config.get(f"serial{index}")
        if value is None:
            continue
        if value != "socket":
            device, target = element("source", path=value), element("target", port=index)
            found.append(element("serial", device, target, element("alias", name=f"ua-serial{index}"), type_="dev"))
            continue
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
    return bool(windows_version(config))
