"""Files of options, ``key: value`` with a comment on top (``datacenter.cfg``, a node's ``config``).

A table of rows says which options there are; keys that it does not know survive a change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hostd.core.errors import HostError, Invalid, ParseError
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile, format_guest, parse_guest
from hostd.core.schema import Kind

DESCRIPTION = "description"
# A section name that no file has: these files know no pending changes.
_NO_SECTION = "-"


@dataclass(frozen=True, kw_only=True)
class Option:
    """A row of the table.

    ``form``: the value is a property string, told as an object where the table's owner wants it. ``indices``: the
    option is ``name[n]`` with so many of them.
    """

    kind: Kind
    doc: str
    default: object = None
    form: propstring.Format | None = None
    indices: int = 0


def property_option(doc: str, format: str, form: propstring.Format) -> Option:
    """A row whose value is a property string, known to the API's schema as ``format``."""
    return Option(kind=Kind(format=format, check=form.check), doc=doc, form=form)


def parse(data: bytes) -> dict[str, str]:
    """Values as text by key; the comment is the key ``description``."""
    file = parse_guest(data.decode(errors="replace"), pending=_NO_SECTION)
    return {**file.current, **({DESCRIPTION: file.comment} if file.comment else {})}


def format(values: Mapping[str, str]) -> bytes:
    """The file's bytes, keys sorted, the description as comment. Raises ParseError for values with line breaks."""
    current = {key: value for key, value in values.items() if key != DESCRIPTION}
    return format_guest(GuestFile(comment=values.get(DESCRIPTION, ""), current=current), pending=_NO_SECTION).encode()


def digest(data: bytes) -> str:
    """What a client compares before it changes the file: SHA-1 of its bytes, in hex."""
    return hashlib.sha1(data).hexdigest()


def check_digest(data: bytes, wanted: str) -> None:
    """HostError, in the words that clients know, unless ``wanted`` is empty or the digest of ``data``."""
    if wanted and wanted != digest(data):
        raise HostError("detected modified configuration - file changed by other user? Try again.")


def names(table: Mapping[str, Option]) -> frozenset[str]:
    """Every key that the table knows, indices spelled out."""
    found: set[str] = set()
    for name, option in table.items():
        found |= {f"{name}{n}" for n in range(option.indices)} if option.indices else {name}
    return frozenset(found)


def changed(
    values: Mapping[str, str], *, set: Mapping[str, str], delete: Collection[str], known: Collection[str]
) -> dict[str, str]:
    """The values after a change. Raises Invalid for a key that is unknown or both set and deleted."""
    for name in delete:
        if name in set:
            raise Invalid({"delete": f"you can't use '-{name}' and '-delete {name}' at the same time"})
        if name not in known:
            raise Invalid({"delete": f"unknown option '{name}'; known are {', '.join(sorted(known))}"})
    return {key: value for key, value in {**values, **set}.items() if key not in delete}


def typed(table: Mapping[str, Option], values: Mapping[str, str], *, objects: bool) -> dict[str, object]:
    """Values as answers carry them: numbers where declared as such, property strings as objects with ``objects``."""
    return {key: _typed(table.get(key), value, objects) for key, value in values.items()}


def _typed(option: Option | None, value: str, objects: bool) -> object:
    if option is None:
        return value
    if option.form is not None and objects:
        return _object(option.form, value)
    return _number(option.kind, value)


def _object(form: propstring.Format, value: str) -> object:
    try:
        found = propstring.parse(value, default_key=form.default_key, aliases=form.aliases)
    except ParseError:  # a file that a person has edited is shown as it is
        return value
    return {key: _number(form.keys[key], text) if key in form.keys else text for key, text in found.items()}


def _number(kind: Kind, text: str) -> object:
    try:
        if kind.type == "boolean":
            return int(propstring.boolean(text))
        return kind.parse(text) if kind.type in ("integer", "number") else text
    except ValueError:
        return text
