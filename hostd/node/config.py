"""A node's options, ``nodes/<name>/config`` in the tree."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from hostd.cluster.datacenter import LOCATION
from hostd.core.formats.propstring import Format
from hostd.core.kinds import check_config_id
from hostd.core.optionfile import Option, property_option
from hostd.core.schema import Kind

DOMAINS: Final = 6
_CONFIG_ID = Kind(format="pve-configid", check=check_config_id)


def path(node: str) -> str:
    return f"nodes/{node}/config"


def check_mac(value: str) -> str:
    """Six bytes in hex, joined by ``:``, of one card (an even first byte)."""
    if re.fullmatch(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}", value, re.I):
        return ""
    return f"value '{value}' does not look like a valid unicast MAC address"


def check_ipv4(value: str) -> str:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return f"value '{value}' does not look like a valid IPv4 address"
    return ""


def check_interface(value: str) -> str:
    """A letter, 1 to 20 letters, digits or ``_``, then perhaps ``:n`` or ``.n``."""
    wrong = f"value '{value}' does not look like a valid interface name"
    return "" if re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{1,20}([:.]\d+)?", value) else wrong


def check_domain(value: str) -> str:
    """A host name, or ``*.`` and a host name."""
    label = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
    wrong = f"value '{value}' does not look like a valid domain"
    return "" if re.fullmatch(rf"(\*\.)?({label}\.)*{label}", value) else wrong


def check_domains(value: str) -> str:
    return next((wrong for part in value.split(";") if part and (wrong := check_domain(part))), "")


WAKE: Final = Format(
    keys={
        "mac": Kind(format="mac-addr", check=check_mac),
        "bind-interface": Kind(format="pve-iface", check=check_interface),
        "broadcast-address": Kind(format="ipv4", check=check_ipv4),
    },
    default_key="mac",
    required=frozenset({"mac"}),
)
_ACME = Format(keys={"account": _CONFIG_ID, "domains": Kind(format="pve-acme-domain-list", check=check_domains)})
_ACME_DOMAIN = Format(
    keys={"domain": Kind(check=check_domain), "alias": Kind(check=check_domain), "plugin": _CONFIG_ID},
    default_key="domain",
    required=frozenset({"domain"}),
)

OPTIONS: Final[Mapping[str, Option]] = {
    "acme": property_option("Account and domains of certificates.", "inline:acme", _ACME),
    "acmedomain": Option(
        kind=Kind(format="inline:acmedomain", check=_ACME_DOMAIN.check),
        doc="A domain with its plugin.",
        indices=DOMAINS,
    ),
    "ballooning-target": Option(
        kind=Kind(type="integer", minimum=0, maximum=100), default=80, doc="Memory use to aim at, in percent."
    ),
    "description": Option(kind=Kind(max_length=65536), doc="Notes, the comment of the file."),
    "location": property_option("Where the node stands.", "pve-node-location", LOCATION),
    "startall-onboot-delay": Option(
        kind=Kind(type="integer", minimum=0, maximum=300), default=0, doc="Seconds before guests start at boot."
    ),
    "wakeonlan": property_option("How others wake this node.", "inline:wakeonlan", WAKE),
}
