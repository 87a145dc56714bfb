"""Passwords of the host's own accounts, by PAM under the service name ``hostd`` (/etc/pam.d/hostd)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pam

from hostd.core.errors import NotAuthenticated, Unavailable

SERVICE = "hostd"
# A module that hangs (a directory server that is away) holds its worker for good; the API's other threads go on.
WORKERS = 4
TIMEOUT_S = 15


def authenticate(name: str, password: str) -> None:
    """Raises NotAuthenticated without detail when name or password are wrong. Blocks for about 80 ms (pam(3))."""
    if not name or "\0" in name or "\0" in password or not pam.pam().authenticate(name, password, service=SERVICE):
        raise NotAuthenticated("authentication failure")


class Bounded:
    """Runs checks in threads of their own, few at once and each waited for a limited time.

    A thread per check instead of a pool's queue: a pool of hanging workers would take all later checks with it, and
    nobody could see why. Here a call beyond the bound is told at once.
    """

    def __init__(
        self, check: Callable[[str, str], None] = authenticate, *, workers: int = WORKERS, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._check, self._timeout_s = check, timeout_s
        self._free = threading.BoundedSemaphore(workers)

    def __call__(self, name: str, password: str) -> None:
        """Raises NotAuthenticated, or Unavailable when PAM does not answer in time or all workers are busy."""
        if not self._free.acquire(timeout=self._timeout_s):
            raise Unavailable("all checks of host passwords are busy; see PAM's configuration if this lasts")
        outcome: list[BaseException | None] = []

        def work() -> None:
            try:
                self._check(name, password)
                outcome.append(None)
            except BaseException as err:  # noqa: BLE001 - handed to the caller below
                outcome.append(err)
            finally:
                self._free.release()

        thread = threading.Thread(target=work, name="pam", daemon=True)
        thread.start()
        thread.join(self._timeout_s)
        if not outcome:
            raise Unavailable(f"PAM did not answer within {self._timeout_s:g} s; see /etc/pam.d/{SERVICE}")
        if outcome[0] is not None:
            raise outcome[0]
