"""What storages have to say about a caller's rights: the use of a volume, and how far a requested limit counts.

``May`` asks the caller's rights, so that nothing here knows users.
Source: conformance area ``storage`` (bwlimit, volume-access).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hostd.core.errors import Conflict, Denied
from hostd.core.formats.lists import split_list
from hostd.storage.volume import Content, VolumeName

# Path and privilege.
May = Callable[[str, str], bool]
_SHARED_READING: Final = frozenset((Content.ISO, Content.TEMPLATE, Content.IMPORT))


def parse_limits(text: str) -> Mapping[str, float]:
    """``default=50,move=40``: KiB a second by operation; other parts are left out."""
    pairs = (part.partition("=") for part in split_list(text))
    return {key: float(value) for key, _, value in pairs if value.replace(".", "", 1).isdecimal()}


def bandwidth_limit(
    operation: str,
    storages: Iterable[Mapping[str, float] | None],
    everywhere: Mapping[str, float],
    override: float | None = None,
    *,
    may: May | None = None,
    names: Iterable[str] = (),
) -> float:
    """KiB a second for an operation on storages (their limits, and ``names`` in the same order); 0 means no limit.

    A storage's own limit stands before that of the cluster (``everywhere``), which counts where a storage has none. The
    lowest one wins. A requested ``override`` is free of the limits that the caller (``may``) could change anyway:
    those of a storage for who may configure it, that of the cluster for who may configure the cluster.
    """
    limits: list[float] = []
    fallback = False
    asked = override is not None and may is not None
    involved = False
    for name, own in zip(names, storages, strict=True):
        involved = True
        if asked and may and (may("/storage", "Datastore.Allocate") or may(f"/storage/{name}", "Datastore.Allocate")):
            continue
        found = _of(operation, own or {})
        if found is None:
            fallback = True
        else:
            limits.append(found)
    covers = fallback or not involved
    if asked and may and (may("/", "Sys.Modify") or (involved and may("/storage", "Datastore.Allocate"))):
        covers = False
    general = _of(operation, everywhere) if covers else None
    wanted = [*limits, *([general] if general is not None else []), *([override] if override else [])]
    positive = [limit for limit in wanted if limit]
    return min(positive) if positive else 0


def _of(operation: str, limits: Mapping[str, float]) -> float | None:
    return limits.get(operation, limits.get("default"))


def require_volume_access(
    volume: VolumeName | None, storage: str, may: May, *, vmid: int | None = None, content: str = "", root: bool = False
) -> None:
    """Raise Denied unless a caller may use a volume for guest ``vmid``; Conflict when it is not of that ``content``.

    Who may configure the storage may use everything on it. Images and templates to read need a look at the storage; a
    guest's own volume needs nothing more; another guest's needs the right to configure (or back up) that guest.
    ``volume`` None is a path of the host, which is root's alone.
    """
    if volume is None:
        if not root:
            raise Denied("only root@pam can use paths of the host")
        return
    if content and volume.content != content and (content, volume.content) != ("rootdir", "images"):
        raise Conflict(
            f"unable to use volume '{storage}:{volume.name}': its content is '{volume.content}', not '{content}'"
        )
    path = f"/storage/{storage}"
    if may(path, "Datastore.Allocate"):
        return
    if volume.content in _SHARED_READING:
        allowed = may(path, "Datastore.AllocateSpace") or may(path, "Datastore.Audit")
    elif volume.vmid is None:
        allowed = False
    elif volume.vmid == vmid:
        allowed = True
    elif volume.content is Content.BACKUP:
        allowed = may(path, "Datastore.AllocateSpace") and may(f"/vms/{volume.vmid}", "VM.Backup")
    else:
        allowed = may(path, "Datastore.Audit") and may(f"/vms/{volume.vmid}", "VM.Config.Disk")
    if not allowed:
        raise Denied(f"missing privileges to access '{storage}:{volume.name}'")
