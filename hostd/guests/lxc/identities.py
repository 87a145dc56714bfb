"""The host's numbers for users of unprivileged containers, reserved for root in subuid(5) and subgid(5).

Programs that set up a user namespace (newuidmap(1)) refuse numbers that are reserved for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from hostd.core.errors import Conflict
from hostd.core.run import Run
from hostd.guests.lxc.cgroups import read_text
from hostd.guests.lxc.facts import FIRST_ID, ID_COUNT
from hostd.guests.lxc.idmap import Range

_FILES = {"/etc/subuid": "--add-subuids", "/etc/subgid": "--add-subgids"}
_KINDS = {"u": "/etc/subuid", "g": "/etc/subgid"}
# lxc-usernsexec says of a program that a signal ended (no memory left, above all) that it ended well; a shell between
# the two makes 128 and more of it.
_WITH_CODE = ("sh", "-c", '"$@"; exit $?', "sh")


def is_reserved(text: str, first_id: int = FIRST_ID, id_count: int = ID_COUNT) -> bool:
    """Whether root may use the whole range: one line of subuid(5) holds it."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        first, _, count = rest.partition(":")
        if name in ("root", "0") and first.isdigit() and count.isdigit():
            start, end = int(first), int(first) + int(count)
            if start <= first_id and end >= first_id + id_count:
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


def require_reserved(ranges: Iterable[Range]) -> None:
    """Conflict for a range of a container's own map that root may not use: the host's admin says whom it may map."""
    for one in ranges:
        path = _KINDS[one.kind]
        if not is_reserved(read_text(path), one.outside, one.count):
            numbers = f"{one.outside}-{one.outside + one.count - 1}"
            raise Conflict(
                f"lxc.idmap: '{one.text()}': {path} does not let root use these ids; "
                f"allow it with 'usermod {_FILES[path]} {numbers} root'"
            )


def owner_of(unprivileged: bool) -> int:
    """The host's number of a container's root."""
    return FIRST_ID if unprivileged else 0


def as_container_argv(unprivileged: bool) -> list[str]:
    """Prefix of a program that runs as the container's root (lxc-usernsexec(1))."""
    if not unprivileged:
        return []
    maps = [word for kind in "ug" for word in ("-m", f"{kind}:0:{FIRST_ID}:{ID_COUNT}")]
    return ["lxc-usernsexec", *maps, "--", *_WITH_CODE]
