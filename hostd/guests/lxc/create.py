"""Making a container: its id reserved, its volumes made and filled from a template, its file written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hostd.core.errors import Conflict, HostError
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.run import Run
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import membership
from hostd.guests.lxc import config as keys
from hostd.guests.lxc import facts, identities, launch, lifecycle, volumes
from hostd.guests.lxc import plan as planning
from hostd.guests.lxc import runtime_config as runtime
from hostd.guests.lxc.build import Build, build_isolated
from hostd.guests.lxc.engine import Engine
from hostd.guests.lxc.inside.detect import UNMANAGED
from hostd.guests.lxc.inside.job import Report
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.macs import cluster_prefix
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.volume import Content, VolumeId
from hostd.tasks.log import TaskLog

CREATE_LOCK = "create"


@dataclass(frozen=True, kw_only=True)
class NewContainer:
    """What is asked for. ``values``: lines of the file, new volumes as ``<storage>:<GiB>``. Never logged as a whole.

    ``limit_kib``: most KiB a second of the template, 0 for no limit.
    """

    template: str
    values: Mapping[str, str]
    password: str = field(default="", repr=False)
    ssh_keys: str = ""
    start: bool = False
    pool: str = ""
    limit_kib: int = 0


def create(host: Host, log: TaskLog, vmid: int, wanted: NewContainer, *, engine: Engine | None = None) -> None:
    """Make a container. What was made is undone if a step fails."""
    place = lifecycle.where(host, vmid)
    comment = wanted.values.get("description", "")
    plain = {key: value for key, value in wanted.values.items() if key != "description"}
    plan = planning.identified(planning.plan_values(plain), os.urandom, cluster_prefix(host.store))
    keys.refuse_what_we_cannot(plain)
    unprivileged = keys.is_unprivileged(plain)
    catalog = catalog_of(host)
    template = template_path(catalog, wanted.template)
    with files.lock(vmid), Undo() as undo:
        reserved = files.create(host.store, place, GuestFile(current={**plain, "lock": CREATE_LOCK}))
        undo.add(host.store.delete, place.path)
        undo.add(lifecycle.remove_runtime_files, vmid)
        if unprivileged:
            identities.ensure_reserved(host.run)
        values = lifecycle.allocate(host, log, vmid, plan, undo, unprivileged=unprivileged)
        draft = keys.parse_container(vmid, GuestFile(current=planning.first_values(values, vmid=vmid)))
        log.info(f"unpacking '{wanted.template}'")
        report = fill(host, catalog, draft, template, wanted)
        for text in report.warnings:
            log.warn(text)
        config = planning.first_values(values, vmid=vmid, ostype=report.ostype, arch=report.arch)
        check_arch(config["arch"])
        files.save(host.store, reserved, GuestFile(comment=comment, current=config))
        remember_files(replace(draft, ostype=config["ostype"]))
        if wanted.pool:
            membership.join_pool(host.store, vmid, wanted.pool)
        undo.keep()
    log.info(f"CT {vmid} created ({config['ostype']}, {config['arch']})")
    if wanted.start:
        lifecycle.start(host, log, vmid, engine=engine)


def template_path(catalog: Catalog, template: str) -> str:
    """Where a template lies; NotFound when it is not there, Conflict for a volume that is none."""
    volume = VolumeId.parse(template)
    found = catalog.volume(volume)
    if found.content is not Content.TEMPLATE:
        raise Conflict(f"'{template}' is no container template")
    return catalog.path(volume)


def fill(host: Host, catalog: Catalog, draft: keys.Container, template: str, wanted: NewContainer) -> Report:
    """Unpack and set up in the container's volumes; they are mounted for that program alone."""
    root = runtime.rootfs(draft.vmid)
    job = launch.job_of(
        draft,
        first=True,
        password_hash=hash_password(host.run, wanted.password) if wanted.password else "",
        ssh_keys=wanted.ssh_keys,
    )
    work = Build(
        root=root,
        mounts=tuple(mount_plan(catalog, draft.mounts, root)),
        template=template,
        unprivileged=draft.unprivileged,
        job=job,
        limit_kib=wanted.limit_kib,
    )
    return build_isolated(host.run, work)


def renew_identity(host: Host, catalog: Catalog, container: keys.Container) -> None:
    """Let a copy be somebody else than the container that it was copied from: name, machine id, SSH server's keys."""
    if container.ostype == UNMANAGED:
        return
    root = runtime.rootfs(container.vmid)
    catalog.activate(point.volume for point in container.mounts if not point.is_path)
    work = Build(
        root=root,
        mounts=tuple(mount_plan(catalog, container.mounts[:1], root)),
        template="",
        unprivileged=container.unprivileged,
        job=replace(launch.job_of(container, first=False), copied=True),
    )
    build_isolated(host.run, work)


def mount_plan(catalog: Catalog, points: Sequence[MountPoint], root: str) -> list[tuple[list[str], str]]:
    """Commands and targets; without device nodes, and writable whatever the container may do later.

    Nothing of an archive goes to the host's own folders.
    """
    plan = []
    for point in points:
        if point.is_path:
            continue
        target = root if point.target == "/" else f"{root}{point.target}"
        options = ["nodev", *(word for word in point.options if word != "ro")]
        plan.append((volumes.mount_argv(volumes.source_of(catalog, point.volume), target, options), target))
    return plan


def hash_password(run: Run, password: str) -> str:
    """SHA-512 in the form of crypt(5), which every distribution understands. The password goes through a pipe."""
    result = run(["openssl", "passwd", "-6", "-stdin"], input=password.encode() + b"\n", timeout_s=30)
    hashed = result.stdout.strip()
    if not hashed.startswith("$6$"):
        raise HostError("openssl made no password hash")
    return hashed


def check_arch(arch: str) -> None:
    """Refuse what this node cannot run before anybody waits for a start."""
    runtime.lxc_architecture(arch, facts.machine())


def remember_files(container: keys.Container) -> None:
    """The files inside are as the configuration says; the first start need not look again."""
    if container.ostype != UNMANAGED:
        launch.remember(container.vmid, launch.job_of(container, first=False))
