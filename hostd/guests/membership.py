"""What the cluster's other files say about a guest: pools, permissions, backup jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hostd.access import edits, files, users
from hostd.access.users import UserConfig
from hostd.cluster.store import Store
from hostd.core.errors import NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.lists import split_list

_JOBS: Final = "jobs.cfg"
_LISTS: Final = ("vmid", "exclude")


def join_pool(store: Store, vmid: int, pool: str, *, actor: str = "") -> None:
    """Put a new guest into a pool."""

    def change(text: str) -> str:
        return users.format(edits.change_members(users.parse(text), pool, [vmid], [], delete=False, move=False))

    files.rewrite(store, users.PATH, change, actor=actor)


def without_guest(before: UserConfig, vmid: int) -> UserConfig:
    """Without a guest's permissions and its membership of pools."""
    acl = {key: propagate for key, propagate in before.acl.items() if key[0] != f"/vms/{vmid}"}
    pools = {id: replace(pool, vms=pool.vms - {vmid}) for id, pool in before.pools.items()}
    return replace(before, acl=acl, pools=pools)


def forget_rights(store: Store, vmid: int) -> None:
    """A later guest of the same id must not inherit who may use it."""
    before = users.parse(_text(store, users.PATH))
    if without_guest(before, vmid) != before:
        files.rewrite(store, users.PATH, lambda text: users.format(without_guest(users.parse(text), vmid)), actor="")


def without_job_guest(text: str, vmid: int) -> str:
    """Jobs that do not name the guest any more; one that named no other guest is removed."""
    kept = []
    for job in sectionconfig.parse(text):
        values = dict(job.values)
        for key in _LISTS:
            words = split_list(values.get(key, ""))
            if str(vmid) in words:
                values[key] = ",".join(word for word in words if word != str(vmid))
        named = values.get("vmid", "all")
        if values.get("exclude") == "":
            del values["exclude"]
        if named:
            kept.append(replace(job, values=values))
    return sectionconfig.format(kept)


def leave_jobs(store: Store, vmid: int) -> None:
    """Take the guest out of backup jobs."""
    text = _text(store, _JOBS)
    if str(vmid) in text and without_job_guest(text, vmid) != text:
        files.rewrite(store, _JOBS, lambda now: without_job_guest(now, vmid), actor="")


def _text(store: Store, path: str) -> str:
    try:
        return store.read(path).data.decode()
    except NotFound:
        return ""
