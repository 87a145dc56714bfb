"""What may come next on a command line: names of options, words of enumerations, ids of the host's objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hostd.api.rootclient import Call
from hostd.core.errors import HostError

Schema = Mapping[str, Any]
# Where ids are listed: path, parameters, field. By the format of a parameter, else by its name.
_BY_FORMAT: Mapping[str, tuple[str, Mapping[str, object], str]] = {
    "pve-node": ("/nodes", {}, "node"),
    "pve-vmid": ("/cluster/resources", {"type": "vm"}, "vmid"),
    "pve-storage-id": ("/storage", {}, "storage"),
    "pve-userid": ("/access/users", {}, "userid"),
    "pve-groupid": ("/access/groups", {}, "groupid"),
    "pve-roleid": ("/access/roles", {}, "roleid"),
    "pve-poolid": ("/pools", {}, "poolid"),
    "pve-realm": ("/access/domains", {}, "realm"),
}
_BY_NAME = {
    "node": "pve-node",
    "vmid": "pve-vmid",
    "storage": "pve-storage-id",
    "userid": "pve-userid",
    "username": "pve-userid",
    "groupid": "pve-groupid",
    "roleid": "pve-roleid",
    "poolid": "pve-poolid",
    "realm": "pve-realm",
}
_TASKS = ("/nodes/localhost/tasks", {"limit": 20}, "upid")


def ids(call: Call, name: str, schema: Schema) -> list[str]:
    """Values that a parameter may have: its enumeration, or what the host has of its kind."""
    if schema.get("enum"):
        return [str(word) for word in schema["enum"]]
    if schema.get("type") == "boolean":
        return ["0", "1"]
    form = str(schema.get("format", "")).removesuffix("-list")
    source = _TASKS if name == "upid" else _BY_FORMAT.get(form) or _BY_FORMAT.get(_BY_NAME.get(name, ""))
    if source is None:
        return []
    try:
        rows = call("GET", source[0], source[1]).data or []
    except HostError:
        return []  # a completion that cannot ask stays silent
    return [str(row[source[2]]) for row in rows if row.get(source[2]) is not None]


def complete(
    call: Call, words: Sequence[str], positional: Sequence[str], options: Mapping[str, Schema]
) -> Iterable[str]:
    """Candidates for the last of ``words``, the ones before being complete."""
    *before, current = words
    if before and before[-1].startswith("-"):
        schema = options.get(before[-1].lstrip("-"))
        if schema is not None and schema.get("type") != "boolean":
            return ids(call, before[-1].lstrip("-"), schema)
    if current.startswith("-"):
        given = {w.lstrip("-") for w in before if w.startswith("-")}
        return [f"--{name}" for name in sorted(options) if name not in given]
    number = _positionals(before, options)
    if number < len(positional):
        name = positional[number]
        return ids(call, name, options.get(name, {}))
    return [f"--{name}" for name in sorted(options) if name not in positional]


def _positionals(words: Sequence[str], options: Mapping[str, Schema]) -> int:
    """How many words are no option and no option's value."""
    count, skip = 0, False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = options.get(word.lstrip("-"), {}).get("type") != "boolean" and "=" not in word
        else:
            count += 1
    return count
