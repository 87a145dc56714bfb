"""Makes the objects that daemons share: the host's handles, and the API of either process."""

from __future__ import annotations

import logging
import os
import sys
from types import ModuleType

from hostd.access import pam
from hostd.access.authority import RootAuthority
from hostd.api import storage, version
from hostd.api.access import ticket
from hostd.api.app import Api, Forward
from hostd.api.cluster import resources
from hostd.api.cluster import tasks as cluster_tasks
from hostd.api.context import Services
from hostd.api.endpoint import collect
from hostd.api.identity import RootCredentials, TicketIdentity
from hostd.api.nodes import console, index, lxc, qemu, tasks
from hostd.api.nodes import storage as node_storage
from hostd.cluster.store import Mirror, Store
from hostd.core.run import run
from hostd.node.feed import Subscriber
from hostd.node.host import Host
from hostd.tasks.client import DaemonTasks

# Every module that declares methods of the API.
ENDPOINT_MODULES: tuple[ModuleType, ...] = (
    version, ticket, resources, cluster_tasks, index, tasks, console, qemu, lxc, storage, node_storage,
)  # fmt: skip


def logging_to_stderr() -> None:
    """The journal adds time and unit; priorities by prefix (sd-daemon(3))."""
    logging.basicConfig(stream=sys.stderr, level=os.environ.get("HOSTD_LOG", "INFO"), format="%(name)s: %(message)s")


def node_name() -> str:
    """This node's name: the host name without its domain."""
    return os.uname().nodename.partition(".")[0]


def make_host() -> Host:
    """Handles of this process; the mirror is followed once ``mirror.start()`` was called."""
    return Host(node=node_name(), store=Store(), mirror=Mirror(), run=run)


def make_api(*, forward: Forward | None) -> Api:
    """The API of this process: with ``forward`` the unprivileged front's, without it the root process's."""
    host = make_host()
    host.mirror.start()
    samples = Subscriber()
    samples.start()
    services = Services(
        host=host,
        tasks=DaemonTasks(),
        samples=samples,
        authority=RootAuthority(),
        credentials=RootCredentials(host.mirror, pam.authenticate),
    )
    identify = TicketIdentity(host.mirror, trust_root_peer=forward is None)
    return Api(collect(ENDPOINT_MODULES), services, identify, forward)
