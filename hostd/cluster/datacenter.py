"""``datacenter.cfg``: options of the whole cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hostd.core.formats.propstring import Format
from hostd.core.optionfile import Option, parse, property_option
from hostd.core.schema import Kind

PATH: Final = "datacenter.cfg"
MAC_PREFIX: Final = "BC:24:11"
# What callers without Sys.Audit on / are told: what any client needs to show guests as others see them.
FOR_EVERYONE: Final = ("console", "tag-style")
TAG: Final = r"(?i:[a-z0-9_][a-z0-9_\-\+\.]*)"

_TEXT, _FLAG, _NUMBER = Kind(), Kind(type="boolean"), Kind(type="number")
_LIMIT = Kind(type="number", minimum=0)


def check_mac_prefix(value: str) -> str:
    """One to three (at most five) bytes in hex, joined by ``:``; the first one of a unicast address."""
    if re.fullmatch(r"[a-fA-F0-9][02468aceACE](:[a-fA-F0-9]{2}){0,4}:?", value):
        return ""
    return f"value '{value}' is no beginning of a unicast MAC address such as {MAC_PREFIX}"


def check_email(value: str) -> str:
    """Something, ``@``, something; which mail addresses exist only their servers know. Empty is allowed."""
    return "" if not value or re.fullmatch(r"[^@\s,;]+@[^@\s,;]+", value) else f"value '{value}' is no mail address"


def _enum(*words: str) -> Kind:
    return Kind(enum=words)


_CRS = Format(
    keys={
        "ha": _enum("basic", "static", "dynamic"),
        "ha-auto-rebalance": _FLAG,
        "ha-auto-rebalance-hold-duration": _LIMIT,
        "ha-auto-rebalance-margin": Kind(type="number", minimum=0, maximum=100),
        "ha-auto-rebalance-method": _enum("bruteforce", "topsis"),
        "ha-auto-rebalance-threshold": Kind(type="number", minimum=0, maximum=100),
        "ha-rebalance-on-start": _FLAG,
    }
)
_TRANSPORT = Format(keys={"type": _enum("secure", "insecure"), "network": _TEXT}, default_key="type")
_WHEN = _enum("always", "never")
_NOTIFY = Format(
    keys={
        "fencing": _WHEN,
        "package-updates": _enum("auto", "always", "never"),
        "replication": _WHEN,
        "target-fencing": _TEXT,
        "target-package-updates": _TEXT,
        "target-replication": _TEXT,
    }
)
_COLOUR = rf"{TAG}:[0-9a-fA-F]{{6}}(?::[0-9a-fA-F]{{6}})?"
_TAG_STYLE = Format(
    keys={
        "case-sensitive": _FLAG,
        "color-map": Kind(pattern=f"{_COLOUR}(?:;{_COLOUR})*"),
        "ordering": _enum("config", "alphabetical"),
        "shape": _enum("full", "circle", "dense", "none"),
    }
)
LOCATION: Final = Format(
    keys={
        "latitude": Kind(type="number", minimum=-90, maximum=90),
        "longitude": Kind(type="number", minimum=-180, maximum=180),
        "name": Kind(max_length=128),
    },
    required=frozenset({"latitude", "longitude"}),
)
_LANGUAGES = [
    "ar",
    "ca",
    "da",
    "de",
    "en",
    "es",
    "eu",
    "fa",
    "fr",
    "hr",
    "he",
    "it",
    "ja",
    "ka",
    "kr",
    "nb",
    "nl",
    "nn",
    "pl",
    "pt_BR",
    "ru",
    "sl",
    "sv",
    "tr",
    "ukr",
    "zh_CN",
    "zh_TW",
]
_KEYBOARDS = [
    "de",
    "de-ch",
    "da",
    "en-gb",
    "en-us",
    "es",
    "fi",
    "fr",
    "fr-be",
    "fr-ca",
    "fr-ch",
    "hu",
    "is",
    "it",
    "ja",
    "lt",
    "mk",
    "nl",
    "no",
    "pl",
    "pt",
    "pt-br",
    "sv",
    "sl",
    "tr",
]

OPTIONS: Final[Mapping[str, Option]] = {
    "bwlimit": Option(
        kind=Kind(
            format="bwlimit",
            check=Format(keys=dict.fromkeys(("clone", "default", "migration", "move", "restore"), _LIMIT)).check,
        ),
        doc="Limits of transfers, in KiB/s.",
    ),
    "consent-text": Option(kind=Kind(max_length=65536), doc="Text to agree to before a log-in."),
    "console": Option(kind=_enum("applet", "vv", "html5", "xtermjs"), doc="Which viewer consoles open in."),
    "crs": property_option("How the scheduler of resources chooses nodes.", "inline:crs", _CRS),
    "description": Option(kind=Kind(max_length=65536), doc="Notes, the comment of the file."),
    "email_from": Option(kind=Kind(format="email-opt", check=check_email), doc="Sender of mails."),
    "fencing": Option(kind=_enum("watchdog", "hardware", "both"), default="watchdog", doc="How nodes are fenced."),
    "ha": property_option(
        "High availability.",
        "inline:ha",
        Format(keys={"shutdown_policy": _enum("freeze", "failover", "conditional", "migrate")},
               required=frozenset({"shutdown_policy"})),
    ),
    "http_proxy": Option(kind=Kind(pattern="http://.*"), doc="Proxy for downloads."),
    "keyboard": Option(kind=_enum(*_KEYBOARDS), doc="Keyboard of graphical consoles."),
    "language": Option(kind=_enum(*_LANGUAGES), doc="Language of the web page."),
    "location": property_option("Where the cluster stands.", "pve-node-location", LOCATION),
    "mac_prefix": Option(
        kind=Kind(format="mac-prefix", check=check_mac_prefix), default=MAC_PREFIX, doc="Beginning of made MACs."
    ),
    "max_workers": Option(kind=Kind(type="integer", minimum=1), doc="How many guests are stopped at once."),
    "migration": property_option("How guests move.", "inline:migration", _TRANSPORT),
    "migration_unsecure": Option(kind=_FLAG, doc="Old form of migration: type=insecure."),
    "next-id": property_option(
        "Range of proposed guest ids.",
        "inline:next-id",
        Format(keys={"lower": Kind(type="integer"), "upper": Kind(type="integer")}),
    ),
    "notify": property_option("What is told to whom.", "inline:notify", _NOTIFY),
    "registered-tags": Option(
        kind=Kind(pattern=f"(?:{TAG};)*{TAG}", typetext="<tag>[;<tag>...]"), doc="Tags that only administrators set."
    ),
    "replication": property_option("How replication travels.", "inline:migration", _TRANSPORT),
    "tag-style": property_option("How tags look.", "inline:tag-style", _TAG_STYLE),
    "u2f": property_option("Second factor U2F.", "inline:u2f", Format(keys={"appid": _TEXT, "origin": _TEXT})),
    "user-tag-access": property_option(
        "Which tags users may set.",
        "inline:user-tag-access",
        Format(keys={
            "user-allow": _enum("none", "list", "existing", "free"),
            "user-allow-list": Kind(pattern=f"{TAG}(?:;{TAG})*"),
        }),
    ),
    "webauthn": property_option(
        "Second factor WebAuthn.",
        "inline:webauthn",
        Format(keys={"allow-subdomains": _FLAG, "id": _TEXT, "origin": _TEXT, "rp": _TEXT}),
    ),
}  # fmt: skip


def id_range(data: bytes) -> tuple[int, int]:
    """First and last guest id that are proposed; without ``next-id`` 100 to 999999."""
    form = OPTIONS["next-id"].form
    lower, upper = 100, 1_000_000
    text = parse(data).get("next-id", "")
    if form is None or form.check(text):
        return lower, upper - 1
    words = dict(part.split("=") for part in text.split(",") if part)
    return max(int(words.get("lower", lower)), 100), min(int(words.get("upper", upper)), 1_000_000_000) - 1


def split_tags(text: str) -> list[str]:
    """Tags of a guest or of ``registered-tags``, sorted, each once."""
    return sorted({tag for tag in re.split(r"[;,\s]+", text) if tag})
