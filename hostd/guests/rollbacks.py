"""Which snapshot a rollback is for: the guest's file does not tell, so that one that was killed could not be ended."""

from __future__ import annotations

import contextlib
import os

FOLDER: str = "/var/lib/hostd/rollbacks"


def note(vmid: int, name: str) -> None:
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    with open(f"{FOLDER}/{vmid}", "w", encoding="utf-8") as file:
        file.write(name)


def forget(vmid: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{FOLDER}/{vmid}")


def target(vmid: int) -> str:
    """The snapshot that an interrupted rollback was for; "" where that is not known on this node."""
    with contextlib.suppress(OSError), open(f"{FOLDER}/{vmid}", encoding="utf-8") as file:
        return file.read()
    return ""
