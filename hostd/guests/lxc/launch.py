"""What comes before LXC at a container's start: volumes, files inside, LXC's configuration.

It is done in a mount namespace that becomes the container's unit's own. What is mounted there ends with the unit's last
process, however it ends; nobody has to tidy up. A task's worker does it and lets LXC in (``prepared.py``); where there
is none, the unit's process does it for itself and becomes LXC.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hostd.core.errors import Conflict, HostError
from hostd.core.run import Run
from hostd.guests import changes
from hostd.guests import config as files
from hostd.guests.config import GuestPath
from hostd.guests.lxc import cgroups, devices, facts, identities, mounts, running, shaping, start_log, volumes
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc.build import set_up
from hostd.guests.lxc.cgroups import read_text
from hostd.guests.lxc.config import Container, parse_container, without_forbidden
from hostd.guests.lxc.devices import Node
from hostd.guests.lxc.inside.job import Job, Resolver
from hostd.guests.lxc.ownership import owned, where
from hostd.guests.lxc.rooted import make_plain_folders
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.catalog import Catalog

RESOLV_CONF: Final = "/etc/resolv.conf"
_ZONE_FILES: Final = "/usr/share/zoneinfo/"
_DAY_S: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a start will do, read and decided before anything is mounted. ``config``: LXC's configuration file.
    ``cpus``: the processors that it is pinned to, as a list of the kernel's, empty for all."""

    container: Container
    catalog: Catalog
    nodes: Sequence[Node]
    config: str
    cpus: str

    @property
    def vmid(self) -> int:
        return self.container.vmid

    @property
    def log_level(self) -> str:
        """How much LXC writes down, in its own words (lxc.container.conf(5), lxc.log.level)."""
        return "DEBUG" if self.container.debug else "WARN"


def launch(host: Host, vmid: int) -> list[str]:
    """Prepare everything; returns the command to become. Must run in a process of its own: its mounts are private.

    For a start that no task has prepared: a reboot from inside, ``systemctl start``. Raises HostError; the reason is
    also left in the container's start log.
    """
    with reasons_logged(vmid):
        if running.take_reboot(vmid):
            try:
                apply_waiting(host, where(host, vmid))
            except HostError as err:  # somebody works on it: it runs on as it was, rather than not at all
                start_log.add(vmid, f"waiting changes go on waiting: {err}")
        start = plan(host, vmid)
        own_mounts(host.run)
        furnish(host.run, start)
        membership = read_text("/proc/self/cgroup")
        cgroups.remove_stale(vmid, facts.hierarchies(), cgroups.parse_membership(membership))
        running.record(vmid, membership=membership, cpus=start.cpus)
    log = ["--logfile", start_log.path(vmid), "--logpriority", start.log_level]
    return ["lxc-start", "--name", str(vmid), "--foreground", *log]


@contextlib.contextmanager
def reasons_logged(vmid: int) -> Iterator[None]:
    """A HostError is also left in the container's start log."""
    try:
        yield
    except HostError as err:
        start_log.add(vmid, str(err))
        raise


def plan(host: Host, vmid: int, *, debug: bool = False) -> Start:
    """What a start will do; its volumes are made usable on this node. Raises HostError.

    ``debug``: LXC writes down all that it does, as the key ``debug`` has it for every start.
    """
    place = where(host, vmid)
    container = parse_container(vmid, files.load(host.store, place).file)
    if not container.mounts or container.mounts[0].key != "rootfs":
        raise HostError(f"CT {vmid} has no rootfs")
    check_bridges(container)
    catalog = catalog_of(host)
    catalog.activate([point.volume for point in container.mounts if not point.is_path])
    nodes = devices.look_up(container.devices)
    if container.unprivileged:
        identities.ensure_reserved(host.run)
        identities.require_reserved(container.idmap)
    node = facts.gather(running.pinned())
    return Start(
        container=replace(container, debug=container.debug or debug),
        catalog=catalog,
        nodes=nodes,
        config=runtime.render(container, node, source=f"/etc/pve/{place.path}", nodes=nodes),
        cpus=cgroups.format_cpu_list(facts.choose_cpus(node, container.cores)),
    )


def furnish(run: Run, start: Start) -> None:
    """Mount the volumes in this process's own mount namespace, and bring all in place that LXC needs there."""
    container, vmid = start.container, start.vmid
    targets = [runtime.mount_place(vmid, point.key) for point in container.mounts]
    volumes.mount_all(run, start.catalog, container.mounts, targets, unprivileged=container.unprivileged)
    make_places(container)
    keep_files_current(run, container, read_only=container.mounts[0].read_only)
    devices.make_nodes(run, runtime.device_folder(vmid), start.nodes, container.idmap)
    for name, text in shaping.batches(vmid, container.nics).items():
        Path(f"{runtime.folder(vmid)}/{name}").write_text(text, encoding="ascii")
    Path(f"{runtime.folder(vmid)}/config").write_text(start.config, encoding="utf-8")


def apply_waiting(host: Host, place: GuestPath) -> None:
    """Before a start that no task is behind, which would have done it: waiting changes count from now on.

    A volume that was to be removed for good waits for the next start by a task, which has a log for what happens to it.
    """
    with files.lock(place.vmid):
        guest = files.load(host.store, place)
        if guest.file.pending and "!" not in guest.file.pending.get("delete", ""):
            outcome = changes.apply_pending(guest.file, owned(place.vmid))
            files.save(host.store, guest, without_forbidden(outcome.file))


def make_places(container: Container) -> None:
    """The folders on which further volumes will be, made before LXC looks for them.

    LXC would follow a link of the container when it makes one, also out of it; and it mounts on no path with a link.
    """
    for point in container.mounts[1:]:
        around = mounts.around(point, container.mounts)
        root, target = runtime.mount_place(container.vmid, around.key), mounts.below(point, around)
        owner = identities.owner_of(container.unprivileged)
        try:
            make_plain_folders(root, target, owner, make=not around.read_only)
        except Conflict as err:
            raise HostError(f"{point.key} ('{point.target}'): {err}; name what it means instead") from err


def own_mounts(run: Run) -> None:
    """A mount namespace for this process: it follows what the host mounts, the host sees nothing of it."""
    os.unshare(os.CLONE_NEWNS)
    run(["mount", "--make-rslave", "/"])


def check_bridges(container: Container) -> None:
    for nic in container.nics:
        bridge = nic.values.get("bridge")
        if bridge and not os.path.isdir(f"/sys/class/net/{bridge}"):
            raise HostError(f"{nic.key}: bridge '{bridge}' does not exist")


def keep_files_current(run: Run, container: Container, *, read_only: bool) -> None:
    """Bring name, addresses and the like inside up to date where their settings changed since the last start."""
    if container.ostype == "unmanaged" or read_only:
        return
    job = job_of(container, first=False)
    if read_text(_mark_path(container.vmid)) == _mark(job):
        return
    set_up(run, runtime.rootfs(container.vmid), job, unprivileged=container.unprivileged)
    remember(container.vmid, job)


def _mark_path(vmid: int) -> str:
    return f"{runtime.folder(vmid)}/files"


def _mark(job: Job) -> str:
    return hashlib.sha256(job.to_json().encode()).hexdigest()


def remember(vmid: int, job: Job) -> None:
    """The files inside are as this job says."""
    os.makedirs(runtime.folder(vmid), exist_ok=True)
    with open(_mark_path(vmid), "w", encoding="ascii") as file:
        file.write(_mark(job))


def job_of(container: Container, *, first: bool, password_hash: str = "", ssh_keys: str = "") -> Job:
    """What a container's settings mean for its own files."""
    return Job(
        first=first,
        ostype=container.ostype,
        hostname=container.hostname,
        nics=tuple(nic for nic in container.nics if not nic.flag("host-managed")),
        nameserver=container.nameserver,
        searchdomain=container.searchdomain,
        resolver=parse_resolv_conf(read_text(RESOLV_CONF)),
        timezone=host_timezone() if container.timezone == "host" else container.timezone,
        ttys=container.ttys,
        password_hash=password_hash,
        ssh_keys=ssh_keys,
        today_days=int(time.time()) // _DAY_S if first else 0,
    )


def parse_resolv_conf(text: str) -> Resolver:
    """Name servers and search domains of resolv.conf(5); ``domain`` is an old word for one search domain."""
    servers, search = [], ""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            servers.append(words[1])
        elif len(words) > 1 and words[0] in ("search", "domain"):
            search = " ".join(words[1:])
    return Resolver(nameservers=tuple(servers), search=search)


def host_timezone() -> str:
    """The name of the host's zone; empty where it has none."""
    with contextlib.suppress(OSError):
        target = os.path.realpath("/etc/localtime")
        if target.startswith(_ZONE_FILES):
            return target.removeprefix(_ZONE_FILES)
    return ""
