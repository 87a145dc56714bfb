"""A machine's TPM: swtpm in a unit of its own (``hostd-tpm@ID``) that keeps its state on the machine's volume.

The unit is unprivileged and sees nothing but its volume and the folder of its socket, to which QEMU connects. It ends
with QEMU, whose connection it loses; ``end`` waits for that where the volume is about to be touched. libvirt could
start swtpm itself, but would run it as a user that cannot write the volume. Source: swtpm(8), systemd.exec(5).
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
from collections.abc import Mapping
from typing import Final

from hostd.core.errors import HostError
from hostd.core.run import Run
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu import sockets
from hostd.guests.qemu.devices import platform
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId

FOLDER: str = platform.TPM_FOLDER
USER: Final = "hostd-tpm"


def folder(vmid: int) -> str:
    return f"{FOLDER}/{vmid}"


def unit(vmid: int) -> str:
    return f"hostd-tpm@{vmid}.service"


def begin(host: Host, vmid: int, config: Mapping[str, str]) -> None:
    """Start the TPM of a machine that is about to start here, or to arrive; nothing to do for one without.

    Its volume must be active. HostError where swtpm does not come up. The caller holds the guest's lock, and calls
    ``end`` when the machine does not run here after all.
    """
    if "tpmstate0" not in config:
        return
    end(host.run, vmid)
    path = catalog_of(host).path(VolumeId.parse(platform.parse_tpm(config["tpmstate0"])["file"]))
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o711)
    own = folder(vmid)
    os.mkdir(own)
    os.symlink(path, f"{own}/volume")
    with open(f"{own}/state", "wb"), open(f"{own}/environment", "w", encoding="ascii") as file:
        file.write(f"KIND={kind_option(config)}\n")  # the empty file is where the unit mounts the volume
    os.chmod(own, 0o710)  # the socket is open to whoever gets here: swtpm itself, and QEMU by its group
    with contextlib.suppress(KeyError):  # QEMU runs as root where its user does not exist
        os.chown(own, -1, grp.getgrnam(sockets.QEMU_USER).gr_gid)
    with contextlib.suppress(KeyError):  # and so does swtpm
        for each in (own, path):
            _give(each, pwd.getpwnam(USER).pw_uid)
    host.run(["systemctl", "start", unit(vmid)], timeout_s=30)
    if not os.path.exists(f"{own}/socket"):
        end(host.run, vmid)
        raise HostError(f"VM {vmid}: its TPM did not start; `journalctl -u {unit(vmid)}` tells why")


def _give(path: str, uid: int) -> None:
    try:
        os.chown(path, uid, -1)
    except OSError as err:
        raise HostError(f"tpmstate0: '{path}' cannot be given to user '{USER}', who runs its TPM: {err}") from err


def kind_option(config: Mapping[str, str]) -> str:
    """swtpm's option for the version of ``tpmstate0``: none for 1.2."""
    return "--tpm2" if platform.tpm_version(config) == "2.0" else ""


def end(run: Run, vmid: int) -> None:
    """Wait until the TPM of a machine that does not run has ended, and end it where its machine never came up.

    The caller holds the guest's lock: a TPM that has just begun must not be taken for an old one.
    """
    if not os.path.isdir(folder(vmid)):
        return
    run(["systemctl", "stop", unit(vmid)], timeout_s=30)
    shutil.rmtree(folder(vmid), ignore_errors=True)


def grow(catalog: Catalog, key: str, volume: VolumeId) -> None:
    """Give a new volume of TPM state its full size: swtpm makes a file as small as what it holds at the time."""
    if key == "tpmstate0" and catalog.volume(volume).size_bytes < planning.TPM_BYTES:
        catalog.resize(volume, planning.TPM_BYTES)
