"""Makes the API of either process: every method, what they work on, who may call them."""

from __future__ import annotations

import os
import time
from functools import partial
from types import ModuleType
from urllib.parse import quote

from hostd.access import pam
from hostd.access.authority import Authority
from hostd.access.ids import ROOT
from hostd.access.login import Login
from hostd.api import metrics, pools, storage, version
from hostd.api.access import acl, domains, groups, roles, tfa, ticket, tokens, users
from hostd.api.access import index as access_index
from hostd.api.app import Api, Forward
from hostd.api.cluster import backup_info, jointokens, resources
from hostd.api.cluster import bulk as cluster_bulk
from hostd.api.cluster import config as cluster_config
from hostd.api.cluster import index as cluster_index
from hostd.api.cluster import qemu as cluster_qemu
from hostd.api.cluster import tasks as cluster_tasks
from hostd.api.cluster.ha import balance as ha_balance
from hostd.api.cluster.ha import groups as ha_groups
from hostd.api.cluster.ha import incidents as ha_incidents
from hostd.api.cluster.ha import index as ha_index
from hostd.api.cluster.ha import preflight as ha_preflight
from hostd.api.cluster.ha import resources as ha_resources
from hostd.api.cluster.ha import rules as ha_rules
from hostd.api.cluster.ha import status as ha_status
from hostd.api.context import Services
from hostd.api.endpoint import collect
from hostd.api.identity import COOKIE, Identity, RememberedVerdict, RootVerdict
from hostd.api.nodes import (
    aplinfo,
    apt,
    bulk,
    capabilities,
    certificates,
    console,
    disks,
    disks_pools,
    index,
    journal,
    lxc,
    lxc_clones,
    lxc_create,
    lxc_disks,
    lxc_migrate,
    lxc_power,
    lxc_snapshots,
    network,
    qemu,
    qemu_agent,
    qemu_clones,
    qemu_cloudinit,
    qemu_disks,
    qemu_migrate,
    qemu_power,
    qemu_snapshots,
    qemu_talk,
    scan,
    services,
    statistics,
    storage_content,
    system,
    tasks,
    urls,
)
from hostd.api.nodes import storage as node_storage
from hostd.api.peers import Peers
from hostd.api.rootasked import ask_verdict
from hostd.daemons.wiring import make_host, node_name
from hostd.node.feed import Subscriber
from hostd.node.samples import ClusterSamples
from hostd.tasks import eventlog
from hostd.tasks.client import DaemonTasks
from hostd.tasks.eventlog import Event

# Every module that declares methods of the API.
ENDPOINT_MODULES: tuple[ModuleType, ...] = (
    version, metrics, access_index, acl, domains, groups, roles, tfa, ticket, tokens, users, pools, cluster_index,
    backup_info, cluster_bulk, cluster_config, jointokens, resources, cluster_tasks, index, system, services,
    journal, apt, certificates, network, statistics, tasks, console, qemu, qemu_power, qemu_talk, qemu_agent,
    qemu_clones, qemu_cloudinit, qemu_disks, qemu_snapshots, qemu_migrate, capabilities, bulk, lxc, lxc_create,
    lxc_power, lxc_snapshots, lxc_clones, lxc_disks, lxc_migrate, aplinfo, storage, node_storage, storage_content,
    scan, urls, disks, disks_pools, ha_index, ha_resources, ha_groups, ha_rules, ha_status, ha_preflight,
    ha_incidents, ha_balance, cluster_qemu,
)  # fmt: skip


def _to_cluster_log(user: str) -> None:
    """Failed log-ins are in the journal alone: whoever guesses must not fill the log that everybody shares."""
    text = f"successful log-in of user '{user}'"
    eventlog.append(
        Event(time=int(time.time()), node=node_name(), pid=os.getpid(), pri=6, tag="hostd", user=user, msg=text)
    )


def _as_root(login: Login) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={quote(login.brief_ticket(ROOT))}", "CSRFPreventionToken": login.csrf(ROOT)}


def make_api(*, forward: Forward | None) -> Api:
    """The API of this process: with ``forward`` the unprivileged front's, without it the root process's."""
    host = make_host(values=True)
    host.mirror.start()
    here = Subscriber()
    here.start()
    authority = Authority(host.mirror)
    services = Services(
        host=host,
        tasks=DaemonTasks(),
        samples=ClusterSamples(host.node, here, host.mirror),
        authority=authority,
        credentials=Login(host.store, host.mirror, authority, pam.Bounded(), came_in=_to_cluster_log),
    )
    verdict = RememberedVerdict(ask_verdict, authority) if forward else RootVerdict(host.store, host.mirror)
    identify = Identity(host.mirror, authority, verdict, trust_root_peer=forward is None)
    # A caller by root's socket has no ticket that another node would know.
    peers = Peers(host.mirror, credentials=None if forward else partial(_as_root, services.credentials))
    return Api(collect(ENDPOINT_MODULES), services, identify, forward, peers)
