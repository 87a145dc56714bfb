"""A container's name and how it finds names: /etc/hostname, /etc/hosts, /etc/resolv.conf, time zone, machine id."""

from __future__ import annotations

import ipaddress
from typing import Final

from hostd.guests.lxc.inside import sections
from hostd.guests.lxc.inside.job import Job
from hostd.guests.lxc.inside.tree import Tree

_LOCALHOST: Final = "localhost.localnet localhost"
_ZONES: Final = "usr/share/zoneinfo"


def split_words(text: str) -> list[str]:
    return text.replace(";", " ").replace(",", " ").split()


def search_domains(job: Job) -> list[str]:
    return split_words(job.searchdomain or job.resolver.search)


def nameservers(job: Job) -> list[str]:
    """The container's own, else the host's; a server on the host's loopback is not there for a container."""
    if job.nameserver:
        return split_words(job.nameserver)
    return [server for server in job.resolver.nameservers if not _is_loopback(server)]


def _is_loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).is_loopback
    except ValueError:
        return False


def name_of(job: Job) -> str:
    return job.hostname or "localhost"


def own_names(job: Job) -> list[str]:
    """Full names first, one for each search domain unless it has one of its own, then the short one."""
    short, _, domain = name_of(job).partition(".")
    if short == "localhost":
        return [short]
    return [*(f"{short}.{name}" for name in ([domain] if domain else search_domains(job))), short]


def own_address(job: Job) -> str:
    """The first fixed address, version 4 before 6; 127.0.1.1 where every address is given to it from outside."""
    for key in ("ip", "ip6"):
        for nic in job.nics:
            address, slash, _ = nic.values.get(key, "").partition("/")
            if slash:
                return address
    return "127.0.1.1"


def hosts(text: str, job: Job) -> str:
    """/etc/hosts with our part; names of the loopback are not repeated in it where the container has its own."""
    outside = [line.split("#")[0].split() for line in sections.without(text).splitlines()]
    known = {words[0] for words in outside if words}
    lines = [f"{address} {_LOCALHOST}" for address in ("127.0.0.1", "::1") if address not in known]
    lines.append(f"{own_address(job)} {' '.join(own_names(job))}")
    return sections.placed(text, "".join(f"{line}\n" for line in lines))


def resolv_conf(text: str, job: Job) -> str | None:
    """resolv.conf(5) with our part, everything else replaced unless our part was there; None: nothing is known."""
    servers, domains = nameservers(job), search_domains(job)
    if not servers and not domains:
        return None
    content = f"search {' '.join(domains)}\n" if domains else ""
    content += "".join(f"nameserver {server}\n" for server in servers)
    return sections.placed(text if sections.present(text) else "", content)


def set_names(tree: Tree, job: Job, *, full: bool = False) -> None:
    """``full``: this system's /etc/hostname holds the whole name, domain included."""
    name = name_of(job)
    tree.write("etc/hostname", f"{name if full else name.partition('.')[0]}\n")
    tree.write("etc/hosts", hosts(tree.read("etc/hosts") or "", job))
    linked = tree.is_link("etc/resolv.conf")
    text = resolv_conf("" if linked else tree.read("etc/resolv.conf") or "", job)
    if text is not None:
        if linked:  # to a resolver's file that only exists at run time
            tree.unlink("etc/resolv.conf")
        tree.write("etc/resolv.conf", text)


def set_timezone(tree: Tree, zone: str) -> str:
    """Returns a warning, or "": the zone must be known inside."""
    if tree.head(f"{_ZONES}/{zone}", 4) != b"TZif":
        return f"time zone '{zone}' is not known inside the container; its time zone stays as it is"
    tree.link("etc/localtime", f"/{_ZONES}/{zone}")
    if tree.read("etc/timezone") is not None:
        tree.write("etc/timezone", f"{zone}\n")
    return ""


def forget_machine_id(tree: Tree, *, first_boot: bool = False) -> None:
    """A template's machine id would be the same in every container; a file without one gets a new one.

    ``first_boot``: say with the word for it that systemd has not set anything up yet, so that it applies presets
    (machine-id(5), FIRST BOOT SEMANTICS).
    """
    wanted = "uninitialized\n" if first_boot else ""
    text = tree.read("etc/machine-id")
    if text is not None and text != wanted and (first_boot or text.strip()):
        tree.write("etc/machine-id", wanted)
    if not tree.is_link("var/lib/dbus/machine-id"):
        tree.unlink("var/lib/dbus/machine-id")
