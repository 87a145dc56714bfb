"""What a call changed is there for the next one: who answers waits until its own copy of the store shows it.

Each process follows the store in its own time, mostly within a millisecond, a busy one later; and a client that reads
what it has just changed, as tools for infrastructure do, must not find what was there before. The number of the change
goes back with the answer over all hops, so that a node that has passed a call on to another one waits for it as well.
"""

from __future__ import annotations

import contextlib
from typing import Final

from werkzeug.wrappers import Response

from hostd.cluster.store import Mirror, Store
from hostd.core.errors import HostError

HEADER: Final = "Hostd-Version"
SEEN_S: Final = 1.0  # then it is answered all the same: what was asked for is done


def number(response: Response, store: Store) -> None:
    """Say how far the store is after a call that this process has executed."""
    if HEADER not in response.headers:
        with contextlib.suppress(HostError):
            response.headers[HEADER] = str(store.version())


def wait(response: Response, mirror: Mirror) -> None:
    """Until ``mirror`` is as far as the answer says, for SEEN_S at most."""
    version = response.headers.get(HEADER, "")
    if version.isdecimal():
        with contextlib.suppress(HostError):
            mirror.wait_for(int(version), SEEN_S)
