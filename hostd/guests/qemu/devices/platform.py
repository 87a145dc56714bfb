"""Small devices: TPM, random numbers, watchdog, sound, shared memory, parallel ports, balloon, agent's channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element

from hostd.core.errors import Invalid, ParseError, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.guests.qemu.devices import slots
from hostd.guests.qemu.devices.disk import DRIVE, SIZE, Source
from hostd.guests.qemu.devices.machine import Family, MachineType
from hostd.guests.qemu.devices.xml import element, on_off

RNG_FORMAT: Final = Format(name="pve-qm-rng")
WATCHDOG_FORMAT: Final = Format(name="pve-qm-watchdog")
AUDIO_FORMAT: Final = Format(name="inline:audio0")
IVSHMEM_FORMAT: Final = Format(name="inline:ivshmem")
AGENT_FORMAT: Final = Format(name="inline:agent")
TPM_FORMAT: Final = Format(name="inline:tpmstate0", own={"file": DRIVE, "size": SIZE})
TPM_FOLDER: Final = "/run/hostd/tpm"
_SOUND: Final[Mapping[str, str]] = {"ich9-intel-hda": "ich9", "intel-hda": "ich6", "AC97": "ac97"}
_PARALLEL_COUNT: Final = 3
_STATS_PERIOD_S: Final = 2


def parse_tpm(text: str) -> dict[str, str]:
    """The parts of ``tpmstate0``; ParseError or Invalid."""
    values = propstring.validate(text, TPM_FORMAT)
    if values["file"] in ("none", "cdrom"):
        raise ParseError("tpmstate0 needs a volume")
    return values


def tpm_version(config: Mapping[str, str]) -> str:
    """``1.2`` or ``2.0``."""
    return "2.0" if parse_tpm(config["tpmstate0"]).get("version") == "v2.0" else "1.2"


def tpm_socket(vmid: int) -> str:
    """Where QEMU meets the TPM of a machine."""
    return f"{TPM_FOLDER}/{vmid}/socket"


def tpm_element(config: Mapping[str, str], vmid: int, sources: Mapping[str, Source]) -> Element | None:
    """``<tpm>`` behind a socket: what keeps its state on the volume is started by us, not by libvirt."""
    if "tpmstate0" not in config:
        return None
    values = parse_tpm(config["tpmstate0"])
    source = sources[values["file"]]
    if source.format != "raw":
        raise Invalid({"tpmstate0": f"the TPM's state must be a raw volume, '{values['file']}' is {source.format}"})
    socket = element("source", type_="unix", mode="connect", path=tpm_socket(vmid))
    return element("tpm", element("backend", socket, type_="external"), model="tpm-tis")


def rng_element(config: Mapping[str, str], machine: MachineType) -> Element | None:
    """``<rng>``: at most ``max_bytes`` in ``period`` milliseconds; 0 bytes: without limit."""
    if "rng0" not in config:
        return None
    values = propstring.validate(config["rng0"], RNG_FORMAT)
    most = int(values.get("max_bytes", "1024"))
    rate = element("rate", bytes=most, period=int(values.get("period", "1000"))) if most else None
    backend = element("backend", text=values["source"], model="random")
    return element("rng", rate, backend, slots.address("rng", machine), model="virtio")


def watchdog_element(config: Mapping[str, str], machine: MachineType) -> Element | None:
    if "watchdog" not in config:
        return None
    values = propstring.validate(config["watchdog"], WATCHDOG_FORMAT)
    model, action = values.get("model", "i6300esb"), values.get("action")
    if action == "debug":
        raise Unsupported("watchdog: action 'debug' is not supported; choose reset, shutdown, poweroff, pause or none")
    at = slots.address("watchdog", machine) if model == "i6300esb" else None
    return element("watchdog", element("alias", name="ua-watchdog"), at, model=model, action=action or "reset")


def audio_elements(config: Mapping[str, str], machine: MachineType, *, spice: bool) -> list[Element]:
    """``<sound>`` and where it goes; without SPICE nobody hears it, but the guest has its device."""
    if "audio0" not in config:
        return []
    values = propstring.validate(config["audio0"], AUDIO_FORMAT)
    heard = spice and values.get("driver", "spice") == "spice"
    sound = element("sound", element("audio", id=1), slots.address("audio", machine), model=_SOUND[values["device"]])
    return [sound, element("audio", id=1, type_="spice" if heard else "none")]


def shmem_element(config: Mapping[str, str], vmid: int, machine: MachineType) -> Element | None:
    """Memory that several guests see; its name is that of the file in ``/dev/shm``."""
    if "ivshmem" not in config:
        return None
    values = propstring.validate(config["ivshmem"], IVSHMEM_FORMAT)
    return element(
        "shmem",
        element("model", type_="ivshmem-plain"),
        element("size", text=values["size"], unit="M"),
        slots.address("ivshmem", machine),
        name=f"pve-shm-{values.get('name', vmid)}",
    )


def parallel_elements(config: Mapping[str, str]) -> list[Element]:
    return [
        element("parallel", element("source", path=config[key]), element("target", port=n), type_="dev")
        for n in range(_PARALLEL_COUNT)
        if (key := f"parallel{n}") in config
    ]


def agent_values(config: Mapping[str, str]) -> dict[str, str]:
    return propstring.validate(config["agent"], AGENT_FORMAT) if config.get("agent") else {}


def agent_enabled(config: Mapping[str, str]) -> bool:
    return agent_values(config).get("enabled") == "1"


def agent_freezes(config: Mapping[str, str]) -> bool:
    """Whether the agent is asked to hold file systems still while states of the disks are taken."""
    return agent_enabled(config) and agent_values(config).get("freeze-fs", "1") == "1"


def agent_trims(config: Mapping[str, str]) -> bool:
    """Whether the agent is asked to give back what is unused of disks that were copied whole."""
    return agent_enabled(config) and agent_values(config).get("fstrim_cloned_disks") == "1"


def agent_elements(config: Mapping[str, str], machine: MachineType, index: int) -> list[Element]:
    """The agent's channel on a controller of its own with number ``index``. Unsupported for the ISA kind."""
    if not agent_enabled(config):
        return []
    if agent_values(config).get("type") == "isa":
        raise Unsupported("agent: type=isa is not supported; use type=virtio")
    controller = element("controller", slots.address("qga", machine), type_="virtio-serial", index=index)
    target = element("target", type_="virtio", name="org.qemu.guest_agent.0")
    at = element("address", type_="virtio-serial", controller=index, bus=0, port=1)
    return [controller, element("channel", element("source", mode="bind"), target, at, type_="unix")]


def balloon_element(config: Mapping[str, str], machine: MachineType) -> Element:
    """Free pages go back to the host by themselves since machine version 6.2."""
    if config.get("balloon") == "0":
        return element("memballoon", model="none")
    stats = element("stats", period=_STATS_PERIOD_S)
    reporting = on_off(machine.since(6, 2))
    return element("memballoon", stats, slots.address("balloon", machine), model="virtio", freePageReporting=reporting)


def sleep_element(config: Mapping[str, str], machine: MachineType) -> Element | None:
    """``<pm>``: suspending to RAM or disk is hidden from the guest unless it is asked for."""
    values = propstring.parse(config.get("machine", ""), default_key="type")
    if machine.family is Family.VIRT:
        return None
    rows = [("suspend-to-mem", "enable-s3"), ("suspend-to-disk", "enable-s4")]
    shown = {name: propstring.boolean(values.get(key, "0")) for name, key in rows}
    return element("pm", *(element(name, enabled="yes" if on else "no") for name, on in shown.items()))


def numbered(config: Mapping[str, str], stem: str) -> list[str]:
    """Keys of a numbered device, by number."""
    found = [key for key in config if re.fullmatch(rf"{stem}\d+", key)]
    return sorted(found, key=lambda key: int(key.removeprefix(stem)))
