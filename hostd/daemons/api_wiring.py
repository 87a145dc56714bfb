"""Makes the API of either process: every method, what they work on, who may call them."""

from __future__ import annotations

from types import ModuleType

from hostd.access import pam
from hostd.access.authority import RootAuthority
from hostd.api import metrics, storage, version
from hostd.api.access import ticket
from hostd.api.app import Api, Forward
from hostd.api.cluster import index as cluster_index
from hostd.api.cluster import resources
from hostd.api.cluster import tasks as cluster_tasks
from hostd.api.context import Services
from hostd.api.endpoint import collect
from hostd.api.identity import RootCredentials, TicketIdentity
from hostd.api.nodes import apt, certificates, console, index, journal, lxc, qemu, services, statistics, system, tasks
from hostd.api.nodes import storage as node_storage
from hostd.daemons.wiring import make_host
from hostd.node.feed import Subscriber
from hostd.tasks.client import DaemonTasks

# Every module that declares methods of the API.
ENDPOINT_MODULES: tuple[ModuleType, ...] = (
    version, metrics, ticket, cluster_index, resources, cluster_tasks, index, system, services, journal, apt,
    certificates, statistics, tasks, console, qemu, lxc, storage, node_storage,
)  # fmt: skip


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
