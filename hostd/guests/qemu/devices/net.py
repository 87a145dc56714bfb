"""Network cards: ``net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5`` to ``<interface>``."""

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
from hostd.guests.qemu.devices.machine import MachineType
from hostd.guests.qemu.devices.xml import element

COUNT: Final = 32
_VIRTIO_RX_QUEUE: Final = 1024
_VIRTIO_TX_QUEUE: Final = 256
_KIB_PER_MB = 1000


FORMAT: Final = Format(name="inline:net", own={"bridge": Kind(format="pve-bridge-id", pattern=r"[-_.\w]{1,15}")})


@dataclass(frozen=True, kw_only=True)
class Nic:
    """One card. ``values``: every part as text."""

    key: str
    index: int
    model: str
    mac: str
    values: Mapping[str, str]

    def flag(self, name: str) -> bool:
        return propstring.boolean(self.values.get(name, "0"))

    def with_mac(self, mac: str) -> Nic:
        return Nic(key=self.key, index=self.index, model=self.model, mac=mac, values={**self.values, "macaddr": mac})

    def text(self) -> str:
        return propstring.format(self.values, default_key="model", aliases=FORMAT.compiled.aliases)


def parse_nic(key: str, text: str) -> Nic:
    """Raises Invalid or ParseError."""
    values = propstring.validate(text, FORMAT)
    index = int(key.removeprefix("net"))
    return Nic(key=key, index=index, model=values["model"], mac=values.get("macaddr", "").upper(), values=values)


def nics(config: Mapping[str, str]) -> list[Nic]:
    return [parse_nic(key, config[key]) for n in range(COUNT) if (key := f"net{n}") in config]


def tap_name(vmid: int, index: int) -> str:
    """The card's device on the host, by which statistics and firewall know it; 15 characters at most."""
    return f"tap{vmid}i{index}"


def nic_element(nic: Nic, vmid: int, *, boot: int | None, bridge_mtu: int | None, machine: MachineType) -> Element:
    """``<interface>``. ``bridge_mtu``: what a virtio card takes over when it asks for mtu=1 or, with new machine
    types, for none."""
    bridge = nic.values.get("bridge", "")
    if not bridge:
        raise Unsupported(f"{nic.key}: a card without bridge is not supported yet")
    if not nic.mac:
        raise Conflict(f"{nic.key}: no MAC address; set the card again to get one")
    return element(
        "interface",
        element("mac", address=nic.mac.lower()),
        element("source", bridge=bridge),
        _vlan(nic),
        element("target", dev=tap_name(vmid, nic.index)),
        element("model", type_=nic.model),
        _driver(nic, machine),
        _bandwidth(nic),
        element("link", state="down") if nic.flag("link_down") else None,
        _mtu(nic, bridge_mtu, machine),
        element("boot", order=boot) if boot is not None else None,
        element("alias", name=f"ua-{nic.key}"),
        slots.address(nic.key, machine) if nic.model != "ne2k_isa" else None,
        type_="bridge",
    )


def _driver(nic: Nic, machine: MachineType) -> Element | None:
    """No ``name``: libvirt takes vhost-net under KVM where the host has it, and QEMU's own otherwise.

    Longer queues came with machine version 7.1.
    """
    if nic.model != "virtio":
        return None
    queues = int(nic.values.get("queues", "0"))
    long = machine.since(7, 1)
    if not queues and not long:
        return None
    return element(
        "driver",
        queues=queues or None,
        rx_queue_size=_VIRTIO_RX_QUEUE if long else None,
        tx_queue_size=_VIRTIO_TX_QUEUE if long else None,
    )


def _vlan(nic: Nic) -> Element | None:
    """One untagged VLAN, or trunked ones; a tag beside trunks is the native VLAN."""
    tag, trunks = nic.values.get("tag"), nic.values.get("trunks", "")
    if not tag and not trunks:
        return None
    ids: list[int] = []
    for part in trunks.split(";") if trunks else []:
        first, _, last = part.partition("-")
        ids += range(int(first), int(last or first) + 1)
    rows = [element("tag", id=n) for n in ids if str(n) != tag]
    if tag:
        rows.insert(0, element("tag", id=tag, nativeMode="untagged" if trunks else None))
    return element("vlan", *rows, trunk="yes" if trunks else None)


def _bandwidth(nic: Nic) -> Element | None:
    """``rate`` is megabytes per second in each direction; libvirt counts in KiB/s."""
    rate = float(nic.values.get("rate", "0"))
    if not rate:
        return None
    average = max(int(rate * _KIB_PER_MB * 1000 / 1024), 1)
    return element("bandwidth", element("inbound", average=average), element("outbound", average=average))


def _mtu(nic: Nic, bridge_mtu: int | None, machine: MachineType) -> Element | None:
    """1 means the bridge's; saying nothing means that too since machine version 10.0."""
    if nic.model != "virtio":
        return None
    wanted = int(nic.values.get("mtu", "1" if machine.since(10, 0) else "0"))
    if wanted > 1 and bridge_mtu is not None and wanted > bridge_mtu:
        raise Conflict(f"{nic.key}: MTU {wanted} is bigger than the bridge's {bridge_mtu}")
    size = bridge_mtu if wanted == 1 else wanted or None
    return element("mtu", size=size) if size is not None else None
