"""What the store's socket understands, apart from the socket: requests to mutations, and reads to answers. Pure.

The server and the in-memory store of tests both answer through here, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from hostd.cluster.fs import paths
from hostd.cluster.fs.mutations import (
    Batch,
    Cause,
    Delete,
    Mkdir,
    Mutation,
    Refused,
    Rename,
    Single,
    Write,
    make_directories,
    new_inode,
)
from hostd.cluster.fs.tree import Node, View
from hostd.cluster.wire import Message

READS = frozenset({"read", "list", "version"})


class Access(StrEnum):
    """What a peer may see and do: root everything; the group reads what is not private."""

    ALL = "all"
    PUBLIC = "public"


class BadRequest(Exception):
    """A request that is refused before anything happens."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.refused = Refused(cause, message)


def _text(request: Mapping[str, object], key: str, default: str | None = None) -> str:
    value = request.get(key, default)
    if not isinstance(value, str):
        raise BadRequest(Cause.INVALID, f"'{key}' must be text")
    return value


def _path(request: Mapping[str, object], key: str, node: str) -> str:
    path = paths.resolve(_text(request, key), node)
    if path and (problem := paths.path_problem(path)):
        raise BadRequest(Cause.INVALID, problem)
    return path


def _version(request: Mapping[str, object]) -> int | None:
    value = request.get("if_version")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise BadRequest(Cause.INVALID, "'if_version' must be a version number")
    return value


FRONTS_KEYS = "api/"  # of these, and no others, the API's unprivileged front may publish values


def publication_of(request: Mapping[str, object], access: Access, *, is_front: bool) -> tuple[str, bytes | None]:
    """Key and value that ``publish`` sets; None removes it. ``is_front``: user ``hostd`` asks. Raises BadRequest."""
    key, data = _text(request, "key"), request.get("data")
    if access is not Access.ALL and not (is_front and key.startswith(FRONTS_KEYS)):
        raise BadRequest(Cause.DENIED, f"only root may publish the value '{key}'")
    if data is not None and not isinstance(data, bytes):
        raise BadRequest(Cause.INVALID, "'data' must be bytes")
    return key, data


def wants_values(request: Mapping[str, object]) -> bool:
    """Whether a watcher asks for the values and the membership; an older client does not know them."""
    return request.get("values") is True


def attribution(request: Mapping[str, object]) -> tuple[str, str]:
    """Actor and task for the journal."""
    return _text(request, "actor", ""), _text(request, "task", "")


def mutation_of(request: Mapping[str, object], node: str) -> Mutation:
    """The change that a request asks for. Raises BadRequest."""
    match _text(request, "op"):
        case "write":
            data = request.get("data")
            if not isinstance(data, bytes):
                raise BadRequest(Cause.INVALID, "'data' must be bytes")
            path = _path(request, "path", node)
            return Write(path=path, data=data, inode=new_inode(), if_version=_version(request))
        case "delete":
            return Delete(path=_path(request, "path", node), if_version=_version(request))
        case "rename":
            source, target = _path(request, "source", node), _path(request, "target", node)
            return Rename(source=source, target=target, if_version=_version(request))
        case "mkdir" if request.get("parents"):
            path = _path(request, "path", node)
            return make_directories(path) if path else Batch(steps=())
        case "mkdir":
            return Mkdir(path=_path(request, "path", node), inode=new_inode())
        case "batch":
            return Batch(steps=tuple(_steps(request, node)))
        case other:
            raise BadRequest(Cause.INVALID, f"unknown request '{other}'")


def _steps(request: Mapping[str, object], node: str) -> Iterator[Single]:
    """The changes of a batch, each a request of its own."""
    steps = request.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        raise BadRequest(Cause.INVALID, "'steps' must be a list of requests")
    for step in steps:
        mutation = mutation_of(step, node)
        yield from mutation.steps if isinstance(mutation, Batch) else (mutation,)


def check_write_access(access: Access) -> None:
    if access is not Access.ALL:
        raise BadRequest(Cause.DENIED, "only root may change the store")


def may_see(access: Access, path: str) -> bool:
    return access is Access.ALL or not paths.is_private(path)


def answer_read(request: Mapping[str, object], view: View, node: str, access: Access) -> Message:
    """The answer to ``read``, ``list`` and ``version``. Raises BadRequest."""
    if request.get("op") == "version":
        return {"ok": view.version}
    path = _path(request, "path", node)
    if not may_see(access, path):
        raise BadRequest(Cause.DENIED, f"only root may read '{path}'")
    found = view.find(path)
    if found is None:
        raise BadRequest(Cause.MISSING, f"'{path}' does not exist")
    if request.get("op") == "list":
        if not found.is_directory:
            raise BadRequest(Cause.NOT_DIRECTORY, f"'{path}' is not a directory")
        return {"ok": sorted(child.name for child in view.children(found.inode))}
    if found.is_directory:
        raise BadRequest(Cause.IS_DIRECTORY, f"'{path}' is a directory")
    return {"ok": entry_of(path, found)}


def entry_of(path: str, node: Node) -> list[object]:
    """An entry as it goes over the wire."""
    return [path, node.data, node.version, node.mtime_ns]


def answer_change(mutation: Mutation | None, node: Node | None) -> Message:
    """The answer to a change that was made."""
    if isinstance(mutation, Write) and node is not None:
        return {"ok": [mutation.path, None, node.version, node.mtime_ns]}
    if isinstance(mutation, Batch) and node is not None:
        return {"ok": node.version}
    return {"ok": None}


def answer_refusal(cause: Cause, message: str) -> Message:
    return {"error": {"cause": cause.value, "message": message}}
