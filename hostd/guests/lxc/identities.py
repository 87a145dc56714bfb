"""The host's numbers for users of unprivileged containers, reserved for root in subuid(5) and subgid(5).

Programs that set up a user namespace (newuidmap(1)) refuse numbers that are reserved for nobody.
"""

from __future__ import annotations

from hostd.core.run import Run
from hostd.guests.lxc.cgroups import read_text
from hostd.guests.lxc.facts import FIRST_ID, ID_COUNT

_FILES = {"/etc/subuid": "--add-subuids", "/etc/subgid": "--add-subgids"}


def is_reserved(text: str) -> bool:
    """Whether root may use the whole range: one line of subuid(5) holds it."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        first, _, count = rest.partition(":")
        if name in ("root", "0") and first.isdigit() and count.isdigit():
            start, end = int(first), int(first) + int(count)
            if start <= FIRST_ID and end >= FIRST_ID + ID_COUNT:
                return True
    return False


def reserve_argv(options: list[str]) -> list[str]:
    numbers = f"{FIRST_ID}-{FIRST_ID + ID_COUNT - 1}"
    return ["usermod", *[word for option in options for word in (option, numbers)], "root"]


def ensure_reserved(run: Run) -> None:
    """Reserve the range where it is not; usermod(8) locks the files while it adds a line."""
    missing = [option for path, option in _FILES.items() if not is_reserved(read_text(path))]
    if missing:
        run(reserve_argv(missing))
