"""Where the answer file is: named on the kernel's command line, on the medium, or on a partition with a known label."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed, NotFound
from hostd.core.run import Run
from installer.kernel_cmdline import flag

NAME: Final = "answer.toml"
MEDIUM: Final = Path("/run/live/medium")
LABELS: Final = ("HOLDFAST-AIS", "PROXMOX-AIS")
MOUNT: Final = Path("/run/holdfast-installer/answer")


def find_answer(run: Run, cmdline: str, medium: Path = MEDIUM) -> tuple[str, str]:
    """The text of the answer file and the place it is from, for people. Raises NotFound naming where it looked."""
    named = flag(cmdline, "holdfast.answer")
    places = [Path(named), medium / named.lstrip("/")] if named else [medium / NAME]
    for place in places:
        if place.is_file():
            return place.read_text(), str(place)
    if not named:
        for device, label in labelled_partitions():
            text = _read_from(run, device)
            if text is not None:
                return text, f"{NAME} on {device} ({label})"
    looked = ", ".join(str(place) for place in places)
    more = "" if named else f" or a partition labelled {' or '.join(LABELS)}"
    raise NotFound(f"no answer file: looked for {looked}{more}")


def labelled_partitions() -> list[tuple[str, str]]:
    """Block devices whose file system has one of the labels (case does not count), and the label."""
    import pyudev  # here: reading a named file must not need it

    devices = pyudev.Context().list_devices(subsystem="block")
    return match_labels((d.device_node, d.properties.get("ID_FS_LABEL", "")) for d in devices)


def match_labels(devices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of (device, label) with one of `LABELS`, ours first, then by device."""
    found = [(device, label) for device, label in devices if label.upper() in LABELS]
    return sorted(found, key=lambda item: (LABELS.index(item[1].upper()), item[0]))


def _read_from(run: Run, device: str) -> str | None:
    """The answer file on a partition; None if it cannot be mounted or has none."""
    MOUNT.mkdir(parents=True, exist_ok=True)
    try:
        run(["mount", "-o", "ro", device, str(MOUNT)])
    except CommandFailed:
        return None
    try:
        file = MOUNT / NAME
        return file.read_text() if file.is_file() else None
    finally:
        run(["umount", str(MOUNT)])
