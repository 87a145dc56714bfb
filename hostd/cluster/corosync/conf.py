"""A cluster as corosync.conf describes it: nodes with their links, votes, QDevice. Pure.

What the file says beyond that survives every change here; each change raises ``config_version`` by one.
Source: corosync.conf(5), votequorum(5), corosync-qdevice(8) of Corosync 3.1.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hostd.cluster.corosync import conffile
from hostd.cluster.corosync.conffile import Section, Value
from hostd.core.errors import Conflict, Invalid, NotFound
from hostd.core.names import check_cluster_name

MOST_LINKS = 8
MOST_PRIORITY = 255
MOST_NODE_ID = 2**32 - 1
TOKEN_COEFFICIENT_MS = 125
SPLIT, LAST = ALGORITHMS = ("ffsplit", "lms")

# Why these. A node that does not pass the token on for `token` ms is taken for lost, and all writes wait for token +
# consensus (1.2 token): 6.7 s measured with three nodes, of 6.9. Link failover hangs on it as well: knet gives a link
# up after half a token without answer and the token is sent again every quarter, so about three quarters are gone when
# a cut link is survived; what is left must do for processors that are busy elsewhere. A quarter of 3000 ms was enough
# on a machine with four times the load that it has processors for; below a token of 1000 failover was seen to fail.
# The coefficient is added for each node beyond two: Corosync's own 650 ms would make 16 nodes wait 27 s, 125 ms 10 s.
TOKEN_MS = 3000
TOTEM = (
    Value("version", "2"),
    Value("secauth", "on"),  # encrypted and authenticated: AES-256, SHA-256, key in /etc/corosync/authkey
    Value("link_mode", "passive"),  # one link at a time, by priority: order is kept and a slow link does no harm
    Value("ip_version", "ipv4-6"),
    Value("token", str(TOKEN_MS)),
)
LOGGING = (Value("debug", "off"), Value("to_syslog", "yes"))
PROVIDER = Value("provider", "corosync_votequorum")

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_NODE_NAME = re.compile(rf"{_LABEL}\Z")
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\Z")
_LINK_KEY = re.compile(r"ring([0-9]+)_addr\Z")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node. ``links``: address or host name by number of the link."""

    name: str
    node_id: int
    votes: int = 1
    links: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class QDevice:
    """A witness: ``host`` runs corosync-qnetd. ``algorithm``: ``ffsplit`` or ``lms``; ``tls``: on, off or required."""

    host: str
    algorithm: str
    tls: str = "on"


@dataclass(frozen=True)
class ClusterConf:
    """The whole file; properties read it, functions of this module change it."""

    file: Section

    @classmethod
    def parse(cls, text: str) -> ClusterConf:
        """A file that is understood and valid. Raises ParseError(line) and Invalid, which names every wrong key."""
        conf = cls(conffile.parse(text))
        validate(conf)
        return conf

    def format(self) -> str:
        """The file's text; equal configurations have equal texts."""
        return conffile.format(self.file)

    @property
    def totem(self) -> Section:
        return self.file.section("totem")

    @property
    def name(self) -> str:
        return self.totem.get("cluster_name") or ""

    @property
    def version(self) -> int:
        return int(self.totem.get("config_version") or 0)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes in the order of the file."""
        return tuple(_node(section) for section in self.file.section("nodelist").sections("node"))

    @property
    def links(self) -> dict[int, int | None]:
        """The links with their priorities (None: not given), from the nodes' addresses and ``totem.interface``."""
        numbers = {link for node in self.nodes for link in node.links}
        given = {int(s.get("linknumber") or 0): s.get("knet_link_priority") for s in self.totem.sections("interface")}
        return {n: int(p) if (p := given.get(n)) else None for n in sorted(numbers | set(given))}

    @property
    def qdevice(self) -> QDevice | None:
        device = self.file.section("quorum").section("device")
        if device.get("model") is None:
            return None
        net = device.section("net")
        return QDevice(host=net.get("host") or "", algorithm=net.get("algorithm") or "", tls=net.get("tls") or "on")

    def node(self, name: str) -> Node:
        """The node of that name; raises NotFound, which tells the names that there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(sorted(n.name for n in self.nodes))
        raise NotFound(f"no such node '{name}' in cluster '{self.name}'; its nodes are: {names}")


def create(
    name: str,
    first: Node,
    *,
    priorities: Mapping[int, int] | None = None,
    token_coefficient_ms: int = TOKEN_COEFFICIENT_MS,
) -> ClusterConf:
    """A new cluster of one node, with version 1. ``priorities`` by link. Raises Invalid."""
    values = {v.key: v.text for v in TOTEM} | {
        "cluster_name": name,
        "config_version": "1",
        "token_coefficient": str(token_coefficient_ms),
    }
    totem = Section("totem", tuple(Value(key, values[key]) for key in sorted(values)))
    totem = totem.with_sections("interface", _interfaces(first.links, priorities or {}))
    file = Section(
        "",
        (
            Section("logging", LOGGING),
            Section("nodelist", (_section(first),)),
            Section("quorum", (PROVIDER,)),
            totem,
        ),
    )
    return _valid(ClusterConf(file))


def add_node(conf: ClusterConf, node: Node) -> ClusterConf:
    """The cluster with one node more. Raises Conflict where the QDevice forbids it, Invalid for what does not fit."""
    _refuse_qdevice(conf, "add a node")
    nodes = conf.file.section("nodelist")
    return _next(conf, conf.file.with_section(replace(nodes, items=(*nodes.items, _section(node)))))


def remove_node(conf: ClusterConf, name: str) -> ClusterConf:
    """The cluster without that node. Raises NotFound, Conflict for the last node and where the QDevice forbids it."""
    conf.node(name)
    _refuse_qdevice(conf, "remove a node")
    if len(conf.nodes) == 1:
        raise Conflict(f"'{name}' is the only node of cluster '{conf.name}'")
    nodes = conf.file.section("nodelist")
    kept = tuple(i for i in nodes.items if not (isinstance(i, Section) and i.name == "node" and i.get("name") == name))
    return _next(conf, conf.file.with_section(replace(nodes, items=kept)))


def change_links(
    conf: ClusterConf, addresses: Mapping[str, Mapping[int, str]], *, priorities: Mapping[int, int] | None = None
) -> ClusterConf:
    """All links given anew: by name of the node, then by link. A node that is not named keeps its addresses."""
    for name in addresses:
        conf.node(name)
    nodes = conf.file.section("nodelist")

    def changed(section: Section) -> Section:
        links = addresses.get(section.get("name") or "")
        return section if links is None else _with_links(section, links)

    file = conf.file.with_section(nodes.with_sections("node", [changed(s) for s in nodes.sections("node")]))
    numbers = {link for node in ClusterConf(file).nodes for link in node.links}
    return _next(conf, file.with_section(_with_interfaces(conf.totem, numbers, priorities or {})))


def set_qdevice(conf: ClusterConf, host: str, algorithm: str | None = None) -> ClusterConf:
    """The cluster with a witness at ``host``. Raises Conflict where it has one, Invalid.

    ``ffsplit``, by itself that of an even number of nodes: one vote, for one half. ``lms``, that of an odd number: as
    many votes as there are nodes but one, so that the last node goes on alone, and the witness is as needed as they.
    """
    if conf.qdevice is not None:
        raise Conflict(f"cluster '{conf.name}' has a QDevice at {conf.qdevice.host} already; remove it first")
    if algorithm not in (None, *ALGORITHMS):
        raise Invalid({"algorithm": f"{algorithm!r}: allowed are {', '.join(ALGORITHMS)}"})
    chosen = algorithm or (SPLIT if len(conf.nodes) % 2 == 0 else LAST)
    net = Section("net", (Value("algorithm", chosen), Value("host", host), Value("tls", "on")))
    votes = (Value("votes", "1"),) if chosen == SPLIT else ()
    device = Section("device", (Value("model", "net"), *votes, net))
    return _next(conf, conf.file.with_section(conf.file.section("quorum").with_section(device)))


def remove_qdevice(conf: ClusterConf) -> ClusterConf:
    """The cluster without witness. Raises NotFound where there is none."""
    if conf.qdevice is None:
        raise NotFound(f"cluster '{conf.name}' has no QDevice")
    return _next(conf, conf.file.with_section(conf.file.section("quorum").with_sections("device", [])))


def free_node_id(conf: ClusterConf) -> int:
    """The lowest number that no node has."""
    taken = {node.node_id for node in conf.nodes}
    return next(n for n in range(1, len(taken) + 2) if n not in taken)


def validate(conf: ClusterConf) -> None:
    """Raises Invalid with a text for every key that is wrong; says nothing of keys that this module does not know."""
    errors: dict[str, str] = {}
    totem = conf.totem.values()
    name = totem.get("cluster_name", "")
    try:
        check_cluster_name(name)
    except Invalid as err:
        errors["totem.cluster_name"] = str(err)
    _number(errors, "totem.config_version", totem.get("config_version"), 1, 2**64 - 1)
    if totem.get("version") != "2":
        errors["totem.version"] = f"{totem.get('version', '')!r}: allowed is 2"
    for key in ("token", "token_coefficient", "consensus"):
        if key in totem:
            _number(errors, f"totem.{key}", totem[key], 0, 2**31)
    for n, section in enumerate(conf.totem.sections("interface")):
        at = f"totem.interface[{n}]"
        _number(errors, f"{at}.linknumber", section.get("linknumber") or "0", 0, MOST_LINKS - 1)
        if (priority := section.get("knet_link_priority")) is not None:
            _number(errors, f"{at}.knet_link_priority", priority, 0, MOST_PRIORITY)
    if (provider := conf.file.section("quorum").get("provider")) != PROVIDER.text:
        errors["quorum.provider"] = f"{provider or ''!r}: allowed is {PROVIDER.text}"
    # Either half of a split would be quorate, and both would accept changes: group/authority.py relies on a witness.
    if (two_node := conf.file.section("quorum").get("two_node")) not in (None, "0"):
        errors["quorum.two_node"] = f"{two_node!r}: allowed is 0; give two nodes a QDevice instead"
    _check_nodes(conf, errors)
    if not errors and (device := conf.qdevice) is not None:
        if device.algorithm not in ALGORITHMS:
            errors["quorum.device.net.algorithm"] = f"{device.algorithm!r}: allowed are {', '.join(ALGORITHMS)}"
        if not _address(device.host):
            errors["quorum.device.net.host"] = f"{device.host!r}: an address or a host name is needed"
        if device.tls not in ("on", "off", "required"):
            errors["quorum.device.net.tls"] = f"{device.tls!r}: allowed are on, off, required"
    if errors:
        found = "; ".join(f"{key}: {text}" for key, text in errors.items())
        raise Invalid(errors, f"corosync.conf is not valid: {found}")


def _check_nodes(conf: ClusterConf, errors: dict[str, str]) -> None:
    sections = list(conf.file.section("nodelist").sections("node"))
    if not sections:
        errors["nodelist.node"] = "there is no node; at least one is needed"
    seen: dict[tuple[str, str], str] = {}  # (kind of thing, value) -> key that has it
    links: dict[str, list[int]] = {}
    families: dict[int, tuple[int, str]] = {}

    def once(kind: str, key: str, value: str) -> None:
        if (other := seen.setdefault((kind, value), key)) != key:
            errors.setdefault(key, f"{value!r} is that of {other} already; each node and link has its own")

    for n, section in enumerate(sections):
        at = f"nodelist.node[{n}]"
        name = section.get("name") or ""
        if not _NODE_NAME.match(name) or len(name) > 63:
            errors[f"{at}.name"] = f"{name!r}: allowed are 1 to 63 letters, digits and inner dashes"
        once("name", f"{at}.name", name.lower())
        if _number(errors, f"{at}.nodeid", section.get("nodeid"), 1, MOST_NODE_ID):
            once("node id", f"{at}.nodeid", str(int(section.get("nodeid") or 0)))
        _number(errors, f"{at}.quorum_votes", section.get("quorum_votes") or "1", 0, 1000)
        links[at] = []
        for key, text in section.values().items():
            if not (match := _LINK_KEY.match(key)):
                continue
            link = int(match[1])
            if link >= MOST_LINKS:
                errors[f"{at}.{key}"] = f"link {link}: allowed are 0 to {MOST_LINKS - 1}"
                continue
            links[at].append(link)
            if not _address(text):
                errors[f"{at}.{key}"] = f"{text!r}: an IPv4 or IPv6 address or a host name is needed"
                continue
            once("address", f"{at}.{key}", text.lower())
            if family := _family(text):
                first, other = families.setdefault(link, (family, f"{at}.{key}"))
                if first != family:
                    errors[f"{at}.{key}"] = f"{text!r} is IPv{family}, {other} is IPv{first}; a link has one of them"
    for at, found in links.items():
        all_of = sorted(set().union(*links.values()))
        if not found:
            errors[f"{at}.ring0_addr"] = "the node has no link; at least one address is needed"
        elif missing := sorted(set(all_of) - set(found)):
            errors[f"{at}.ring{missing[0]}_addr"] = (
                f"is missing: other nodes have links {_list(all_of)}, this one {_list(sorted(found))}; "
                "all have the same"
            )


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _number(errors: dict[str, str], key: str, text: str | None, least: int, most: int) -> bool:
    if text is not None and re.fullmatch(r"[0-9]{1,20}", text) and least <= int(text) <= most:
        return True
    errors[key] = f"{text or ''!r}: a number from {least} to {most} is needed"
    return False


def _family(text: str) -> int | None:
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return None


def _address(text: str) -> bool:
    if _family(text) is not None:
        return True
    # digits and dots alone are an address gone wrong
    return bool(_HOST_NAME.match(text)) and len(text) <= 253 and not re.fullmatch(r"[0-9.]+", text)


def _node(section: Section) -> Node:
    links = {int(m[1]): text for key, text in section.values().items() if (m := _LINK_KEY.match(key))}
    return Node(
        name=section.get("name") or "",
        node_id=int(section.get("nodeid") or 0),
        votes=int(section.get("quorum_votes") or 1),
        links=links,
    )


def _section(node: Node) -> Section:
    head = (Value("name", node.name), Value("nodeid", str(node.node_id)), Value("quorum_votes", str(node.votes)))
    return _with_links(Section("node", head), node.links)


def _with_links(node: Section, links: Mapping[int, str]) -> Section:
    kept = tuple(i for i in node.items if not (isinstance(i, Value) and _LINK_KEY.match(i.key)))
    return replace(node, items=(*kept, *(Value(f"ring{n}_addr", links[n]) for n in sorted(links))))


def _interfaces(links: Mapping[int, str] | set[int], priorities: Mapping[int, int]) -> list[Section]:
    return [_interface(Section("interface", (Value("linknumber", str(n)),)), n, priorities) for n in sorted(links)]


def _interface(section: Section, link: int, priorities: Mapping[int, int]) -> Section:
    return section.with_value("knet_link_priority", str(priorities[link])) if link in priorities else section


def _with_interfaces(totem: Section, links: set[int], priorities: Mapping[int, int]) -> Section:
    had = {int(s.get("linknumber") or 0): s for s in totem.sections("interface")}
    new = {int(s.get("linknumber") or 0): s for s in _interfaces(links, priorities)}
    return totem.with_sections("interface", [_interface(had.get(n, new[n]), n, priorities) for n in sorted(links)])


def _refuse_qdevice(conf: ClusterConf, what: str) -> None:
    """With one vote the witness fits any number of nodes; those of LAST are counted by its daemons from that number,
    on each node when it starts, and would differ."""
    device = conf.qdevice
    if device is not None and device.algorithm != SPLIT:
        raise Conflict(
            f"cannot {what}: cluster '{conf.name}' has a QDevice at {device.host}, whose votes ({device.algorithm}) "
            "depend on the number of nodes; remove it first (pvecm qdevice remove) and set it up again afterwards"
        )


def _next(conf: ClusterConf, file: Section) -> ClusterConf:
    totem = file.section("totem").with_value("config_version", str(conf.version + 1))
    return _valid(ClusterConf(file.with_section(totem)))


def _valid(conf: ClusterConf) -> ClusterConf:
    validate(conf)
    return conf
