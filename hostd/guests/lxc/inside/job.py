"""What is to be set inside a container, as plain data that crosses to its own process as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from hostd.guests.lxc.nic import Nic


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """The host's own name servers and search domains, for containers that name none."""

    nameservers: tuple[str, ...] = ()
    search: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """``first``: the first set-up of a new container, which also sets password, keys and a fresh identity.
    ``copied``: the files are a copy of another container's, and get an identity of their own.

    ``ostype`` empty: find out. ``password_hash`` empty: leave root's password alone. ``timezone``: a zone's name,
    or empty. ``ttys``: terminals that get a log-in where the init needs to be told. ``today_days``: days since 1970.
    """

    first: bool
    copied: bool = False
    ostype: str = ""
    hostname: str = ""
    nics: tuple[Nic, ...] = ()
    nameserver: str = ""
    searchdomain: str = ""
    resolver: Resolver = field(default_factory=Resolver)
    timezone: str = ""
    ttys: int = 2
    password_hash: str = field(default="", repr=False)
    ssh_keys: str = ""
    today_days: int = 0

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        values = json.loads(text)
        values["nics"] = tuple(Nic(**nic) for nic in values["nics"])
        resolver = values["resolver"]
        values["resolver"] = Resolver(nameservers=tuple(resolver["nameservers"]), search=resolver["search"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found and what could not be done. ``arch`` is empty where no program tells it."""

    ostype: str
    arch: str = ""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        values = json.loads(text)
        return cls(ostype=values["ostype"], arch=values["arch"], warnings=tuple(values["warnings"]))
