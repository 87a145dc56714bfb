"""Where a running machine's screen and serial lines are: unix sockets in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from typing import Final

FOLDER = "/run/hostd/qemu"
# Debian's user for QEMU processes; it binds the VNC socket, so the folder is its own. Nobody else may enter.
QEMU_USER: Final = "libvirt-qemu"


def folder(vmid: int) -> str:
    return f"{FOLDER}/{vmid}"


def prepare(vmid: int) -> str:
    """An empty folder for the sockets of a machine about to start; returns it."""
    path = folder(vmid)
    remove(vmid)
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o711)
    os.mkdir(path)
    with contextlib.suppress(KeyError):  # QEMU runs as root where the user does not exist
        user = pwd.getpwnam(QEMU_USER)
        os.chown(path, user.pw_uid, user.pw_gid)
    os.chmod(path, 0o700)
    return path


def remove(vmid: int) -> None:
    shutil.rmtree(folder(vmid), ignore_errors=True)
