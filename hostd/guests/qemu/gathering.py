"""Gathering what a machine's definition depends on besides its configuration: facts of this node and its volumes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from hostd.access.files import text_of
from hostd.cluster.store import Store
from hostd.core.errors import Conflict
from hostd.guests.qemu import cpumodels, sockets
from hostd.guests.qemu.devices import net
from hostd.guests.qemu.devices.cpu import parse_models
from hostd.guests.qemu.devices.hostdevices import HostDevices
from hostd.guests.qemu.devices.machine import parse_version
from hostd.guests.qemu.facts import MachineFacts
from hostd.guests.qemu.volumes import sources_of
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host


def facts_of(
    host: Host,
    vmid: int,
    config: Mapping[str, str],
    *,
    kvm: bool,
    qemu: str,
    also: Mapping[str, str] | None = None,
) -> MachineFacts:
    """What a definition depends on besides its configuration, on this node; the volumes must be active.

    ``also``: another configuration whose volumes and bridges are told of as well.
    """
    return MachineFacts(
        vmid=vmid,
        kvm=kvm,
        sockets=sockets.folder(vmid),
        sources=sources_of(catalog_of(host), also or {}) | sources_of(catalog_of(host), config),
        bridge_mtus=bridge_mtus(also or {}) | bridge_mtus(config),
        arch=os.uname().machine,
        cpu_vendor=cpu_vendor(),
        qemu=parse_version(qemu),
        cpu_models=custom_models(host.store),
        devices=HostDevices(usb_ports=usb_ports()),
    )


def custom_models(store: Store) -> dict[str, Mapping[str, str]]:
    """The cluster's own processor models, by name without ``custom-``."""
    return parse_models(text_of(store, cpumodels.PATH))


def usb_ports(folder: str = "/sys/bus/usb/devices") -> dict[str, int]:
    """What is plugged in where: port (``1-2.1``) → number on its bus."""
    found = {}
    with contextlib.suppress(FileNotFoundError):  # a node without USB
        for port in os.listdir(folder):
            if ":" not in port and "-" in port:
                with open(f"{folder}/{port}/devnum", encoding="ascii") as file:
                    found[port] = int(file.read())
    return found


def cpu_vendor() -> str:
    """The processor's maker as CPUID spells it; "" where the kernel tells none."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        line = next((line for line in file if line.startswith("vendor_id")), "")
    return line.partition(":")[2].strip()


def bridge_mtus(config: Mapping[str, str]) -> dict[str, int]:
    """MTU of each bridge that the machine's cards are on; Conflict when a bridge does not exist."""
    found = {}
    for card in net.nics(config):
        bridge = card.values.get("bridge", "")
        try:
            with open(f"/sys/class/net/{bridge}/mtu", encoding="ascii") as file:
                found[bridge] = int(file.read())
        except OSError as err:
            if bridge:
                raise Conflict(f"{card.key}: bridge '{bridge}' does not exist") from err
    return found
