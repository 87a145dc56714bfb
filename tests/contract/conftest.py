"""The store mounted for a test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.cluster.store import Store
from tests.lib.mountedstore import CAN_MOUNT, PATIENCE_S, Node


@pytest.fixture
def node() -> Iterator[Node]:
    if not CAN_MOUNT:
        pytest.skip("mounting needs root and /dev/fuse")
    directory = Path(tempfile.mkdtemp(prefix="holdfast-store-"))
    directory.chmod(0o755)
    node = Node(directory)
    node.start()
    # A daemon that hangs would hang this process in the kernel, too: end it instead, and every access fails.
    guard = threading.Timer(PATIENCE_S, lambda: node.process and node.process.kill())
    guard.start()
    yield node
    expired = not guard.is_alive()
    guard.cancel()
    if node.process is not None and node.process.poll() is None:
        node.end()
    subprocess.run(["umount", "--lazy", str(node.mount)], capture_output=True, check=False)
    log = node.log.read_text()
    shutil.rmtree(directory)
    assert not expired, f"the daemon hung:\n{log}"
    assert "Traceback" not in log, log


@pytest.fixture
def store(node: Node) -> Iterator[Store]:
    with Store(str(node.socket)) as store:
        yield store
