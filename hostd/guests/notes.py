"""What a process notes on this node while it works on a guest: what the guest's file does not tell.

A note that is found while the node's lock on the guest is free is of somebody who is dead (see ``interrupted``).
"""

from __future__ import annotations

import contextlib
import os

FOLDER: str = "/var/lib/hostd/notes"
ROLLBACK = "rollback"
"""The snapshot that a rollback is for."""
HELD = "held"
"""The machine was running and is held still."""
COPY = "copy-"
"""With the id of a copy: a state is made of the disks for it. The text is the state's name."""


def write(vmid: int, name: str, text: str = "") -> None:
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    with open(f"{FOLDER}/{vmid}.{name}", "w", encoding="utf-8") as file:
        file.write(text)


def drop(vmid: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{FOLDER}/{vmid}.{name}")


def read(vmid: int, name: str) -> str:
    """A note's text; "" where there is none."""
    with contextlib.suppress(OSError), open(f"{FOLDER}/{vmid}.{name}", encoding="utf-8") as file:
        return file.read()
    return ""


def names(vmid: int) -> list[str]:
    """The notes on a guest."""
    try:
        found = os.listdir(FOLDER)
    except FileNotFoundError:
        return []
    return sorted(name.removeprefix(f"{vmid}.") for name in found if name.startswith(f"{vmid}."))
