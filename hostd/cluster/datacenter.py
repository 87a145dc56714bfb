"""``datacenter.cfg``: options of the whole cluster, the one table of them and what a file of them says.

Source: conformance area ``schema`` (datacenter-cfg-parse).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hostd.cluster.store import Mirror, Store
from hostd.core import optionfile
from hostd.core.errors import NotFound
from hostd.core.formats.lists import split_list
from hostd.core.optionfile import Option
from hostd.core.schema import Kind

PATH: Final = "datacenter.cfg"
MAC_PREFIX: Final = "BC:24:11"
# What callers without Sys.Audit on / are told: what any client needs to show guests as others see them.
FOR_EVERYONE: Final = ("console", "tag-style")
TAG: Final = r"(?i:[a-z0-9_][a-z0-9_\-\+\.]*)"


def _enum(*words: str) -> Kind:
    return Kind(enum=words)


def _property_string(doc: str, format: str) -> Option:
    return Option(kind=Kind(format=format), doc=doc)


_LANGUAGES = (
    "ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb", "nl", "nn", "pl",
    "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW",
)  # fmt: skip
_KEYBOARDS = (
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja", "lt",
    "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
)  # fmt: skip

OPTIONS: Final[Mapping[str, Option]] = {
    "bwlimit": _property_string("Limits of transfers, in KiB/s.", "bwlimit"),
    "consent-text": Option(kind=Kind(max_length=65536), doc="Text to agree to before a log-in."),
    "console": Option(kind=_enum("applet", "vv", "html5", "xtermjs"), doc="Which viewer consoles open in."),
    "crs": _property_string("How the scheduler of resources chooses nodes.", "inline:crs"),
    "description": Option(kind=Kind(max_length=65536), doc="Notes, the comment of the file."),
    "email_from": Option(kind=Kind(format="email-opt"), doc="Sender of mails."),
    "fencing": Option(kind=_enum("watchdog", "hardware", "both"), default="watchdog", doc="How nodes are fenced."),
    "ha": _property_string("High availability.", "inline:ha"),
    "http_proxy": Option(kind=Kind(pattern="http://.*"), doc="Proxy for downloads."),
    "keyboard": Option(kind=_enum(*_KEYBOARDS), doc="Keyboard of graphical consoles."),
    "language": Option(kind=_enum(*_LANGUAGES), doc="Language of the web page."),
    "location": _property_string("Where the cluster stands.", "pve-node-location"),
    "mac_prefix": Option(kind=Kind(format="mac-prefix"), default=MAC_PREFIX, doc="Beginning of made MACs."),
    "max_workers": Option(kind=Kind(type="integer", minimum=1), doc="How many guests are stopped at once."),
    "migration": _property_string("How guests move.", "inline:migration"),
    "migration_unsecure": Option(kind=Kind(type="boolean"), doc="Old form of migration: type=insecure."),
    "next-id": _property_string("Range of proposed guest ids.", "inline:next-id"),
    "notify": _property_string("What is told to whom.", "inline:notify"),
    "registered-tags": Option(
        kind=Kind(pattern=f"(?:{TAG};)*{TAG}", typetext="<tag>[;<tag>...]"), doc="Tags that only administrators set."
    ),
    "replication": _property_string("How replication travels.", "inline:migration"),
    "tag-style": _property_string("How tags look.", "inline:tag-style"),
    "u2f": _property_string("Second factor U2F.", "inline:u2f"),
    "user-tag-access": _property_string("Which tags users may set.", "inline:user-tag-access"),
    "webauthn": _property_string("Second factor WebAuthn.", "inline:webauthn"),
}


def parse(data: bytes) -> dict[str, Any]:
    """Options by name as answers carry them, property strings as objects; what is unknown or wrong is left out.

    ``description`` (the comment, every line ended) and ``mac_prefix`` are always there; older spellings are told in
    the terms of today's options. ``optionfile.parse`` has the file's own words, to change it.
    """
    values = optionfile.parse(data)
    found: dict[str, Any] = optionfile.typed(OPTIONS, values, objects=True)
    found["description"] = f"{values['description']}\n" if "description" in values else ""
    if "migration_unsecure" in found and "migration" not in found:
        found["migration"] = {"type": "insecure" if found["migration_unsecure"] else "secure"}
    if found.get("console") == "applet":
        found["console"] = "html5"
    if "registered-tags" in found:
        found["registered-tags"] = split_list(found["registered-tags"])
    if "user-allow-list" in (tags := found.get("user-tag-access", {})):
        tags["user-allow-list"] = split_list(tags["user-allow-list"])
    return {"mac_prefix": MAC_PREFIX, **found}


def of(mirror: Mirror) -> dict[str, Any]:
    """The cluster's options as this process has them in memory (``parse``)."""
    return parse(_data(mirror))


def words_of(mirror: Mirror) -> dict[str, str]:
    """The same in the file's own words (``optionfile.parse``)."""
    return optionfile.parse(_data(mirror))


def _data(mirror: Mirror) -> bytes:
    file = mirror.get(PATH)
    return file.data if file else b""


def stored(store: Store) -> dict[str, Any]:
    """The cluster's options (``parse``), asked of the store by who has no copy, or must not have an old one."""
    try:
        return parse(store.read(PATH).data)
    except NotFound:
        return parse(b"")


def id_range(options: Mapping[str, Any]) -> tuple[int, int]:
    """First and last guest id that are proposed; without ``next-id`` 100 to 999999. ``options``: ``parse``."""
    given = options.get("next-id", {})
    return max(given.get("lower", 100), 100), min(given.get("upper", 1_000_000), 1_000_000_000) - 1
