"""A guest that changes nodes: what its file says meanwhile. Pure.

The folder of the file says who owns the guest, at every moment; renaming it is the one step that hands it over. While
a move is under way the file is marked ``lock: migrate`` and has a section that names the target; once every volume
that changes its place is there, the section tells the new names. Whoever finds the mark while nobody works on it knows
what to do from the folder alone: on the target the move is completed, anywhere else it never happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hostd.core.formats.keyvalue import GuestFile, GuestSection

LOCK: Final = "migrate"
FOLDER: Final = "/run/hostd/migration"
SECTION: Final = "special:migration"
_VOLUME: Final = "volume"
_PREFIXES: Final = ("", "file=", "volume=")


@dataclass(frozen=True, kw_only=True)
class Handover:
    """``paused``: the machine was held still before, and stays so. ``restart``: the container was shut down for the
    move, and is to run again. ``moved``: old volume id → new one, all complete."""

    target: str
    paused: bool = False
    restart: bool = False
    moved: Mapping[str, str] = field(default_factory=dict)


def folder(vmid: int) -> str:
    """Where the sockets of a guest's move are, on the source and on the target."""
    return f"{FOLDER}/{vmid}"


def told(file: GuestFile) -> Handover | None:
    """What a file says of a move that is under way; None where it says nothing."""
    section = file.special.get(SECTION)
    if file.current.get("lock") != LOCK or section is None or not section.values.get("target"):
        return None
    pairs = [value.split(" ") for key, value in sorted(section.values.items()) if key.startswith(_VOLUME)]
    return Handover(
        target=section.values["target"],
        paused=section.values.get("paused") == "1",
        restart=section.values.get("restart") == "1",
        moved={pair[0]: pair[1] for pair in pairs if len(pair) == 2},
    )


def marked(file: GuestFile, move: Handover) -> GuestFile:
    """The file while the move is under way. No name of an own volume has a blank in it."""
    values = {"target": move.target}
    values |= {name: "1" for name, said in (("paused", move.paused), ("restart", move.restart)) if said}
    values |= {f"{_VOLUME}{n}": f"{old} {new}" for n, (old, new) in enumerate(sorted(move.moved.items()))}
    special = {**file.special, SECTION: GuestSection(values=values)}
    return replace(file, current={**file.current, "lock": LOCK}, special=special)


def unmarked(file: GuestFile) -> GuestFile:
    """The file as if nothing had been begun."""
    current = {key: value for key, value in file.current.items() if key != "lock" or value != LOCK}
    return replace(file, current=current, special={k: v for k, v in file.special.items() if k != SECTION})


def completed(file: GuestFile) -> GuestFile:
    """The file on the target: volumes by their new names, in every section."""
    move = told(file)
    return unmarked(with_volumes(file, move.moved) if move else file)


def with_volumes(file: GuestFile, moved: Mapping[str, str]) -> GuestFile:
    """The file with volumes by other names."""
    snapshots = {
        name: replace(part, values={k: _renamed(v, moved) for k, v in part.values.items()})
        for name, part in file.snapshots.items()
    }
    return replace(
        file,
        current={k: _renamed(v, moved) for k, v in file.current.items()},
        pending={k: _renamed(v, moved) for k, v in file.pending.items()},
        snapshots=snapshots,
    )


def _renamed(value: str, moved: Mapping[str, str]) -> str:
    """``scsi0``'s value with its volume by the new name; it may be written with ``file=`` before it, and not first."""
    table = {f"{prefix}{old}": f"{prefix}{new}" for old, new in moved.items() for prefix in _PREFIXES}
    return ",".join(table.get(part, part) for part in value.split(","))
