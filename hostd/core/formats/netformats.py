"""Formats of addresses, interfaces, firewall rules and software-defined networks."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from typing import Final

Check = Callable[[str], str]

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DNS = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_IFACE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{1,20}(?:[:.][0-9]+)?")
_MAC = re.compile(r"[a-fA-F0-9][02468aceACE](?::[a-fA-F0-9]{2}){5}")
_MAC_PREFIX = re.compile(r"[a-fA-F0-9][02468aceACE](?::[a-fA-F0-9]{2}){0,2}:?")
_BRIDGE = re.compile(r"[-_.a-zA-Z0-9]+")
_SET = re.compile(r"\+(?:dc/|guest/|sdn/)?[A-Za-z][A-Za-z0-9_-]+")
_ALIAS = re.compile(r"(?:dc/|guest/)?[A-Za-z][A-Za-z0-9_-]+")
_CIDR_LEAST = 8
# Protocols and ICMP types as iptables names them (RFC 792, RFC 4443; protocols(5)).
PROTOCOLS: Final = frozenset(
    {
        "icmp", "igmp", "ggp", "ipencap", "st", "tcp", "egp", "igp", "pup", "udp", "hmp", "xns-idp", "rdp",
        "iso-tp4", "dccp", "xtp", "ddp", "idpr-cmtp", "ipv6", "ipv6-route", "ipv6-frag", "idrp", "rsvp", "gre",
        "esp", "ah", "skip", "ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "vmtp", "eigrp", "ospf", "ax.25",
        "ipip", "etherip", "encap", "pim", "ipcomp", "vrrp", "l2tp", "isis", "sctp", "fc", "mobility-header",
        "udplite", "mpls-in-ip", "hip", "shim6", "wesp", "rohc",
    }
)  # fmt: skip
ICMP_TYPES: Final = frozenset(
    {
        "any", "echo-reply", "destination-unreachable", "network-unreachable", "host-unreachable",
        "protocol-unreachable", "port-unreachable", "fragmentation-needed", "source-route-failed",
        "network-unknown", "host-unknown", "network-prohibited", "host-prohibited", "TOS-network-unreachable",
        "TOS-host-unreachable", "communication-prohibited", "host-precedence-violation", "precedence-cutoff",
        "source-quench", "redirect", "network-redirect", "host-redirect", "TOS-network-redirect",
        "TOS-host-redirect", "echo-request", "router-advertisement", "router-solicitation", "time-exceeded",
        "ttl-zero-during-transit", "ttl-zero-during-reassembly", "parameter-problem", "ip-header-bad",
        "required-option-missing", "timestamp-request", "timestamp-reply", "address-mask-request",
        "address-mask-reply", "no-route", "beyond-scope", "address-unreachable", "failed-policy",
        "reject-route", "packet-too-big", "bad-header", "unknown-header-type", "unknown-option",
        "neighbor-solicitation", "neighbour-solicitation", "neighbor-advertisement", "neighbour-advertisement",
    }
)  # fmt: skip
_HELPERS = frozenset(
    {
        "amanda", "ftp", "irc", "netbios-ns", "pptp", "sane", "sip", "snmp", "tftp",
    }
)  # fmt: skip
_MOST_PORTS = 15


def _ask(form: re.Pattern[str], text: str, wrong: str) -> str:
    return "" if form.fullmatch(text) else wrong


def ipv4(text: str) -> str:
    """Dotted quad, no leading zeros."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return f"value '{text}' does not look like a valid IPv4 address"
    return ""


def ipv6(text: str) -> str:
    """RFC 4291 text, without a zone."""
    try:
        ipaddress.IPv6Address(text if "%" not in text else "")
    except ValueError:
        return f"value '{text}' does not look like a valid IPv6 address"
    return ""


def ip(text: str) -> str:
    good = not ipv4(text) or not ipv6(text)
    return "" if good else f"value '{text}' does not look like a valid IP address"


def _cidr(text: str, check: Check, most: int, family: str) -> str:
    host, _, prefix = text.partition("/")
    good = not check(host) and re.fullmatch(r"[0-9]{1,9}", prefix) and _CIDR_LEAST <= int(prefix) <= most
    return "" if good else f"value '{text}' does not look like a valid {family} network (address/prefix)"


def cidr4(text: str) -> str:
    """Address and prefix of 8 to 32."""
    return _cidr(text, ipv4, 32, "IPv4")


def cidr6(text: str) -> str:
    """Address and prefix of 8 to 128."""
    return _cidr(text, ipv6, 128, "IPv6")


def cidr(text: str) -> str:
    good = not cidr4(text) or not cidr6(text)
    return "" if good else f"value '{text}' does not look like a valid CIDR network (address/prefix)"


def netmask(text: str) -> str:
    """A mask of leading ones, ``0.0.0.0`` to ``255.255.255.255``."""
    wrong = f"value '{text}' is no IPv4 network mask"
    if ipv4(text):
        return wrong
    inverse = ~int(ipaddress.IPv4Address(text)) & 0xFFFFFFFF
    return "" if inverse & (inverse + 1) == 0 else wrong


def _or_words(check: Check, *words: str) -> Check:
    return lambda text: "" if text in words else check(text)


def dns_name(text: str) -> str:
    return _ask(_DNS, text, f"value '{text}' does not look like a valid DNS name")


def address(text: str) -> str:
    good = not ip(text) or not dns_name(text)
    return "" if good else f"value '{text}' does not look like a valid address (IP address or DNS name)"


def interface(text: str) -> str:
    """Letter, 1 to 20 of letters, digits, ``_``, optional ``:n`` or ``.n``."""
    return _ask(_IFACE, text, f"invalid network interface name '{text}'")


def bridge_id(text: str) -> str:
    return _ask(_BRIDGE, text, f"invalid bridge ID '{text}'")


def mac_address(text: str) -> str:
    """Six hexadecimal pairs, unicast."""
    return _ask(_MAC, text, f"value '{text}' does not look like a valid unicast MAC address")


def mac_prefix(text: str) -> str:
    return _ask(_MAC_PREFIX, text, f"value '{text}' does not look like a valid unicast MAC address prefix")


def scoped_ip(text: str) -> str:
    """An address; a link-local one may name its interface: ``fe80::1%eth0``."""
    host, percent, name = text.partition("%")
    if percent and host.lower().startswith("fe80:"):
        return ipv6(host) or interface(name)
    return ip(text)


def vlan_or_range(text: str) -> str:
    """1 to 4094, or ``a-b`` with a below b."""
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text)
    numbers = [int(n) for n in match.groups() if n] if match else []
    good = numbers and all(1 <= n <= 4094 for n in numbers) and (len(numbers) == 1 or numbers[0] < numbers[1])
    return "" if good else f"'{text}' is no VLAN (1-4094) or range of VLANs (a-b)"


def _ranges(most: int, what: str) -> Check:
    def check(text: str) -> str:
        for part in text.split(","):
            match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 1 <= first <= last <= most:
                return f"'{part}' is no {what} or range of them (1-{most})"
        return ""

    return check


def host_and_port(text: str) -> str:
    """``host``, ``host:port``, ``[v6]:port`` or a bare address."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?", text)
    host = (match[1] or match[2]) if match else text
    wrong = ip(host) if match and match[1] else address(host)
    too_big = match is not None and match[3] is not None and int(match[3]) > 65535
    return wrong or (f"port of '{text}' is above 65535" if too_big else "")


def _network(text: str) -> int:
    """The IP version of an address, network or range; ValueError for anything else."""
    first, dash, last = text.partition("-")
    if dash:
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"'{text}' is no range from low to high")
        return low.version
    return ipaddress.ip_network(text).version


def firewall_address(text: str) -> str:
    """A set (``+name``), an alias, or a list of addresses and networks of one family; a range only alone."""
    if text.startswith("+"):
        return _ask(_SET, text, f"invalid name of an address set: '{text}'")
    if _ALIAS.fullmatch(text):
        return "" if len(text.rpartition("/")[2]) <= 64 else f"alias '{text}' is longer than 64 characters"
    elements = text.split(",")
    versions = set()
    for element in elements:
        try:
            versions.add(_network(element))
        except ValueError:
            return f"invalid address '{element}' in '{text}'" if element else f"a comma too many in '{text}'"
    if len(versions) > 1:
        return f"IPv4 and IPv6 addresses are mixed in '{text}'"
    return "a range must stand alone" if "-" in text and len(elements) > 1 else ""


def _service(name: str) -> bool:
    try:
        socket.getservbyname(name)
    except (OSError, ValueError):
        return False
    return True


def firewall_ports(*, destination: bool) -> Check:
    """Up to 15 ports, names and ranges ``a:b`` (which count twice); ICMP types as a destination."""

    def check(text: str) -> str:
        count, icmp = 0, False
        for item in text.split(","):
            numbers = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", item)
            if numbers:
                ports = [int(n) for n in numbers.groups() if n]
                if max(ports) > 65535 or ports != sorted(ports):
                    return f"invalid port or range '{item}' (0 to 65535, low:high)"
                count += len(ports)
                continue
            count += 1
            if destination and item in ICMP_TYPES:
                icmp = True
            elif not item or not _service(item):
                return f"invalid port '{item}'" if item else f"a comma too many in '{text}'"
        if icmp and count > 1:
            return "an ICMP type must stand alone"
        return f"more than {_MOST_PORTS} ports in '{text}'" if count > _MOST_PORTS else ""

    return check


def firewall_protocol(text: str) -> str:
    """A name or a number up to 255."""
    good = int(text) <= 255 if re.fullmatch("[0-9]{1,6}", text) else text in PROTOCOLS
    return "" if good else f"unknown protocol '{text}'"


def icmp_type(text: str) -> str:
    """A name, or ``type`` or ``type/code`` in numbers."""
    good = re.fullmatch(r"[0-9]{1,3}(?:/[0-9]{1,3})?", text) or text in ICMP_TYPES
    return "" if good else f"unknown ICMP type '{text}'"


def _ip_or_cidr(text: str) -> str:
    return "" if not ip(text) else cidr(text)


def _ip_cidr_or_alias(text: str) -> str:
    return "" if _ALIAS.fullmatch(text) else _ip_or_cidr(text)


def subnet_id(text: str) -> str:
    """``zone-address-prefix``."""
    zone, _, rest = text.partition("-")
    host, _, prefix = rest.rpartition("-")
    good = re.fullmatch("[a-z][a-z0-9]*", zone) and not ip(host) and re.fullmatch("[0-9]{1,3}", prefix)
    return "" if good else f"'{text}' is no subnet ID (zone-address-prefix)"


def _form(form: str, what: str) -> Check:
    return lambda text: "" if re.fullmatch(form, text) else f"value '{text}' {what}"


CHECKS: Final[Mapping[str, Check]] = {
    "ip": ip,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "ipv4mask": netmask,
    "CIDR": cidr,
    "CIDRv4": cidr4,
    "CIDRv6": cidr6,
    "IPorCIDR": _ip_or_cidr,
    "IPorCIDRorAlias": _ip_cidr_or_alias,
    "pve-ipv4-config": _or_words(cidr4, "dhcp", "manual"),
    "pve-ipv6-config": _or_words(cidr6, "auto", "dhcp", "manual"),
    "lxc-ip-with-ll-iface": scoped_ip,
    "address": address,
    "dns-name": dns_name,
    "pve-iface": interface,
    "pve-bridge-id": bridge_id,
    "mac-addr": mac_address,
    "mac-prefix": mac_prefix,
    "pve-vlan-id-or-range": vlan_or_range,
    "pve-storage-portal-dns": host_and_port,
    "pve-fw-addr-spec": firewall_address,
    "pve-fw-sport-spec": firewall_ports(destination=False),
    "pve-fw-dport-spec": firewall_ports(destination=True),
    "pve-fw-protocol-spec": firewall_protocol,
    "pve-fw-icmp-type-spec": icmp_type,
    "pve-fw-conntrack-helper": lambda text: "" if text in _HELPERS else f"unknown connection helper '{text}'",
    "pve-sdn-vlanrange": _ranges(4094, "VLAN"),
    "pve-sdn-vxlanrange": _ranges(16777215, "VXLAN"),
    "pve-sdn-fabric-id": _form(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?", "is no fabric ID"),
    "pve-sdn-isis-net": _form(r"[a-fA-F0-9]{2}(?:\.[a-fA-F0-9]{4}){3,9}\.[a-fA-F0-9]{2}", "is no IS-IS address"),
    "pve-sdn-bgp-rt": _form(r"[0-9]+:[0-9]+", "is no BGP route target (number:number)"),
    "pve-sdn-subnet-id": subnet_id,
}
