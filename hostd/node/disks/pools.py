"""Volume groups, thin pools, ZFS pools and mounted folders of the host, as their tools and units tell them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as UnitError
from pathlib import Path
from typing import Any, Final

from hostd.core.errors import NotFound, ParseError

_JSON: Final = ["--reportformat", "json", "--units", "b", "--nosuffix"]
VOLUMES: Final = ["pvs", *_JSON, "-o", "vg_name,vg_size,vg_free,pv_name,pv_size,pv_free"]
THIN_POOLS: Final = [
    "lvs", *_JSON, "-o", "vg_name,lv_name,lv_attr,lv_size,lv_metadata_size,data_percent,metadata_percent",
]  # fmt: skip
ZPOOLS: Final = ["zpool", "list", "-Hp", "-o", "name,size,alloc,free,frag,dedup,health"]
UNITS: Final = Path("/etc/systemd/system")
_ROW: Final = re.compile(r"\t(\s*)(\S+)(?:\s+(\S+))?(?:\s+(\d\S*)\s+(\d\S*)\s+(\d\S*))?(?:\s+(.*))?")


def status_argv(pool: str) -> list[str]:
    return ["zpool", "status", "-Pp", "--", pool]


def _rows(out: str, kind: str) -> list[dict[str, str]]:
    try:
        return [row for report in json.loads(out)["report"] for row in report.get(kind, [])]
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"lvm: unexpected output: {err}") from err


def parse_groups(out: str) -> dict[str, object]:
    """A tree of volume groups with their devices, from ``VOLUMES``; sizes in bytes."""
    groups: dict[str, dict[str, Any]] = {}
    for row in _rows(out, "pv"):
        if name := row["vg_name"]:
            group = groups.setdefault(name, {
                "name": name, "size": int(row["vg_size"]), "free": int(row["vg_free"]), "leaf": 0, "children": [],
            })  # fmt: skip
            group["children"].append(
                {"name": row["pv_name"], "size": int(row["pv_size"]), "free": int(row["pv_free"]), "leaf": 1}
            )
    return {"leaf": 0, "children": [groups[name] for name in sorted(groups)]}


def parse_thin_pools(out: str) -> list[dict[str, object]]:
    """From ``THIN_POOLS``; sizes and what is used in bytes."""
    return [
        {
            "vg": row["vg_name"],
            "lv": row["lv_name"],
            "lv_size": int(row["lv_size"]),
            "used": int(int(row["lv_size"]) * float(row["data_percent"] or 0) / 100),
            "metadata_size": int(row["lv_metadata_size"]),
            "metadata_used": int(int(row["lv_metadata_size"]) * float(row["metadata_percent"] or 0) / 100),
        }
        for row in _rows(out, "lv")
        if row["lv_attr"].startswith("t")
    ]


def parse_zpool_list(out: str) -> list[dict[str, object]]:
    """From ``ZPOOLS``: tabs, bytes; a pool that cannot be read has ``-`` for its numbers, which are left out."""
    found: list[dict[str, object]] = []
    for line in out.splitlines():
        fields = line.split("\t")
        if len(fields) != 7:
            raise ParseError(f"zpool list: expected 7 fields: {line!r}")
        name, size, alloc, free, frag, dedup, health = fields
        numbers = {"size": size, "alloc": alloc, "free": free, "frag": frag}
        row: dict[str, object] = {key: int(text.rstrip("%")) for key, text in numbers.items() if text != "-"}
        found.append(row | {"name": name, "dedup": float(dedup.rstrip("x")) if dedup != "-" else 1.0, "health": health})
    return found


def parse_zpool_status(out: str, pool: str) -> dict[str, object]:
    """One pool from ``zpool status -Pp``: its fields and the tree of its devices with their errors.

    Source: zpool-status(8). Raises NotFound where the pool is not among them.
    """
    texts: dict[str, list[str]] = {}
    key = ""
    for line in out.splitlines():
        if not line.startswith("\t") and (match := re.match(r" *([a-z]+): ?(.*)", line)):
            key = match[1]
            texts[key] = [match[2]]
        elif key:
            texts[key].append(line)
    if "".join(texts.get("pool", [])).strip() != pool:
        raise NotFound(f"there is no pool '{pool}'")
    words = {k: " ".join(t.strip() for t in lines).strip() for k, lines in texts.items() if k not in ("config", "pool")}
    children = _devices(texts.get("config", []))
    wanted = ("state", "status", "action", "scan", "errors")
    return {"name": pool, "children": children, **{k: words[k] for k in wanted if k in words}}


def _devices(lines: list[str]) -> list[dict[str, object]]:
    """The tree by indentation, two blanks a level; kinds of devices (logs, spares) have no state."""
    top: list[dict[str, object]] = []
    open_: list[tuple[int, list[dict[str, object]]]] = [(-1, top)]
    for line in lines:
        match = _ROW.fullmatch(line)
        if match is None or match[2] == "NAME":
            continue
        depth, name, state, read, write, checksum, message = match.groups()
        node: dict[str, object] = {"name": name, "msg": (message or "").strip()}
        node |= {"state": state} if state else {}
        if read is not None:
            node |= {"read": int(read), "write": int(write), "cksum": int(checksum)}
        while open_[-1][0] >= len(depth):
            open_.pop()
        open_[-1][1].append(node)
        children: list[dict[str, object]] = []
        node["children"] = children
        open_.append((len(depth), children))
    return _without_empty(top)


def _without_empty(nodes: list[dict[str, object]]) -> list[dict[str, object]]:
    for node in nodes:
        below = node["children"]
        if isinstance(below, list) and below:
            _without_empty(below)
            node["leaf"] = 0
        else:
            del node["children"]
            node["leaf"] = 1
    return nodes


# --- folders


def unit_name(name: str) -> str:
    """The mount unit of ``/mnt/pve/NAME``: systemd wants the path in the name, a dash of the name as ``\\x2d``."""
    return f"mnt-pve-{name.replace('-', chr(92) + 'x2d')}.mount"


def unit_text(name: str, uuid: str, type: str) -> str:
    """A mount by the file system's own id, so that it is found wherever the disk is plugged in."""
    return (
        f"[Unit]\nDescription=Folder '{name}'\n\n"
        f"[Mount]\nWhat=/dev/disk/by-uuid/{uuid}\nWhere=/mnt/pve/{name}\nType={type}\nOptions=defaults\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )


def folders(units: Path = UNITS) -> list[dict[str, object]]:
    """The mount units below ``/mnt/pve`` that lie in ``units``."""
    found: list[dict[str, object]] = []
    for path in sorted(units.glob("mnt-pve-*.mount")):
        mount = _mount(path)
        if mount.get("Where", "").startswith("/mnt/pve/"):
            found.append(
                {
                    "unitfile": str(path),
                    "path": mount["Where"],
                    "device": mount.get("What", ""),
                    "type": mount.get("Type", ""),
                    "options": mount.get("Options", ""),
                }
            )
    return found


def _mount(path: Path) -> Mapping[str, str]:
    unit = ConfigParser(interpolation=None, strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    try:
        unit.read_string(path.read_text(errors="replace"))
    except (UnitError, OSError):
        return {}
    return dict(unit["Mount"]) if unit.has_section("Mount") else {}
