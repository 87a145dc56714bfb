"""Passwords of the host's own accounts, by PAM under the service name ``hostd`` (/etc/pam.d/hostd)."""

from __future__ import annotations

import pam

from hostd.core.errors import NotAuthenticated

SERVICE = "hostd"


def authenticate(name: str, password: str) -> None:
    """Raises NotAuthenticated without detail when name or password are wrong. Blocks for about 80 ms (pam(3))."""
    if not name or "\0" in name or "\0" in password or not pam.pam().authenticate(name, password, service=SERVICE):
        raise NotAuthenticated("authentication failure")
