"""The keys of ``/etc/pve/lxc/<id>.conf`` that we know, and a container as they describe it.

Every other key is kept as text. Those that change the container in a way that we cannot give yet stop it from being
started, with the reason: a guest never runs as something else than what its file says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import ParseError, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.core.units import MIB
from hostd.guests.lxc import devices, idmap, mounts, network
from hostd.guests.lxc.devices import Device
from hostd.guests.lxc.idmap import Range
from hostd.guests.lxc.mounts import MountPoint
from hostd.guests.lxc.nic import Nic
from hostd.guests.options import STARTUP, Option, Table, check_dns_name

DEFAULT_MEMORY_MIB: Final = 512
DEFAULT_SWAP_MIB: Final = 512
DEFAULT_TTYS: Final = 2
DEFAULT_INIT: Final = "/sbin/init"
_FLAG = Kind(type="boolean")
_PRINTABLE: Final = r"[^\x00-\x08\x0a-\x1F\x7F]"
ARCHITECTURES: Final = ("amd64", "i386", "arm64", "armhf", "riscv32", "riscv64")
OSTYPES: Final = (
    "debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos", "unmanaged",
)  # fmt: skip
LOCKS: Final = (
    "backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback", "snapshot", "snapshot-delete",
)  # fmt: skip
FEATURES_FORMAT: Final = Format(name="inline:features")


def check_timezone(value: str) -> str:
    """``host``, or a zone's name: it becomes a path below the zone files."""
    ok = value == "host" or re.fullmatch(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", value)
    return "" if ok else f"invalid time zone '{value}'"


TIMEZONE: Final = Kind(format="pve-ct-timezone", check=check_timezone)
HOSTNAME: Final = Kind(format="dns-name", check=check_dns_name, max_length=255)
DOMAINS: Final = Kind(type="list", format="dns-name", check=check_dns_name)
NAMESERVERS: Final = Kind(type="list", format="lxc-ip-with-ll-iface")
_CORES, _UNITS = Kind(type="integer", minimum=1, maximum=8192), Kind(type="integer", minimum=0, maximum=500000)
_LIMIT = Kind(type="number", minimum=0, maximum=8192)
_DISK, _CPU, _MEMORY = "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory"
_NETWORK, _OPTIONS, _ROOT = "VM.Config.Network", "VM.Config.Options", "root"


def _row(doc: str, privilege: str, kind: Kind, *, default: object = None, live: bool = False) -> Option:
    return Option(kind=kind, doc=doc, privilege=privilege, default=default, live=live)


def _parts(doc: str, privilege: str, format: str, form: Format, indices: int = 0) -> Option:
    return Option(kind=Kind(format=format, check=form.check), doc=doc, privilege=privilege, indices=indices)


_GENERAL: Final[Mapping[str, Option]] = {
    "description": _row("Notes.", _OPTIONS, Kind(max_length=8192), live=True),
    "tags": _row("Tags.", _OPTIONS, Kind(type="list", format="pve-tag"), live=True),
    "onboot": _row("Start with the host.", _OPTIONS, _FLAG, default=0, live=True),
    "startup": _row("Order of starting and stopping.", _OPTIONS, STARTUP, live=True),
    "protection": _row("Refuse removal.", _OPTIONS, _FLAG, default=0, live=True),
    "lock": _row("Locked by an operation.", _OPTIONS, Kind(enum=LOCKS), live=True),
    "template": _row("A template, which is cloned and not started.", _OPTIONS, _FLAG, default=0),
    "hookscript": _row("Script run at changes of state (root only).", _ROOT, Kind(format="pve-volume-id")),
    "debug": _row("Log more of its start.", _OPTIONS, _FLAG, default=0),
}
_SYSTEM: Final[Mapping[str, Option]] = {
    "arch": _row("Processor architecture of its programs.", _OPTIONS, Kind(enum=ARCHITECTURES), default="amd64"),
    "ostype": _row("Distribution; by it, files inside are set. 'unmanaged': none.", _OPTIONS, Kind(enum=OSTYPES)),
    "unprivileged": _row("Users inside are others on the host.", _OPTIONS, _FLAG, default=0),
    "features": _parts("What it may do beyond the usual.", _OPTIONS, "inline:features", FEATURES_FORMAT),
    "entrypoint": _row("First program.", _OPTIONS, Kind(pattern=f"{_PRINTABLE}+"), default=DEFAULT_INIT),
    "env": _row(
        "Environment of the first program, NUL between variables.", _OPTIONS,
        Kind(pattern=rf"(?:\w+={_PRINTABLE}*)(?:\0\w+={_PRINTABLE}*)*"),
    ),
    "timezone": _row("Time zone, or 'host' for the host's.", _OPTIONS, TIMEZONE),
    "console": _row("Have a /dev/console.", _OPTIONS, _FLAG, default=1),
    "tty": _row("Number of terminals.", _OPTIONS, Kind(type="integer", minimum=0, maximum=6), default=DEFAULT_TTYS),
    "cmode": _row("What the console shows.", _OPTIONS, Kind(enum=("shell", "console", "tty")), default="tty"),
}  # fmt: skip
_RESOURCES: Final[Mapping[str, Option]] = {
    "cores": _row("Cores it sees; all where absent.", _CPU, _CORES),
    "cpulimit": _row("Most processor time, in CPUs; 0: no limit.", _CPU, _LIMIT, default=0),
    "cpuunits": _row("Weight of processor time.", _CPU, _UNITS),
    "memory": _row("Memory, MiB.", _MEMORY, Kind(type="integer", minimum=16), default=DEFAULT_MEMORY_MIB),
    "swap": _row("Swap beside it, MiB.", _MEMORY, Kind(type="integer", minimum=0), default=DEFAULT_SWAP_MIB),
}  # fmt: skip
_PLACES: Final[Mapping[str, Option]] = {
    "hostname": _row("Host name.", _NETWORK, HOSTNAME),
    "searchdomain": _row("Search domains; the host's where absent.", _NETWORK, DOMAINS),
    "nameserver": _row("Name servers; the host's where absent.", _NETWORK, NAMESERVERS),
    "net": _parts("A network card.", _NETWORK, "pve-lxc-network", network.FORMAT, network.COUNT),
    "rootfs": _parts("Volume of its root.", _DISK, "inline:rootfs", mounts.ROOTFS_FORMAT),
    "mp": _parts("A further volume.", _DISK, "pve-ct-mountpoint", mounts.MOUNT_FORMAT, mounts.COUNT),
    "unused": _parts("A volume that is not mounted.", _DISK, "inline:unused-2", mounts.UNUSED_FORMAT, mounts.COUNT),
    "dev": _parts("A device of the host (root only).", _ROOT, "inline:dev", devices.FORMAT, devices.COUNT),
}  # fmt: skip
OPTIONS: Final = Table({**_GENERAL, **_SYSTEM, **_RESOURCES, **_PLACES})
# LXC settings that are made from other keys and never taken from the file.
_FORBIDDEN_RAW: Final = frozenset(("lxc.rootfs.path", "lxc.rootfs.options", "lxc.cgroup.relative"))


@dataclass(frozen=True, kw_only=True)
class Features:
    """What a container may do beyond the usual."""

    nesting: bool = False
    keyctl: bool = False
    fuse: bool = False
    force_rw_sys: bool = False
    mount: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container as its current section describes it. ``cores`` 0, ``cpulimit`` 0, ``cpuunits`` 0: not limited."""

    vmid: int
    hostname: str
    ostype: str
    arch: str
    unprivileged: bool
    cores: int
    cpulimit: float
    cpuunits: int
    memory_bytes: int
    swap_bytes: int
    mounts: tuple[MountPoint, ...]
    nics: tuple[Nic, ...]
    features: Features
    ttys: int
    console: bool
    cmode: str
    nameserver: str
    searchdomain: str
    timezone: str
    entrypoint: str
    environment: tuple[str, ...]
    debug: bool
    idmap: tuple[Range, ...]
    devices: tuple[Device, ...]
    raw: tuple[tuple[str, str], ...]


def parse_container(vmid: int, file: GuestFile) -> Container:
    """Raises ParseError, Invalid or Conflict for values that cannot be, Unsupported for what we cannot give yet."""
    config = file.current
    refuse_what_we_cannot(config)
    try:
        return Container(
            vmid=vmid,
            hostname=config.get("hostname", "") or default_hostname(vmid),
            ostype=config.get("ostype", ""),
            arch=config.get("arch", "amd64"),
            unprivileged=is_unprivileged(config),
            cores=int(config.get("cores", "0")),
            cpulimit=float(config.get("cpulimit", "0")),
            cpuunits=int(config.get("cpuunits", "0")),
            memory_bytes=memory_bytes(config),
            swap_bytes=swap_bytes(config),
            mounts=tuple(mounts.mount_points(config)),
            nics=tuple(network.nics(config)),
            features=_features(config),
            ttys=int(config.get("tty", str(DEFAULT_TTYS))),
            console=config.get("console", "1") == "1",
            cmode=config.get("cmode", "tty"),
            nameserver=config.get("nameserver", ""),
            searchdomain=config.get("searchdomain", ""),
            timezone=config.get("timezone", ""),
            entrypoint=config.get("entrypoint", DEFAULT_INIT),
            environment=tuple(config["env"].split("\0")) if config.get("env") else (),
            debug=config.get("debug") == "1",
            devices=devices.devices(config),
            idmap=idmap.of_container(file.raw, unprivileged=is_unprivileged(config)),
            raw=allowed_raw(file.raw),
        )
    except ValueError as err:
        raise ParseError(f"configuration of CT {vmid}: {err}") from err


def refuse_what_we_cannot(config: Mapping[str, str]) -> None:
    """Unsupported, naming the first key that asks for what we cannot give."""
    features = propstring.parse(config.get("features", ""))
    if features.get("mknod", "0") not in ("", "0"):
        raise Unsupported("features: 'mknod' is kept, but not supported yet: remove it to start this container")
    for nic in network.nics(config):
        if nic.values.get("trunks"):
            raise Unsupported(f"{nic.key}: 'trunks' is kept, but not supported yet")
        moving = [key for key in ("ip", "ip6") if nic.values.get(key) in ("dhcp", "auto")]
        if nic.flag("host-managed") and moving:
            raise Unsupported(
                f"{nic.key}: 'host-managed' is possible with fixed addresses only, not with '{moving[0]}'"
            )
    for point in mounts.mount_points(config):
        if point.is_path and point.key == "rootfs":
            raise Unsupported("rootfs: a folder or device of the host as the root is not supported yet")
        for name in ("idmap", "keepattrs", "quota"):
            if point.values.get(name, "0") != "0":
                raise Unsupported(f"{point.key}: '{name}' is kept, but not supported yet")


def _features(config: Mapping[str, str]) -> Features:
    given = propstring.validate(config.get("features", ""), FEATURES_FORMAT)
    return Features(
        nesting=given.get("nesting") == "1",
        keyctl=given.get("keyctl") == "1",
        fuse=given.get("fuse") == "1",
        force_rw_sys=given.get("force_rw_sys") == "1",
        mount=tuple(given.get("mount", "").replace(";", " ").split()),
    )


def is_unprivileged(config: Mapping[str, str]) -> bool:
    return config.get("unprivileged", "0") == "1"


def memory_bytes(config: Mapping[str, str]) -> int:
    return int(config.get("memory", str(DEFAULT_MEMORY_MIB))) * MIB


def swap_bytes(config: Mapping[str, str]) -> int:
    return int(config.get("swap", str(DEFAULT_SWAP_MIB))) * MIB


def default_hostname(vmid: int) -> str:
    return f"CT{vmid}"


def root_bytes(config: Mapping[str, str]) -> int:
    """The size that lists show; 0 where the configuration does not tell."""
    try:
        return mounts.parse_mount("rootfs", config["rootfs"]).size_bytes if "rootfs" in config else 0
    except (ParseError, ValueError):
        return 0


def allowed_raw(raw: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """LXC settings of the file without those that would undo what is made from its other keys."""
    return tuple((key, value) for key, value in raw if key not in _FORBIDDEN_RAW)


def without_forbidden(file: GuestFile) -> GuestFile:
    """As the file is written back: without LXC settings that are never taken from it."""
    return replace(file, raw=allowed_raw(file.raw))


def shown_comment(comment: str) -> str:
    """The description as clients read it of a container: each line ends, also the last one, unlike a machine's."""
    return f"{comment}\n" if comment else ""


def state_volumes(config: Mapping[str, str]) -> dict[str, str]:
    """Key → volume id of everything that a snapshot keeps a state of: no folders and devices of the host."""
    keys = ["rootfs", *(f"mp{n}" for n in range(mounts.COUNT))]
    parts = {key: propstring.parse(config[key], default_key="volume") for key in keys if key in config}
    found = {key: values.get("volume", "") for key, values in parts.items()}
    return {key: volume for key, volume in found.items() if ":" in volume and not volume.startswith("/")}
