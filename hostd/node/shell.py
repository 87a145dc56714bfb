"""What can be started on a terminal of the node by a name that the API knows. Pure."""

from __future__ import annotations

from typing import Final

from hostd.core.errors import Invalid

LOGIN: Final = "login"
_UPGRADE: Final = "upgrade"


def argv(command: str, *, root: bool) -> list[str]:
    """The program for one of the reference's names. Invalid for what is not here, and for what is root's alone.

    ``root``: whoever asks is root@pam, as the API has checked. Everybody else has to log in with an account of the
    node, as at its screen; login(1) asks for the name.
    """
    if command == LOGIN:
        return ["login", "-f", "root"] if root else ["login"]
    if command != _UPGRADE:
        raise Invalid({"cmd": f"'{command}' cannot be started: this software installs no Ceph; try {LOGIN}"})
    if not root:
        raise Invalid({"cmd": f"Only root may start '{command}'."})
    return ["apt-get", "dist-upgrade"]
