"""Programs that write to the cluster's tree all the time and know what was acknowledged; and what must hold of it.

Each has a few files, which it writes in turn, and numbers its writes: a file must hold the last number that was
acknowledged, or a later one. They rest between writes: an emulated host beside them has to come up meanwhile.
"""

from __future__ import annotations

import base64
import itertools
import subprocess
import threading
from typing import Final

import requests

from tests.lib.apiclient import Api, ApiError
from tests.vm.harness import Host

FILES: Final = 8
PAUSE_S: Final = 0.1
IN_THE_MOUNT: Final = f"""
import itertools, sys, time
for number in itertools.count(int(sys.argv[2])):
    try:
        with open("/etc/pve/%s.%d" % (sys.argv[1], number % {FILES}), "w") as file:
            file.write("number%d" % number)
    except OSError:
        time.sleep(0.2)
    else:
        print(number, flush=True)
    time.sleep({PAUSE_S})
"""


class Writer:
    """``acknowledged``: path in the tree → the last number. A thread that ends by `stop`."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let it end, and wait until it has. What it wrote in vain is not told."""
        self._stop.set()
        self._thread.join(200)
        assert not self._thread.is_alive(), "a writer waits for its answer"

    def _done(self, path: str, number: int) -> None:
        self.acknowledged[path] = number
        self.count += 1

    def _run(self) -> None:
        raise NotImplementedError


class MountWriter(Writer):
    """Writes files ``NAME.0``, ``NAME.1`` … in the mount, by a program on the host that tells what was acknowledged."""

    def __init__(self, host: Host, name: str, first: int) -> None:
        self.name = name
        program = base64.b64encode(IN_THE_MOUNT.encode()).decode()
        line = f'exec python3 -c "$(echo {program} | base64 -d)" {name} {first}'
        self._ssh = subprocess.Popen(host.ssh_argv(line), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        super().__init__()

    def stop(self) -> None:
        self._ssh.kill()
        super().stop()

    def _run(self) -> None:
        assert self._ssh.stdout is not None
        with self._ssh.stdout:
            for line in self._ssh.stdout:
                if line.endswith(b"\n"):
                    self._done(f"{self.name}.{int(line) % FILES}", int(line))
        self._ssh.wait()


class ApiWriter(Writer):
    """Changes the description of a guest of the host, by its API."""

    def __init__(self, api: Api, guest: int, first: int) -> None:
        self.api, self.guest, self.first = api, guest, first
        super().__init__()

    def _run(self) -> None:
        config = f"/nodes/{self.api.node}/qemu/{self.guest}/config"
        for number in itertools.count(self.first):
            if self._stop.is_set():
                return
            try:
                self.api.put(config, description=f"number{number}")
            except (ApiError, requests.RequestException):
                self._stop.wait(0.5)
            else:
                self._done(f"nodes/{self.api.node}/qemu-server/{self.guest}.conf", number)
            self._stop.wait(PAUSE_S)


def numbers(host: Host) -> dict[str, int]:
    """Path in the tree → the number that the host shows there."""
    told = host.ssh("cd /etc/pve && grep -Hro 'number[0-9]*' load nodes/*/qemu-server")
    rows = (line.rsplit(":number", 1) for line in told.splitlines())
    return {path: int(number) for path, number in rows}
