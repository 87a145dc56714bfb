"""What every storage driver can do, and what it says about itself. Optional abilities are Protocols of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from hostd.core.formats.sections import SectionOption
from hostd.storage.volume import Content, VolumeName


@dataclass(frozen=True, kw_only=True)
class StorageConfig:
    """One storage. ``content``: what it may hold, sorted; ``nodes``: where it exists (None: everywhere).

    ``options`` are all lines of the file as text; typed access by ``flag`` and ``text``.
    """

    id: str
    type: str
    content: tuple[str, ...]
    nodes: frozenset[str] | None = None
    disabled: bool = False
    shared: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    def flag(self, key: str, default: bool = False) -> bool:
        return {"1": True, "0": False, "yes": True, "no": False}.get(self.options.get(key, ""), default)

    def text(self, key: str, default: str = "") -> str:
        return self.options.get(key, default)

    def used_on(self, node: str) -> bool:
        """Whether the storage is enabled on that node."""
        return not self.disabled and (self.nodes is None or node in self.nodes)


class Feature(StrEnum):
    """What can be done with a volume. Texts are those that clients ask for."""

    SNAPSHOT = "snapshot"
    CLONE = "clone"
    COPY = "copy"
    TEMPLATE = "template"
    RESIZE = "resize"
    RENAME = "rename"
    SPARSE = "sparseinit"


class State(StrEnum):
    """Which state of a volume a feature is asked for."""

    CURRENT = "current"
    BASE = "base"
    SNAPSHOT = "snapshot"


# By feature and state: the formats that can do it.
Features = Mapping[Feature, Mapping[State, frozenset[str]]]


@dataclass(frozen=True, kw_only=True)
class Info:
    """A driver's abilities as data. ``formats``: the first one is the default.

    ``image_files``: formats that are files with an image inside. While QEMU has one open, QEMU alone may grow it, and
    those whose snapshots lie inside (``qcow2``) are snapshot by it as well; everything else is done by the driver at
    any time.

    ``container_format``: what a container's root becomes here (``subvol``: a directory or dataset; ``raw``: a block
    device with a file system that the caller makes). ``shared``: every node sees the same data. ``aio``: how QEMU
    best writes to its volumes.
    ``streams``: format → the kind of stream that carries such a volume with all of its states (``Streams``); storages
    of one kind understand each other.
    """

    type: str
    content: frozenset[str]
    default_content: frozenset[str]
    formats: tuple[str, ...]
    container_format: str
    shared: bool = False
    aio: str = "io_uring"
    options: Mapping[str, SectionOption] = field(default_factory=dict)
    image_files: frozenset[str] = frozenset()
    features: Features = field(default_factory=dict)
    streams: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VolumeSpec:
    """A volume to make. ``name`` empty: the lowest free one. Sizes are rounded up to what the storage can do."""

    vmid: int
    size_bytes: int
    format: str = "raw"
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume that is there. ``name`` is what follows the colon; ``used_bytes`` is 0 where it cannot be told.

    ``subtype``: the kind of guest in a backup. ``protected``: not to be removed.
    """

    name: str
    content: Content
    format: str
    size_bytes: int
    used_bytes: int = 0
    vmid: int | None = None
    ctime_s: int | None = None
    parent: str = ""
    subtype: str = ""
    notes: str = ""
    protected: bool = False


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Bytes of the whole storage."""

    total_bytes: int
    used_bytes: int
    available_bytes: int


class Driver(Protocol):
    """One storage. Names are those after the colon; every method checks them and raises ParseError for bad ones.

    Programs that fail raise CommandFailed, a missing volume NotFound.
    """

    info: ClassVar[Info]
    storage: StorageConfig

    def activate(self) -> None:
        """Make the storage usable; twice does nothing. Raises Unavailable with the reason."""

    def usage(self) -> Usage: ...

    def volumes(self, contents: Collection[str], vmid: int | None = None) -> list[Volume]:
        """Volumes of these contents, of one guest if given, sorted by name. Other things lying around are left out."""

    def parse(self, name: str) -> VolumeName: ...

    def volume(self, name: str) -> Volume:
        """One volume; NotFound."""

    def create(self, spec: VolumeSpec) -> str:
        """Make a volume and return its name. The caller holds the storage's lock, so that names are not raced for."""

    def delete(self, name: str) -> None: ...

    def path(self, name: str) -> str:
        """Where the volume is or will be once it is activated; nothing is touched."""

    def activate_volume(self, name: str) -> None: ...

    def deactivate_volume(self, name: str) -> None: ...

    def resize(self, name: str, size_bytes: int) -> None:
        """Grow a volume, rounded up to what the storage can do. The caller has checked that it becomes no smaller."""

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        """Give a volume to another guest (or another name) and return its new name; the storage's lock is held."""


@runtime_checkable
class Files(Protocol):
    """A storage that takes files as they are (ISO images, templates)."""

    def file_path(self, content: str, filename: str) -> str:
        """Where a file of that content belongs; ParseError for a name that is not allowed."""


@runtime_checkable
class Notes(Protocol):
    """A storage of files whose backups can carry notes and be protected."""

    def set_notes(self, name: str, notes: str) -> None:
        """Replace the notes; an empty text removes them. Unsupported for anything but backups."""

    def notes(self, name: str) -> str: ...

    def protect(self, name: str, protected: bool) -> None: ...


@runtime_checkable
class Snapshots(Protocol):
    """A storage that keeps states of volumes. Ask ``has_feature`` first: not every format can do it."""

    def snapshot(self, name: str, snapshot: str) -> None: ...

    def rollback(self, name: str, snapshot: str) -> None:
        """Back to a state, which stays. Conflict where newer states are in the way (see ``blocking``)."""

    def blocking(self, name: str, snapshot: str) -> list[str]:
        """Newer snapshots that a rollback to this one would need to delete first; mostly none."""

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        """Forget a state; one that is not there is no error, so that a half-done deletion can be repeated."""

    def snapshots(self, name: str) -> list[str]:
        """Names of the states of a volume, oldest first."""

    def snapshot_path(self, name: str, snapshot: str) -> str:
        """Where a state can be read once ``activate_snapshot`` was called. Unsupported where it lies in an image."""

    def activate_snapshot(self, name: str, snapshot: str) -> None: ...

    def deactivate_snapshot(self, name: str, snapshot: str) -> None: ...


@runtime_checkable
class Templates(Protocol):
    """A storage whose volumes can become bases of linked clones."""

    def make_base(self, name: str) -> str:
        """Turn a volume into a base, which is never written again; its new name. The storage's lock is held."""

    def clone(self, name: str, vmid: int, snapshot: str = "") -> str:
        """A volume that shares a base's (or a snapshot's) data; its name. The storage's lock is held."""


@runtime_checkable
class Streams(Protocol):
    """A storage whose volumes travel with all of their states, while nobody uses them (see ``Info.streams``)."""

    def send(self, name: str, stream: int) -> None:
        """Write a volume and its states to a pipe. Unsupported for a linked clone, which is nothing whole."""

    def receive(self, name: str, stream: int) -> None:
        """Read one from a pipe into the place of a volume that was just made. What is half there goes by ``delete``."""

    def forget_sent(self, name: str) -> None:
        """Remove what a ``send`` that was killed left on the volume; mostly nothing."""


def has_feature(driver: Driver, name: str, feature: Feature, snapshot: str = "") -> bool:
    """Whether a volume (or its snapshot) can do something, from its name alone."""
    parsed = driver.parse(name)
    state = State.SNAPSHOT if snapshot else State.BASE if parsed.is_base else State.CURRENT
    return parsed.format in driver.info.features.get(feature, {}).get(state, frozenset())
