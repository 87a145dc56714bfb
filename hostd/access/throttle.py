"""How long a log-in waits after failures: per user *and* address, so that nobody locks another out from elsewhere."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE: Final = 3
LONGEST_S: Final = 30.0
FORGOTTEN_S: Final = 900.0
_KEPT: Final = 10_000

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class _Failures:
    count: int
    last_s: float


class Throttle:
    """Counts failures by (user, address). Pure but for what it remembers; time is an argument (any monotonic one).

    The first three are free, then each doubles the wait, from one second to half a minute. A success or a quarter of
    an hour without failures clears it. A bounded number of pairs is remembered, the longest quiet one goes first.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()

    def wait_s(self, key: Key, *, now_s: float) -> float:
        """Seconds that the next attempt has to wait before it is looked at."""
        found = self._failures.get(key)
        if found is None or now_s - found.last_s > FORGOTTEN_S or found.count < FREE:
            return 0.0
        return float(min(LONGEST_S, 2.0 ** (found.count - FREE)))

    def failed(self, key: Key, *, now_s: float) -> None:
        """Count a failure."""
        found = self._failures.pop(key, None)
        count = 0 if found is None or now_s - found.last_s > FORGOTTEN_S else found.count
        self._failures[key] = _Failures(count=count + 1, last_s=now_s)
        if len(self._failures) > _KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, key: Key) -> None:
        """Forget the failures."""
        self._failures.pop(key, None)
