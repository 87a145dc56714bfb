"""APT's repositories: ``sources.list(5)`` in both forms, one-line (``.list``) and paragraphs (``.sources``).

Comments and unknown fields stay where they are: a change touches the one line that says whether an entry counts.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core import digest, files
from hostd.core.errors import Invalid, ParseError
from hostd.node.updates import parse_records

FOLDER: Final = "/etc/apt"
_LINE = re.compile(r"(?P<off>#+\s*)?(?P<type>deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>\S.*)\Z")
_LIST_FIELDS = ("types", "uris", "suites", "components", "enabled", "description")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """One entry. ``options`` as ``(("arch", ("amd64",)), …)``."""

    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    enabled: bool
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Standard:
    """A repository that is offered by name. ``handle`` is what a client sends."""

    handle: str
    name: str
    uri: str
    suite: str


STANDARD: Final = (
    Standard(handle="debian", name="Debian 13", uri="http://deb.debian.org/debian", suite="trixie"),
    Standard(handle="debian-updates", name="Debian 13, updates", uri="http://deb.debian.org/debian",
             suite="trixie-updates"),
    Standard(handle="debian-security", name="Debian 13, security fixes", uri="http://deb.debian.org/debian-security",
             suite="trixie-security"),
)  # fmt: skip
COMPONENTS: Final = ("main", "contrib", "non-free-firmware")
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"


def parse_list(text: str) -> list[Repository]:
    """The one-line form; an entry behind ``#`` is a disabled one."""
    found = []
    for line in text.splitlines():
        if (match := _LINE.match(line.strip())) and (entry := _from_line(match)):
            found.append(entry)
    return found


def _from_line(match: re.Match[str]) -> Repository | None:
    body, _, comment = match["rest"].partition("#")
    words = body.split()
    if len(words) < 2 or ("/" not in words[0] and ":" not in words[0]):  # prose behind a "#"
        return None
    pairs = (pair.partition("=") for pair in (match["options"] or "").split())
    return Repository(
        types=(match["type"],),
        uris=(words[0],),
        suites=(words[1],),
        components=tuple(words[2:]),
        enabled=not match["off"],
        options=tuple((key, tuple(value.split(","))) for key, _, value in pairs),
        comment=comment.strip(),
    )


def parse_sources(text: str) -> list[Repository]:
    """The form in paragraphs; ``Enabled: no`` is a disabled one. ParseError where a field is missing."""
    found = []
    for number, record in enumerate(parse_records(text), 1):
        fields = {key.lower(): value for key, value in record.items()}
        for needed in ("types", "uris", "suites"):
            if not fields.get(needed):
                raise ParseError(f"paragraph {number} has no field {needed.capitalize()}")
        rest = [(k, v) for k, v in record.items() if k.lower() not in _LIST_FIELDS]
        found.append(
            Repository(
                types=tuple(fields["types"].split()),
                uris=tuple(fields["uris"].split()),
                suites=tuple(fields["suites"].split()),
                components=tuple(fields.get("components", "").split()),
                enabled=fields.get("enabled", "yes").lower() not in ("no", "false", "0", "off", "without", "disable"),
                options=tuple((key, tuple(value.split())) for key, value in rest),
            )
        )
    return found


def switch_list(text: str, index: int, enabled: bool) -> str:
    """The one-line form with entry ``index`` (from 0) on or off. IndexError where there is none."""
    lines, seen = text.splitlines(), -1
    for number, line in enumerate(lines):
        match = _LINE.match(line.strip())
        if match is None or _from_line(match) is None:
            continue
        seen += 1
        if seen == index:
            bare = line.strip()[len(match["off"] or "") :]
            lines[number] = bare if enabled else f"# {bare}"
            return "\n".join(lines) + "\n"
    raise IndexError(index)


def switch_sources(text: str, index: int, enabled: bool) -> str:
    """The form in paragraphs with one of them on or off. IndexError where there is none."""
    parts = re.split(r"(\n[ \t]*\n)", text)
    seen = -1
    for number in range(0, len(parts), 2):
        if not parse_records(parts[number]):
            continue
        seen += 1
        if seen == index:
            kept = [x for x in parts[number].split("\n") if not re.match(r"enabled\s*:", x, re.I)]
            at = next(n for n, x in enumerate(kept) if x and not x.startswith("#"))
            parts[number] = "\n".join([*kept[:at], f"Enabled: {'yes' if enabled else 'no'}", *kept[at:]])
            return "".join(parts)
    raise IndexError(index)


def paths(folder: str = FOLDER) -> list[str]:
    """The files that APT reads, in its order."""
    parts = glob.glob(f"{folder}/sources.list.d/*.list") + glob.glob(f"{folder}/sources.list.d/*.sources")
    main = f"{folder}/sources.list"
    return ([main] if os.path.exists(main) else []) + sorted(parts)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _parse(path: str, data: bytes) -> list[Repository]:
    text = data.decode(errors="replace")
    return parse_sources(text) if path.endswith(".sources") else parse_list(text)


def _shown(entry: Repository, kind: str) -> dict[str, object]:
    shown: dict[str, object] = {
        "Types": list(entry.types),
        "URIs": list(entry.uris),
        "Suites": list(entry.suites),
        "Components": list(entry.components),
        "Enabled": int(entry.enabled),
        "FileType": kind,
    }
    options = [{"Key": key, "Values": list(values)} for key, values in entry.options]
    return shown | ({"Options": options} if options else {}) | ({"Comment": entry.comment} if entry.comment else {})


def overall_digest(contents: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over names and contents of all files."""
    total = hashlib.sha256()
    for path, data in contents:
        total.update(f"{path}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def told(folder: str = FOLDER) -> dict[str, object]:
    """Answer of ``/nodes/{node}/apt/repositories``: every file with its entries, and what is wrong with some."""
    contents = [(path, _read(path)) for path in paths(folder)]
    shown, errors, entries = [], [], []
    for path, data in contents:
        kind = "sources" if path.endswith(".sources") else "list"
        try:
            found = _parse(path, data)
        except ParseError as err:
            errors.append({"path": path, "error": str(err)})
            continue
        entries += found
        own = list(hashlib.sha256(data).digest())
        rows = [_shown(entry, kind) for entry in found]
        shown.append({"path": path, "file-type": kind, "repositories": rows, "digest": own})
    return {
        "digest": overall_digest(contents),
        "files": shown,
        "errors": errors,
        "infos": [],
        "standard-repos": [_standard(standard, entries) for standard in STANDARD],
    }


def _standard(standard: Standard, entries: Sequence[Repository]) -> dict[str, object]:
    """``status`` 1: enabled, 0: there but disabled, absent: not there."""
    there = [e for e in entries if _same(standard, e)]
    shown: dict[str, object] = {"handle": standard.handle, "name": standard.name}
    return shown | ({"status": int(any(e.enabled for e in there))} if there else {})


def _same(standard: Standard, entry: Repository) -> bool:
    """The same archive, whichever mirror serves it."""
    kind = standard.uri.rpartition("/")[2]
    return (
        "deb" in entry.types
        and standard.suite in entry.suites
        and any(uri.rstrip("/").rpartition("/")[2] == kind for uri in entry.uris)
    )


def check_digest(wanted: str, folder: str = FOLDER) -> None:
    """Changed unless ``wanted`` is empty or the digest of the files as they are."""
    digest.check_digest(overall_digest([(path, _read(path)) for path in paths(folder)]), wanted)


def switch(path: str, index: int, *, enabled: bool, folder: str = FOLDER) -> None:
    """Enable or disable one entry. Raises Invalid for a file that APT does not read and for an entry not there."""
    if path not in paths(folder):
        raise Invalid({"path": f"'{path}' is none of {', '.join(paths(folder))}"})
    text = _read(path).decode()
    try:
        if index < 0:
            raise IndexError(index)
        changed = (switch_sources if path.endswith(".sources") else switch_list)(text, index, enabled)
    except IndexError as err:
        raise Invalid({"index": f"'{path}' has {len(_parse(path, text.encode()))} entries, counted from 0"}) from err
    files.replace(path, changed.encode())


def add(handle: str, *, folder: str = FOLDER) -> None:
    """Add a standard repository, or enable it where it is there. Raises Invalid for an unknown handle."""
    standard = next((s for s in STANDARD if s.handle == handle), None)
    if standard is None:
        raise Invalid({"handle": f"value '{handle}' is none of {', '.join(s.handle for s in STANDARD)}"})
    for path in paths(folder):
        for index, entry in enumerate(_parse(path, _read(path))):
            if _same(standard, entry):
                if not entry.enabled:
                    switch(path, index, enabled=True, folder=folder)
                return
    lines = [
        "Types: deb",
        f"URIs: {standard.uri}",
        f"Suites: {standard.suite}",
        f"Components: {' '.join(COMPONENTS)}",
        f"Signed-By: {KEYRING}",
    ]
    files.replace(f"{folder}/sources.list.d/{handle}.sources", ("\n".join(lines) + "\n").encode())
