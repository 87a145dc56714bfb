"""The keys an answer file may have, declared once: the parser, its error texts and the manual read this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from installer.answer_lines import KeyPath


class Kind(StrEnum):
    """Form of a value in the TOML text."""

    TEXT = "text"
    FLAG = "true or false"
    INTEGER = "whole number"
    NUMBER = "number"
    TEXTS = "list of texts"
    PATTERNS = "table of udev property = pattern"
    NAMES = "table of MAC address = name"


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key: its path, the form of its value, what is allowed, and the sentence the manual shows."""

    path: KeyPath
    kind: Kind
    doc: str
    values: tuple[str, ...] = ()
    any_case: bool = False
    low: float | None = None
    high: float | None = None
    required: bool = False
    default: str = ""

    @property
    def name(self) -> str:
        return ".".join(self.path)


FILESYSTEMS = ("ext4", "xfs", "zfs", "btrfs")
ZFS_LEVELS = ("raid0", "raid1", "raid10", "raidz-1", "raidz-2", "raidz-3")
BTRFS_LEVELS = ("raid0", "raid1", "raid10")
ZFS_COMPRESSION = ("on", "off", "lzjb", "lz4", "zle", "gzip", "zstd")
ZFS_CHECKSUMS = ("on", "fletcher4", "sha256")
BTRFS_COMPRESSION = ("on", "off", "zlib", "lzo", "zstd")
ORDERINGS = ("before-network", "network-online", "fully-up")

_TEXT, _FLAG, _WHOLE, _NUMBER = Kind.TEXT, Kind.FLAG, Kind.INTEGER, Kind.NUMBER


def _key(
    path: str,
    kind: Kind,
    doc: str,
    *,
    values: tuple[str, ...] = (),
    any_case: bool = False,
    low: float | None = None,
    high: float | None = None,
    required: bool = False,
    default: str = "",
) -> Key:
    return Key(
        path=tuple(path.split(".")), kind=kind, doc=doc, values=values, any_case=any_case, low=low, high=high,
        required=required, default=default,
    )  # fmt: skip


KEYS: tuple[Key, ...] = (
    _key("global.keyboard", _TEXT, "Keyboard layout, for example `de` or `en-us`.", required=True),
    _key("global.country", _TEXT, "Country code of two letters (ISO 3166), lower case.", required=True),
    _key("global.timezone", _TEXT, "Time zone, for example `Europe/Vienna` or `UTC`.", required=True),
    _key("global.mailto", _TEXT, "E-mail address of root@pam, for notifications.", required=True),
    _key("global.fqdn", _TEXT, "Full name of the host, `host.domain`. Either this or `global.fqdn.source`."),
    _key("global.fqdn.source", _TEXT, "Takes host name and domain from the DHCP answer.", values=("from-dhcp",)),
    _key("global.fqdn.domain", _TEXT, "Domain to use with `source`, instead of the one of the DHCP answer."),
    _key("global.root-password", _TEXT, "Password of root, at least 8 characters. Either this or the hashed one."),
    _key("global.root-password-hashed", _TEXT, "Password of root as crypt(5) hash, for example from `mkpasswd`."),
    _key("global.root-ssh-keys", Kind.TEXTS, "Public SSH keys that may log in as root."),
    _key(
        "global.reboot-mode", _TEXT, "What follows a finished installation.",
        values=("reboot", "power-off"), default="reboot",
    ),
    _key("global.reboot-on-error", _FLAG, "Reboot after a failure instead of keeping a shell.", default="false"),
    _key("global.subscription-key", _TEXT, "Key of a subscription; Holdfast has none and refuses it."),
    _key(
        "network.source", _TEXT, "Where the address of the host comes from.",
        values=("from-dhcp", "from-answer"), required=True,
    ),
    _key("network.cidr", _TEXT, "Address and prefix length, IPv4 or IPv6. Only with `from-answer`."),
    _key("network.gateway", _TEXT, "Default gateway. Only with `from-answer`."),
    _key("network.dns", _TEXT, "Name server. Only with `from-answer`."),
    _key("network.filter", Kind.PATTERNS, "Chooses the management NIC by udev properties. Only with `from-answer`."),
    _key("network.interface-name-pinning.enabled", _FLAG, "Give NICs fixed names by MAC address.", default="false"),
    _key("network.interface-name-pinning.mapping", Kind.NAMES, "Names of NICs; the others become `nic0`, `nic1`…"),
    _key("disk-setup.filesystem", _TEXT, "File system of the root.", values=FILESYSTEMS, required=True),
    _key("disk-setup.disk-list", Kind.TEXTS, "Disks to install to, which are **wiped**. Either this or `filter`."),
    _key("disk-setup.filter", Kind.PATTERNS, "Chooses the disks to **wipe** and install to by udev properties."),
    _key(
        "disk-setup.filter-match", _TEXT, "Whether a disk has to match one or all of the filters.",
        values=("any", "all"), default="any",
    ),
    _key("disk-setup.lvm.hdsize", _NUMBER, "GiB of the disk to use; the rest stays empty.", low=1),
    _key("disk-setup.lvm.swapsize", _NUMBER, "GiB of swap; 0 for none.", low=0),
    _key("disk-setup.lvm.maxroot", _NUMBER, "Most GiB for the root volume.", low=0),
    _key("disk-setup.lvm.maxvz", _NUMBER, "Most GiB for the thin pool of guests; 0 for none.", low=0),
    _key("disk-setup.lvm.minfree", _NUMBER, "GiB left free in the volume group.", low=0),
    _key(
        "disk-setup.zfs.raid", _TEXT, "Layout of the pool; needed with `zfs`. `raid0` with one disk is a plain pool.",
        values=ZFS_LEVELS, any_case=True,
    ),
    _key("disk-setup.zfs.ashift", _WHOLE, "Sector size as a power of two.", low=9, high=16, default="12"),
    _key("disk-setup.zfs.arc-max", _WHOLE, "Most MiB of memory for the cache of ZFS.", low=0, default="10% of memory"),
    _key("disk-setup.zfs.checksum", _TEXT, "Checksum of blocks.", values=ZFS_CHECKSUMS, default="on"),
    _key("disk-setup.zfs.compress", _TEXT, "Compression of blocks.", values=ZFS_COMPRESSION, default="on"),
    _key("disk-setup.zfs.copies", _WHOLE, "Copies of each block.", low=1, high=3, default="1"),
    _key("disk-setup.zfs.hdsize", _NUMBER, "GiB of each disk to use; the rest stays empty.", low=1),
    _key(
        "disk-setup.btrfs.raid", _TEXT, "Layout of the file system; needed with `btrfs`.",
        values=BTRFS_LEVELS, any_case=True,
    ),
    _key("disk-setup.btrfs.compress", _TEXT, "Compression of files.", values=BTRFS_COMPRESSION, default="off"),
    _key("disk-setup.btrfs.hdsize", _NUMBER, "GiB of each disk to use; the rest stays empty.", low=1),
    _key("first-boot.source", _TEXT, "Source of the script for the first boot.", values=("from-iso", "from-url")),
    _key("first-boot.ordering", _TEXT, "When in the first boot it runs.", values=ORDERINGS, default="fully-up"),
    _key("first-boot.url", _TEXT, "Address of the script. Only with `from-url`."),
    _key("first-boot.cert-fingerprint", _TEXT, "SHA-256 fingerprint of the certificate at that address."),
    _key("cluster.create", _TEXT, "Name of a new cluster that this host begins. Either this or `join`."),
    _key("cluster.join", _TEXT, "Join token of a cluster, from `pvecm token create` on one of its nodes."),
    _key("post-installation-webhook.url", _TEXT, "Address that is told about the finished installation."),
    _key("post-installation-webhook.cert-fingerprint", _TEXT, "SHA-256 fingerprint of the certificate there."),
    _key("post-installation-webhook.auth-token", _TEXT, "Token sent along."),
)  # fmt: skip
BY_PATH: dict[KeyPath, Key] = {key.path: key for key in KEYS}
TABLES: frozenset[KeyPath] = frozenset(key.path[:n] for key in KEYS for n in range(1, len(key.path)))
