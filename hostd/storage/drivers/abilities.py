"""Tables of features in the form that drivers declare them, and names of snapshots."""

from __future__ import annotations

import re
from typing import Final

from hostd.core.errors import ParseError
from hostd.storage.interface import Feature, Features, State

_SNAPSHOT: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,39}\Z|__[a-z]+__\Z|__replicate_[a-zA-Z0-9_-]+__\Z")
# The state that a volume is sent by, with all of its others: made for that, and removed at both ends.
SENT: Final = "__sent__"
# It takes as long as it takes; this only ends what hangs for ever.
LONG_S: Final = 7 * 24 * 3600.0


def check_snapshot(name: str) -> str:
    """A snapshot's name, which becomes part of a command line and of a device's name; ParseError otherwise."""
    if not _SNAPSHOT.match(name):
        raise ParseError(f"illegal snapshot name '{name}': letters, digits, '_' and '-', beginning with a letter")
    return name


def every(
    formats: tuple[str, ...],
    *,
    snapshot: tuple[str, ...] = (),
    clone: dict[State, tuple[str, ...]] | None = None,
    copy_snapshots: tuple[str, ...] = (),
    template: bool = False,
) -> Features:
    """What all drivers have in common (copy, resize, rename, sparse beginnings), and what was named beside it.

    ``snapshot``: formats that have states; ``clone``: formats by the state that linked clones can stand on;
    ``copy_snapshots``: formats whose states can be read while the volume is in use. QEMU cannot grow a ``vmdk``.
    """
    all = frozenset(formats)
    images = all - {"subvol"}
    return {
        Feature.COPY: {State.CURRENT: all, State.BASE: all, State.SNAPSHOT: frozenset(copy_snapshots)},
        Feature.RESIZE: {State.CURRENT: all - {"vmdk"}},
        Feature.RENAME: {State.CURRENT: all},
        Feature.SPARSE: {State.CURRENT: images, State.BASE: images},
        Feature.SNAPSHOT: {State.CURRENT: frozenset(snapshot), State.SNAPSHOT: frozenset(snapshot)},
        Feature.CLONE: {state: frozenset(names) for state, names in (clone or {}).items()},
        Feature.TEMPLATE: {State.CURRENT: all if template else frozenset()},
    }
