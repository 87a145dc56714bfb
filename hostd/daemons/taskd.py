"""hostd-taskd: forks the workers of tasks and records how they end. Imports everything up front, opens nothing."""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import ModuleType

from hostd.api.cluster import bulk_tasks as cluster_bulk_tasks
from hostd.clustering import tasks as clustering_tasks
from hostd.core.notify import notify
from hostd.daemons.wiring import logging_to_stderr, make_host, node_name
from hostd.guests import bulk_tasks, console, images
from hostd.guests.lxc import tasks as lxc_tasks
from hostd.guests.qemu import tasks as qemu_tasks
from hostd.ha import tasks as ha_tasks
from hostd.migration import containers as container_moves
from hostd.migration import machines as machine_moves
from hostd.node import services, updates
from hostd.provision import disks
from hostd.tasks import eventlog
from hostd.tasks.archive import Archive
from hostd.tasks.client import SOCKET
from hostd.tasks.registry import collect
from hostd.tasks.scopes import SystemdScopes
from hostd.tasks.spawn import Spawner, serve

# Every module that declares tasks.
TASK_MODULES: tuple[ModuleType, ...] = (
    qemu_tasks, lxc_tasks, bulk_tasks, cluster_bulk_tasks, machine_moves, container_moves, images, disks, console,
    services, updates, clustering_tasks, ha_tasks,
)  # fmt: skip


def main() -> None:
    logging_to_stderr()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    os.umask(0o022)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(SOCKET)
    os.chmod(SOCKET, 0o600)
    listener.listen(64)
    spawner = Spawner(node_name(), collect(TASK_MODULES), Archive(), SystemdScopes(), make_host, eventlog.append)
    spawner.adopt()
    notify("READY=1")
    serve(spawner, listener, stopping.is_set)


if __name__ == "__main__":
    main()
