"""Answers: what the person who installs has decided. The answer file and (later) the text interface both produce it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hostd.core.errors import Invalid, ParseError
from hostd.core.names import check_cluster_name
from hostd.core.run import Secret
from installer.addresses import Address, Interface, parse_address, parse_interface
from installer.answer_file import AnswerError, Document, Problem, read_document
from installer.hostname import LABEL, Fqdn, parse_fqdn
from installer.nic_names import check_pin_map

SHORTEST_PASSWORD = 8
# What installers of this family show in an empty form; nobody reads mail there.
PLACEHOLDER_MAIL = "mail@example.invalid"
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
_WORD = re.compile(r"[!-~]+")
_CRYPT = re.compile(r"\$[0-9a-z]+\$[^\s:]+")
_SSH_KEY = re.compile(r"(?:\S.*\s)?(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+\s+\S+(?:\s.*)?")


class Filesystem(StrEnum):
    EXT4 = "ext4"
    XFS = "xfs"
    ZFS = "zfs"
    BTRFS = "btrfs"

    @property
    def on_lvm(self) -> bool:
        return self in (Filesystem.EXT4, Filesystem.XFS)


class RaidLevel(StrEnum):
    RAID0 = "raid0"
    RAID1 = "raid1"
    RAID10 = "raid10"
    RAIDZ1 = "raidz-1"
    RAIDZ2 = "raidz-2"
    RAIDZ3 = "raidz-3"


class RebootMode(StrEnum):
    REBOOT = "reboot"
    POWER_OFF = "power-off"


@dataclass(frozen=True, kw_only=True)
class Password:
    """Root's password; ``hashed`` says that ``secret`` is a crypt(5) hash."""

    secret: Secret
    hashed: bool


@dataclass(frozen=True, kw_only=True)
class FqdnFromDhcp:
    """Host name from the DHCP answer, domain from there too unless ``domain`` is given."""

    domain: str = ""


@dataclass(frozen=True, kw_only=True)
class StaticNetwork:
    address: Interface
    gateway: Address
    dns: Address
    filters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class DiskChoice:
    """Disks by name, or by patterns over udev properties (``match_all``: all of them must match, else one)."""

    names: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    match_all: bool = False


@dataclass(frozen=True, kw_only=True)
class LvmOptions:
    """Sizes in GiB; None leaves the choice to the layout."""

    hdsize_gib: float | None = None
    swapsize_gib: float | None = None
    maxroot_gib: float | None = None
    maxvz_gib: float | None = None
    minfree_gib: float | None = None


@dataclass(frozen=True, kw_only=True)
class ZfsOptions:
    hdsize_gib: float | None = None
    ashift: int = 12
    arc_max_mib: int | None = None
    checksum: str = "on"
    compress: str = "on"
    copies: int = 1


@dataclass(frozen=True, kw_only=True)
class BtrfsOptions:
    hdsize_gib: float | None = None
    compress: str = "off"


@dataclass(frozen=True, kw_only=True)
class FirstBoot:
    """A script for the first boot: from the medium, or from ``url``."""

    ordering: str
    url: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What the host belongs to from its first boot on: a new cluster of that name, or the one that the token is of."""

    create: str = ""
    join: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Webhook:
    url: str
    fingerprint: str = ""
    token: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Everything a person decides, checked as far as that is possible without knowing the machine.

    ``network`` None: the address comes from DHCP. ``pin_map`` is keyed by lower-case MAC. ``raid`` is None on LVM.
    ``document`` is kept so that later findings can name key and line of the file.
    """

    keyboard: str
    country: str
    timezone: str
    mailto: str
    fqdn: Fqdn | FqdnFromDhcp
    password: Password
    ssh_keys: tuple[str, ...] = ()
    reboot_mode: RebootMode = RebootMode.REBOOT
    reboot_on_error: bool = False
    subscription_key: Secret | None = None
    network: StaticNetwork | None = None
    pin_names: bool = False
    pin_map: Mapping[str, str] = field(default_factory=dict)
    disks: DiskChoice = DiskChoice()
    filesystem: Filesystem = Filesystem.EXT4
    raid: RaidLevel | None = None
    lvm: LvmOptions = LvmOptions()
    zfs: ZfsOptions = ZfsOptions()
    btrfs: BtrfsOptions = BtrfsOptions()
    first_boot: FirstBoot | None = None
    cluster: Cluster | None = None
    webhook: Webhook | None = None
    document: Document = field(default_factory=lambda: Document(values={}), compare=False, repr=False)

    def problem(self, key: str, message: str) -> Problem:
        """A finding about ``key`` (dotted), with the line it stands on."""
        return self.document.problem(key, message)


def parse_answers(text: str) -> Answers:
    """Read an answer file. Raises AnswerError with every problem found, each with its key and line."""
    document = read_document(text)
    reader = _Reader(document)
    answers = reader.answers()
    if reader.problems or answers is None:
        raise AnswerError(reader.problems)
    return answers


class _Reader:
    """Turns a document of the right form into Answers; collects problems instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def problem(self, key: str, message: str) -> None:
        self.problems.append(self.document.problem(key, message))

    def answers(self) -> Answers | None:
        """The answers; None (with problems noted) where a part that has no stand-in is wrong."""
        doc = self.document
        filesystem = Filesystem(doc.text("disk-setup.filesystem"))
        fqdn, password, network = self._fqdn(), self._password(), self._network()
        self._mail()
        disks, raid = self._disks(filesystem), self._raid(filesystem)
        first_boot, webhook, cluster = self._first_boot(), self._webhook(), self._cluster()
        pin_map = self._pin_map()
        key = doc.text("global.subscription-key")
        if fqdn is None or password is None:
            return None
        return Answers(
            keyboard=doc.text("global.keyboard"),
            country=doc.text("global.country"),
            timezone=doc.text("global.timezone"),
            mailto=doc.text("global.mailto"),
            fqdn=fqdn,
            password=password,
            ssh_keys=self._ssh_keys(),
            reboot_mode=RebootMode(doc.text("global.reboot-mode", "reboot")),
            reboot_on_error=doc.flag("global.reboot-on-error"),
            subscription_key=Secret(key) if key else None,
            network=network,
            pin_names=doc.flag("network.interface-name-pinning.enabled"),
            pin_map=pin_map,
            disks=disks,
            filesystem=filesystem,
            raid=raid,
            lvm=LvmOptions(
                hdsize_gib=doc.number("disk-setup.lvm.hdsize"),
                swapsize_gib=doc.number("disk-setup.lvm.swapsize"),
                maxroot_gib=doc.number("disk-setup.lvm.maxroot"),
                maxvz_gib=doc.number("disk-setup.lvm.maxvz"),
                minfree_gib=doc.number("disk-setup.lvm.minfree"),
            ),
            zfs=self._zfs(),
            btrfs=BtrfsOptions(
                hdsize_gib=doc.number("disk-setup.btrfs.hdsize"),
                compress=doc.text("disk-setup.btrfs.compress", "off"),
            ),
            first_boot=first_boot,
            cluster=cluster,
            webhook=webhook,
            document=doc,
        )

    def _fqdn(self) -> Fqdn | FqdnFromDhcp | None:
        doc = self.document
        if "global.fqdn" in doc.values:
            try:
                return parse_fqdn(doc.text("global.fqdn"))
            except ParseError as err:
                self.problem("global.fqdn", str(err))
                return None
        if "global.fqdn.source" not in doc.values:
            self.problem("global.fqdn", 'is missing; write a full host name or fqdn.source = "from-dhcp"')
            return None
        domain = doc.text("global.fqdn.domain")
        if domain and not all(LABEL.fullmatch(label) for label in domain.split(".")):
            self.problem("global.fqdn.domain", f"'{domain}' is not a domain")
        return FqdnFromDhcp(domain=domain)

    def _password(self) -> Password | None:
        values = self.document.values
        plain, hashed = values.get("global.root-password"), values.get("global.root-password-hashed")
        if plain is not None and hashed is not None:
            self.problem("global.root-password-hashed", "give either this or root-password, not both")
        elif isinstance(plain, str):
            if len(plain) < SHORTEST_PASSWORD:
                self.problem("global.root-password", f"is too short: {SHORTEST_PASSWORD} characters are needed")
            elif not plain.isprintable():
                self.problem("global.root-password", "has characters that cannot be typed")
            return Password(secret=Secret(plain), hashed=False)
        elif isinstance(hashed, str):
            if not _CRYPT.fullmatch(hashed):
                self.problem("global.root-password-hashed", "is not a crypt(5) hash like $y$…")
            return Password(secret=Secret(hashed), hashed=True)
        else:
            self.problem("global.root-password", "is missing; give root-password or root-password-hashed")
        return None

    def _mail(self) -> None:
        mail = self.document.text("global.mailto")
        if not _MAIL.fullmatch(mail) or mail == PLACEHOLDER_MAIL or ":" in mail:
            self.problem("global.mailto", f"'{mail}' is not an e-mail address")

    def _ssh_keys(self) -> tuple[str, ...]:
        keys = tuple(key.strip() for key in self.document.texts("global.root-ssh-keys"))
        for number, key in enumerate(keys, 1):
            if "\n" in key or not _SSH_KEY.fullmatch(key):
                self.problem("global.root-ssh-keys", f"entry {number} is not a public SSH key")
        return keys

    def _network(self) -> StaticNetwork | None:
        doc = self.document
        given = {name: f"network.{name}" for name in ("cidr", "gateway", "dns", "filter")}
        if doc.text("network.source") != "from-answer":
            for key in given.values():
                if doc.has(key):
                    self.problem(key, 'is not used with source = "from-dhcp"; remove it or use "from-answer"')
            return None
        before = len(self.problems)
        for key in given.values():
            if not doc.has(key) or not doc.values.get(key):
                self.problem(key, 'is needed with source = "from-answer"')
        if len(self.problems) > before:
            return None
        try:
            address = parse_interface(doc.text("network.cidr"))
        except ParseError as err:
            self.problem("network.cidr", str(err))
            return None
        peers: dict[str, Address] = {}
        for name in ("gateway", "dns"):
            try:
                text = parse_address(doc.text(f"network.{name}"), address.version).text
                peers[name] = type(address.ip)(text)
            except ParseError as err:
                self.problem(f"network.{name}", str(err))
        if len(peers) < 2:
            return None
        return StaticNetwork(
            address=address, gateway=peers["gateway"], dns=peers["dns"], filters=doc.table("network.filter")
        )

    def _pin_map(self) -> dict[str, str]:
        key = "network.interface-name-pinning.mapping"
        mapping = self.document.table(key)
        try:
            check_pin_map(mapping)
        except Invalid as err:
            for mac, message in err.errors.items():
                self.problem(f"{key}.{mac}", message)
        lowered = {mac.lower(): name for mac, name in mapping.items()}
        if len(lowered) < len(mapping):
            self.problem(key, "the same MAC address is given twice")
        return lowered

    def _disks(self, filesystem: Filesystem) -> DiskChoice:
        doc = self.document
        names = tuple(name.removeprefix("/dev/") for name in doc.texts("disk-setup.disk-list"))
        filters = doc.table("disk-setup.filter")
        if names and filters:
            self.problem("disk-setup.filter", "give either this or disk-list, not both")
        elif not names and not filters:
            self.problem("disk-setup.disk-list", "name the disks to install to, here or by disk-setup.filter")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            self.problem("disk-setup.disk-list", f"{', '.join(twice)} is named twice")
        elif len(names) > 1 and filesystem.on_lvm:
            self.problem("disk-setup.disk-list", f"{filesystem} is installed to one disk; {len(names)} are named")
        return DiskChoice(names=names, filters=filters, match_all=doc.text("disk-setup.filter-match") == "all")

    def _raid(self, filesystem: Filesystem) -> RaidLevel | None:
        doc, own = self.document, "lvm" if filesystem.on_lvm else filesystem.value
        for table in ("lvm", "zfs", "btrfs"):
            if table != own and doc.has(f"disk-setup.{table}"):
                self.problem(f"disk-setup.{table}", f'is not used with filesystem = "{filesystem}"; remove it')
        if own == "lvm":
            return None
        level = doc.text(f"disk-setup.{own}.raid")
        if not level:
            self.problem(f"disk-setup.{own}.raid", f'is needed with filesystem = "{filesystem}"')
            return None
        return RaidLevel(level)

    def _zfs(self) -> ZfsOptions:
        doc = self.document
        arc_max = doc.number("disk-setup.zfs.arc-max")
        return ZfsOptions(
            hdsize_gib=doc.number("disk-setup.zfs.hdsize"),
            ashift=int(doc.number("disk-setup.zfs.ashift") or 12),
            arc_max_mib=None if arc_max is None else int(arc_max),
            checksum=doc.text("disk-setup.zfs.checksum", "on"),
            compress=doc.text("disk-setup.zfs.compress", "on"),
            copies=int(doc.number("disk-setup.zfs.copies") or 1),
        )

    def _first_boot(self) -> FirstBoot | None:
        doc = self.document
        if not doc.has("first-boot"):
            return None
        source, url = doc.text("first-boot.source"), doc.text("first-boot.url")
        if not source:
            self.problem("first-boot.source", "is missing; one of from-iso, from-url")
        if source == "from-url" and not _is_url(url):
            self.problem("first-boot.url", "must be an address starting with http:// or https://")
        if source == "from-iso" and url:
            self.problem("first-boot.url", 'is not used with source = "from-iso"')
        return FirstBoot(
            ordering=doc.text("first-boot.ordering", "fully-up"),
            url=url,
            fingerprint=doc.text("first-boot.cert-fingerprint"),
        )

    def _cluster(self) -> Cluster | None:
        doc = self.document
        if not doc.has("cluster"):
            return None
        name, token = doc.text("cluster.create"), doc.text("cluster.join")
        if bool(name) == bool(token):
            self.problem("cluster", "give either create, the name of a new cluster, or join, a token; one of them")
        elif name:
            try:
                check_cluster_name(name)
            except Invalid as err:
                self.problem("cluster.create", str(err))
        elif not _WORD.fullmatch(token):
            self.problem("cluster.join", "is no join token; it is one word, as `pvecm token create` prints it")
        return Cluster(create=name, join=Secret(token) if token else None)

    def _webhook(self) -> Webhook | None:
        doc = self.document
        if not doc.has("post-installation-webhook"):
            return None
        url, token = doc.text("post-installation-webhook.url"), doc.text("post-installation-webhook.auth-token")
        if not _is_url(url):
            self.problem("post-installation-webhook.url", "must be an address starting with http:// or https://")
        return Webhook(
            url=url,
            fingerprint=doc.text("post-installation-webhook.cert-fingerprint"),
            token=Secret(token) if token else None,
        )


def _is_url(text: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s/]+(/\S*)?", text))
