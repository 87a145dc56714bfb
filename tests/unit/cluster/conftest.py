"""A store's daemon without a mount, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hostd.cluster.fs.database import Fault, no_fault
from hostd.cluster.fs.service import Settings, serve


class Daemon:
    """``start`` and ``stop`` as systemd would; the database stays in between."""

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(
            node="pve1", database=directory / "config.db", socket=directory / "store.sock", seed=directory / "seed"
        )
        self._thread: threading.Thread | None = None
        self._stop: trio.Event | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self.error: BaseException | None = None
        self.fault: Fault = no_fault

    @property
    def socket(self) -> str:
        return str(self.settings.socket)

    def start(self) -> None:
        up = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(up,), daemon=True)
        self._thread.start()
        assert up.wait(30)
        assert self.error is None, self.error

    def stop(self) -> None:
        if self._thread is not None and self._token is not None and self._stop is not None:
            try:
                self._token.run_sync_soon(self._stop.set)
            except trio.RunFinishedError:
                pass
            self._thread.join(30)
            assert not self._thread.is_alive()
            self._thread = None

    def _run(self, up: threading.Event) -> None:
        async def body() -> None:
            self._stop, self._token = trio.Event(), trio.lowlevel.current_trio_token()
            await serve(self.settings, stop=self._stop, ready=up.set, fault=lambda point: self.fault(point))

        try:
            trio.run(body)
        except BaseException as err:  # noqa: BLE001 - handed to the test
            self.error = err
            up.set()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()
