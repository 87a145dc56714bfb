"""What cloud-init is told inside a machine: users, network, metadata, in the form that the guest's system reads. Pure.

Source: documentation of cloud-init (NoCloud with network configuration version 1, ConfigDrive with Debian's
``interfaces``) and of OpenNebula's context; conformance area ``guest-config``, families ``cloudinit-*``.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile, GuestSection
from hostd.guests.qemu.config import default_name
from hostd.guests.qemu.devices import disk, net
from hostd.guests.qemu.understood import CLOUDINIT

KEYS: Final = ("cicustom", "cipassword", "citype", "ciupgrade", "ciuser", "nameserver", "searchdomain", "sshkeys")
_DRIVE: Final = re.compile(r"[:/]vm-\d+-cloudinit(?:\.(?:raw|qcow2|vmdk))?\Z")
_WINDOWS: Final = "w"  # every name of a Windows, and of no other system, begins so


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """What the host itself asks for names; ``search``: its search domains, with blanks between."""

    nameservers: tuple[str, ...] = ()
    search: str = ""


@dataclass(frozen=True, kw_only=True)
class Seed:
    """The files of a drive by what they tell; ``vendor`` only where a snippet gives it."""

    user: str
    network: str
    meta: str
    vendor: str = ""


def is_windows(config: Mapping[str, str]) -> bool:
    return config.get("ostype", "").startswith(_WINDOWS)


def form(config: Mapping[str, str]) -> str:
    """``nocloud``, ``configdrive2`` or ``opennebula``: as chosen, else what the guest's system reads."""
    return config.get("citype") or ("configdrive2" if is_windows(config) else "nocloud")


def drive(config: Mapping[str, str]) -> disk.Disk | None:
    """The drive on which the seed lies: the first one whose volume is called so."""
    return next((d for d in disk.disks(config) if is_drive(d)), None)


def is_drive(drive: disk.Disk) -> bool:
    return drive.is_cdrom and _DRIVE.search(drive.file) is not None


def relevant(config: Mapping[str, str]) -> dict[str, str]:
    """The lines of a configuration from which the seed is made; a card counts by its address alone."""
    found = {k: v for k, v in config.items() if k in KEYS or k == "name" or re.fullmatch(r"ipconfig\d+", k)}
    return found | {card.key: card.mac for card in net.nics(config)}


def with_record(file: GuestFile) -> GuestFile:
    """The file as it is written once a drive was made: what it was made from is kept in a section of its own."""
    return replace(file, special={**file.special, CLOUDINIT: GuestSection(values=recorded(file.current))})


def recorded(config: Mapping[str, str]) -> dict[str, str]:
    """The lines that the record keeps; addresses of cards as their whole line, which is what a file may say."""
    return {k: config[k] for k in relevant(config)}


def without_stale_record(file: GuestFile) -> GuestFile:
    """A record without a drive tells nothing: it goes with the next write."""
    if CLOUDINIT not in file.special or drive(file.current) is not None:
        return file
    return replace(file, special={k: v for k, v in file.special.items() if k != CLOUDINIT})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One key of the seed: ``value`` on the drive, ``pending`` what a new one would say; ``delete``: it would go."""

    key: str
    value: str | None = None
    pending: str | None = None
    delete: bool = False


def rows(file: GuestFile) -> list[Row]:
    """What is on the drive and what differs from it, by key. Without a record nothing waits."""
    now = relevant(file.current)
    record = file.special.get(CLOUDINIT)
    then = now if record is None else relevant(record.values)
    found = []
    for key in sorted(set(now) | set(then)):
        old, new = then.get(key), now.get(key)
        if old == new:
            found.append(Row(key=key, value=old))
        else:
            found.append(Row(key=key, value=old, pending=new, delete=new is None))
    return found


# --- the files


def seed(config: Mapping[str, str], vmid: int, resolver: Resolver, custom: Mapping[str, str] | None = None) -> Seed:
    """All files. ``custom``: texts that replace ours, by ``user``, ``network``, ``meta``, ``vendor``."""
    own = custom or {}
    user = own.get("user") or user_data(config, vmid, resolver)
    network = own.get("network") or network_data(config, resolver)
    meta = own.get("meta") or metadata(config, user, network)
    return Seed(user=user, network=network, meta=meta, vendor=own.get("vendor", ""))


def user_data(config: Mapping[str, str], vmid: int, resolver: Resolver) -> str:
    """``#cloud-config`` with the host's name, one user and their keys."""
    name = config.get("name") or default_name(vmid)
    host, dot, _domain = name.partition(".")
    search = config.get("searchdomain") if "searchdomain" in config else ""
    lines = ["#cloud-config", f"hostname: {host}", "manage_etc_hosts: true"]
    lines.append(f"fqdn: {name if dot or not search else f'{host}.{search}'}")
    user = config.get("ciuser", "")
    if user:
        lines.append(f"user: {user}")
    if user == "root":
        lines.append("disable_root: False")
    if password := config.get("cipassword"):
        lines.append(f"password: {password}")
    if keys := ssh_keys(config):
        lines.append("ssh_authorized_keys:")
        lines += [f"  - {key}" for key in keys]
    lines += ["chpasswd:", "  expire: False"]
    if user != "root":
        lines += ["users:", "  - default"]
    if config.get("ciupgrade", "1") == "1":
        lines.append("package_upgrade: true")
    return _text(lines)


def ssh_keys(config: Mapping[str, str]) -> list[str]:
    """Public keys, one a line in the URL-encoded value."""
    return [line.strip() for line in unquote(config.get("sshkeys", "")).split("\n") if line.strip()]


def metadata(config: Mapping[str, str], user: str, network: str) -> str:
    """An id that changes when something that the guest reads does, so that it is read again."""
    digest = hashlib.sha1((user + network).encode(), usedforsecurity=False).hexdigest()
    if form(config) == "configdrive2":
        # The space of five is what the reference writes, and harmless.
        return (
            "{\n"
            f'     "uuid": {json.dumps(digest)},\n'
            '     "network_config": { "content_path": "/content/0000" }\n'
            "}\n"
        )
    return f"instance-id: {digest}\n"


def network_data(config: Mapping[str, str], resolver: Resolver) -> str:
    """The cards' addresses as ``form`` wants them."""
    return _interfaces(config, resolver) if form(config) == "configdrive2" else _version_1(config, resolver)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """A card with what it is given; texts as in ``ipconfig<n>``: an address with prefix, dhcp, auto, or ""."""

    name: str
    mac: str
    ip: str = ""
    gateway: str = ""
    ip6: str = ""
    gateway6: str = ""


def addresses(config: Mapping[str, str]) -> list[Addresses]:
    """Cards that have an ``ipconfig``; their names inside count all cards."""
    found = []
    for card in net.nics(config):
        text = config.get(f"ipconfig{card.index}")
        if text is None:
            continue
        values = propstring.parse(text)
        found.append(
            Addresses(
                name=f"eth{card.index}",
                mac=card.mac.lower(),
                ip=values.get("ip", ""),
                gateway=values.get("gw", ""),
                ip6=values.get("ip6", ""),
                gateway6=values.get("gw6", ""),
            )
        )
    return found


def servers(config: Mapping[str, str], resolver: Resolver) -> list[str]:
    chosen = config.get("nameserver")
    return list(resolver.nameservers) if chosen is None else re.split(r"[\s,;]+", chosen.strip())


def domains(config: Mapping[str, str], resolver: Resolver) -> list[str]:
    return re.split(r"[\s,;]+", text.strip()) if (text := config.get("searchdomain", resolver.search)) else []


def _version_1(config: Mapping[str, str], resolver: Resolver) -> str:
    lines = ["version: 1", "config:"]
    for card in addresses(config):
        lines += ["    - type: physical", f"      name: {card.name}", f"      mac_address: '{card.mac}'"]
        lines.append("      subnets:")
        if card.ip == "dhcp":
            lines.append("      - type: dhcp4")
        elif card.ip:
            place = ipaddress.IPv4Interface(card.ip)
            lines += ["      - type: static", f"        address: '{place.ip}'", f"        netmask: '{place.netmask}'"]
            lines += [f"        gateway: '{card.gateway}'"] if card.gateway else []
        if card.ip6 == "dhcp":
            lines.append("      - type: dhcp6")
        elif card.ip6 == "auto":
            lines.append("      - type: ipv6_slaac")
        elif card.ip6:
            lines += ["      - type: static6", f"        address: '{card.ip6}'"]
            lines += [f"        gateway: '{card.gateway6}'"] if card.gateway6 else []
    asked, search = servers(config, resolver), domains(config, resolver)
    if asked or search:
        lines.append("    - type: nameserver")
    if asked:
        lines += ["      address:", *(f"      - '{server}'" for server in asked)]
    if search:
        lines += ["      search:", *(f"      - '{domain}'" for domain in search)]
    return _text(lines)


def _interfaces(config: Mapping[str, str], resolver: Resolver) -> str:
    """Debian's ``interfaces``, which cloudbase-init reads on Windows."""
    lines = ["auto lo", "iface lo inet loopback", ""]
    if asked := servers(config, resolver):
        lines.append(f"        dns_nameservers {' '.join(asked)}")
    if search := domains(config, resolver):
        lines.append(f"        dns_search {' '.join(search)}")
    for card in addresses(config):
        lines.append(f"auto {card.name}")
        if card.ip == "dhcp":
            lines.append(f"iface {card.name} inet dhcp")
        elif card.ip:
            place = ipaddress.IPv4Interface(card.ip)
            lines += [f"iface {card.name} inet static", f"        address {place.ip}"]
            lines.append(f"        netmask {place.netmask}")
            lines += [f"        gateway {card.gateway}"] if card.gateway else []
        if card.ip6 in ("dhcp", "auto"):
            lines.append(f"iface {card.name} inet6 {card.ip6}")
        elif card.ip6:
            place6 = ipaddress.IPv6Interface(card.ip6)
            lines += [f"iface {card.name} inet6 static", f"        address {place6.ip}"]
            lines.append(f"        netmask {place6.network.prefixlen}")
            lines += [f"        gateway {card.gateway6}"] if card.gateway6 else []
    return _text(lines)


def context(config: Mapping[str, str], vmid: int, resolver: Resolver) -> str:
    """OpenNebula's ``context.sh``: variables of a shell, each in single quotes."""
    name = config.get("name") or default_name(vmid)
    host, _dot, domain = name.partition(".")
    values = {
        "SET_HOSTNAME": host,
        "DOMAIN": domain or config.get("searchdomain", ""),
        "USERNAME": config.get("ciuser", ""),
    }
    values |= {"CRYPTED_PASSWORD": config.get("cipassword", ""), "SSH_PUBLIC_KEY": "\n".join(ssh_keys(config))}
    for number, card in enumerate(addresses(config)):
        values[f"ETH{number}_MAC"] = card.mac
        if card.ip and card.ip != "dhcp":
            place = ipaddress.IPv4Interface(card.ip)
            values |= {f"ETH{number}_IP": str(place.ip), f"ETH{number}_MASK": str(place.netmask)}
            values[f"ETH{number}_NETWORK"] = str(place.network.network_address)
            values[f"ETH{number}_GATEWAY"] = card.gateway
        if card.ip6 and card.ip6 not in ("dhcp", "auto"):
            place6 = ipaddress.IPv6Interface(card.ip6)
            values |= {
                f"ETH{number}_IP6": str(place6.ip),
                f"ETH{number}_IP6_PREFIX_LENGTH": str(place6.network.prefixlen),
            }
            values[f"ETH{number}_GATEWAY6"] = card.gateway6
        values |= {f"ETH{number}_DNS": " ".join(servers(config, resolver))}
        values |= {f"ETH{number}_SEARCH_DOMAIN": " ".join(domains(config, resolver))}
    values["NETWORK"] = "YES" if addresses(config) else ""
    return _text(["# made from the machine's configuration", *(_assign(k, v) for k, v in values.items() if v)])


def _assign(name: str, value: str) -> str:
    quoted = value.replace("'", "'\\''")
    return f"{name}='{quoted}'"


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
