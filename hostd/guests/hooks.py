"""``hookscript``: a program of a snippet storage that runs when a guest starts and stops.

It gets the guest's id and the phase: ``pre-start`` (a failure stops the start), ``post-start``, ``pre-stop`` (also
before a shutdown), ``post-stop``. The later ones cannot stop anything any more, so a failure is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from hostd.core.errors import CommandFailed, HostError
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

_TIMEOUT_S: Final = 600


class Phase(StrEnum):
    """When the script runs; the words it is given."""

    PRE_START = "pre-start"
    POST_START = "post-start"
    PRE_STOP = "pre-stop"
    POST_STOP = "post-stop"


def run_hook(host: Host, log: TaskLog, vmid: int, config: Mapping[str, str], phase: Phase) -> None:
    """Run the guest's script, if it has one. HostError when it fails before the start."""
    script = config.get("hookscript", "")
    if not script:
        return
    try:
        volume = VolumeId.parse(script)
        catalog = catalog_of(host)
        catalog.driver(volume.storage).activate()
        result = host.run([catalog.path(volume), str(vmid), str(phase)], timeout_s=_TIMEOUT_S)
        for line in result.stdout.splitlines():
            log.info(f"hookscript: {line}")
    except CommandFailed as err:
        _failed(log, vmid, phase, f"exit code {err.code}: {err.stderr.strip()}", err)
    except HostError as err:
        _failed(log, vmid, phase, str(err), err)


def _failed(log: TaskLog, vmid: int, phase: Phase, why: str, err: HostError) -> None:
    text = f"hookscript of guest {vmid} failed in {phase}: {why}"
    if phase is Phase.PRE_START:
        raise HostError(text) from err
    log.warn(text)
