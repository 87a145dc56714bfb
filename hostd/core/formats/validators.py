"""Formats by name: each check gets the text and says what is wrong with it, or "".

Source: ``api/README.md`` of the shared facts ("Common scalar formats") and conformance area ``schema``. Formats of
the firewall and of networks are in ``netformats``, calendar events in ``calendarsyntax``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hostd.core.formats import calendarsyntax, netformats
from hostd.core.formats.lists import split_list
from hostd.core.formats.netformats import bridge_id, dns_name, ip
from hostd.core.privileges import PRIVILEGES

Check = Callable[[str], str]

ZONE_TABLE = Path("/usr/share/zoneinfo/zone.tab")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_NAME = r"[A-Za-z0-9._-]+"
REALM = r"[A-Za-z][A-Za-z0-9._-]+"
_MAIL_USER = r"[\w+~-]+(?:\.[\w+~-]+)*"
_MAIL = rf"{_MAIL_USER}@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*"
_STORAGE = r"[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]"
CONTENT_TYPES: Final = frozenset({"images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"})


def pattern(form: str, what: str, *, flags: int = 0) -> Check:
    """A check by regular expression (whole text); ``what`` ends "value '…' …"."""
    compiled: list[re.Pattern[str]] = []

    def check(text: str) -> str:
        if not compiled:  # compiled on first use: daemons start faster
            compiled.append(re.compile(form, flags))
        return "" if compiled[0].fullmatch(text) else f"value '{text}' {what}"

    return check


def words(known: frozenset[str], what: str, *, any_case: bool = False) -> Check:
    """A check by a closed list."""

    def check(text: str) -> str:
        found = (text.lower() if any_case else text) in known
        return "" if found else f"value '{text}' is no {what}; known are: {', '.join(sorted(known))}"

    return check


node = pattern(_LABEL, "does not look like a valid node name")
vmid = pattern(r"[1-9][0-9]{2,8}", "does not look like a valid VM ID (100 to 999999999)")
storage_id = pattern(_STORAGE, "is no storage ID: letter, then letters, digits, '-_.', at last a letter or digit")
config_id = pattern(r"[a-zA-Z][a-zA-Z0-9_-]+", "is no configuration ID: letter, then letters, digits, '_' and '-'")
volume_id = pattern(rf"{_STORAGE}:.+", "does not look like a volume ID (storage:name)")
realm = pattern(REALM, "is no realm name: letter, then one or more of letters, digits, '.-_'")
disk_size = pattern(r"[0-9]+(?:\.[0-9]+)?(?:[KMGT](?:iB)?)?", "is no size such as 32G")
_userid = pattern(rf"[^\s:/]+@{REALM}", "does not look like a valid user name (name@realm)")
tokenid = pattern(rf"[^\s:/]+@{REALM}!{REALM}", "does not look like a token ID (name@realm!token)")
_email = pattern(_MAIL, "does not look like a valid e-mail address")
_dns_wildcard = re.compile(r"(?:\*\.)?(.+)")


def userid(text: str) -> str:
    """``name@realm``; the name without blank, ``:`` or ``/``; 64 characters at most."""
    return f"user name '{text}' is longer than 64 characters" if len(text) > 64 else _userid(text)


def timezone(text: str) -> str:
    """A zone of the host's table (zone.tab of tzdata), or UTC."""
    if text == "UTC":
        return ""
    try:
        lines = ZONE_TABLE.read_text().splitlines()
    except OSError:
        lines = []
    known = {line.split("\t")[2] for line in lines if line and not line.startswith("#") and line.count("\t") >= 2}
    return "" if text in known else f"invalid time zone '{text}'"


def _container_timezone(text: str) -> str:
    return "" if text == "host" else timezone(text)


def startup_order(text: str) -> str:
    """``[order=]n,up=s,down=s``."""
    parts = [part for part in text.split(",") if part.strip()]
    good = text and all(re.fullmatch(r"(?:order=)?[0-9]+|(?:up|down)=[0-9]+", part) for part in parts)
    return "" if good else f"unable to parse startup options '{text}'; the form is [order=]n,up=seconds,down=seconds"


def id_map(check_id: Check) -> Check:
    """``source:target`` pairs, one default target, or ``1`` alone for "the same name"."""

    def check(text: str) -> str:
        seen: set[str] = set()
        default = identity = False
        for entry in split_list(text):
            parts = entry.split(":")
            if entry == "1":
                identity = True
                continue
            if len(parts) > 2 or (wrong := next((w for p in parts if (w := check_id(p))), "")):
                return f"entry '{entry}' contains an invalid ID" + (f" - {wrong}" if len(parts) <= 2 else "")
            if len(parts) == 1 and default:
                return "a default target can only be given once"
            if len(parts) == 2 and parts[0] in seen:
                return f"duplicate mapping for source '{parts[0]}'"
            default = default or len(parts) == 1
            seen.update(parts[:1] if len(parts) == 2 else ())
        return "identity mapping cannot be combined with others" if identity and (default or seen) else ""

    return check


def cpu_set(text: str) -> str:
    """``0-3,5``."""
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})(?:-([0-9]{1,9}))?\s*", part)
        if not match or (match[2] and int(match[2]) < int(match[1])):
            return f"could not parse the CPU range '{part}' in '{text}'"
    return ""


def phys_bits(text: str) -> str:
    """``host`` or 8 to 64."""
    good = text == "host" or (re.fullmatch(r"[0-9]{1,2}", text) and 8 <= int(text) <= 64)
    return "" if good else f"value '{text}' is neither 'host' nor a number from 8 to 64"


_HOTPLUG = words(frozenset({"network", "disk", "cpu", "memory", "usb", "cloudinit"}), "kind of device to hot-plug")


def hotplug_features(text: str) -> str:
    """``0``, ``1`` or a list of kinds of devices."""
    return "" if text in ("0", "1") else next((w for word in split_list(text) if (w := _HOTPLUG(word))), "")


_LAST_DRIVE = {"ide": 3, "sata": 5, "scsi": 30, "virtio": 15, "efidisk": 0, "tpmstate": 0}
_LAST_DEVICE = {"net": 31, "usb": 13, "hostpci": 15}


def _numbered(text: str, last: Mapping[str, int]) -> bool:
    match = re.fullmatch(r"([a-z]+)(0|[1-9][0-9]{0,2})", text)
    return bool(match and int(match[2]) <= last.get(match[1], -1))


def boot_disk(text: str) -> str:
    """A disk of a machine, such as ``scsi0``."""
    return "" if _numbered(text, _LAST_DRIVE) else f"invalid boot disk '{text}'"


def boot_device(text: str) -> str:
    """A disk, network card, USB or PCI device of a machine."""
    state = text.startswith(("efidisk", "tpmstate"))
    return "" if not state and _numbered(text, _LAST_DRIVE | _LAST_DEVICE) else f"invalid boot device '{text}'"


def mount_point(text: str) -> str:
    """A path inside a container: no ``.`` or ``..`` among its parts."""
    return f"'{text}' contains '.' or '..' as a part" if re.search(r"(?:^|/)\.\.?(?:/|\Z)", text) else ""


def device_path(text: str) -> str:
    """A device of the host: below ``/dev/``, no ``.`` or ``..`` among its parts."""
    return mount_point(text) or ("" if text.startswith("/dev/") else f"'{text}' is not below /dev/")


def volume_or_path(text: str) -> str:
    return "" if text.startswith("/") else volume_id(text)


def machine_volume(text: str) -> str:
    """A volume, an absolute path, or ``none`` and ``cdrom`` for drives without or with the host's medium."""
    return "" if text in ("none", "cdrom") else volume_or_path(text)


def storage_path(text: str) -> str:
    return "" if re.match(r"/[^;()]+", text) else f"value '{text}' does not look like a valid absolute path"


def _path_in_string(text: str) -> str:
    return storage_path(text) or ("" if not re.search("[,=]", text) else f"path '{text}' contains ',' or '='")


def dir_override(text: str) -> str:
    """``content=relative/path``."""
    content, equals, path = text.partition("=")
    good = equals and path and content in CONTENT_TYPES and ".." not in path.split("/")
    return "" if good else f"'{text}' is not of the form content-type=path"


def email_or_username(text: str) -> str:
    return "" if re.fullmatch(_MAIL_USER, text) else _email(text)


def acme_domain(text: str) -> str:
    match = _dns_wildcard.fullmatch(text)
    return dns_name(match[1]) if match else f"'{text}' is no domain"


def pem(kind: str, *, several: bool = False) -> Check:
    """One (or ``several``) PEM blocks of ``kind`` ("" for any), with nothing but blanks between."""
    name = re.escape(kind) if kind else "[A-Z0-9 ]+"
    block = re.compile(rf"\s*-----BEGIN ({name})-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----\s*")

    def check(text: str) -> str:
        at = found = 0
        while match := block.match(text, at):
            at, found = match.end(), found + 1
            try:
                base64.b64decode("".join(match[2].split()), validate=True)
            except binascii.Error:
                return "the PEM block is no base64"
        good = at == len(text) and (found == 1 or (several and found > 1))
        return "" if good else f"not in PEM form ({kind or 'any'}{', one or more' if several else ''})"

    return check


def command_batch(text: str) -> str:
    """A JSON list of objects with ``method`` and ``path``."""
    try:
        batch = json.loads(text)
    except ValueError as err:
        return f"the batch is no valid JSON: {err}"
    good = isinstance(batch, list) and all(isinstance(c, dict) and {"method", "path"} <= set(c) for c in batch)
    return "" if good else "the batch must be a list of objects with 'method' and 'path'"


_ha_resource = pattern(r"(?:vm|ct):[1-9][0-9]{2,8}", "is no HA resource ID (vm:100, ct:101)")
_TFA_SECRET = r"v2-0x[0-9a-fA-F]{16,128}|v2-[A-Z2-7=]{16,128}|[A-Z2-7=]{16}|[A-Fa-f0-9]{40}"

CHECKS: Final[Mapping[str, Check]] = {
    **netformats.CHECKS,
    "string": lambda _: "",
    "urlencoded": pattern(r"[-%a-zA-Z0-9_.!~*'()]*", "is not URL-encoded"),
    "pve-configid": config_id,
    "acme-plugin-id": config_id,
    "pve-node": node,
    "pve-vmid": vmid,
    "pve-storage-id": storage_id,
    "pve-volume-id": volume_id,
    "pve-volume-id-or-absolute-path": volume_or_path,
    "pve-volume-id-or-qm-path": machine_volume,
    "storage-pair": id_map(storage_id),
    "bridge-pair": id_map(bridge_id),
    "pve-realm": realm,
    "pve-userid": userid,
    "pve-tokenid": tokenid,
    "pve-groupid": pattern(_NAME, "contains characters a group name must not have"),
    "pve-roleid": pattern(_NAME, "contains characters a role name must not have"),
    "pve-poolid": pattern(rf"{_NAME}(?:/{_NAME}){{0,2}}", "is no pool name (up to three names, '/' between)"),
    "pve-priv": words(frozenset(PRIVILEGES), "privilege"),
    "pve-tfa-secret": pattern(_TFA_SECRET, "is no secret for one-time codes"),
    "pve-tag": pattern(r"[a-zA-Z0-9_][a-zA-Z0-9_+.-]*", "is no tag"),
    "pve-task-status-type": words(frozenset({"ok", "error", "warning", "unknown"}), "end of a task", any_case=True),
    "pve-day-of-week": words(frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"}), "day", any_case=True),
    "pve-calendar-event": calendarsyntax.check,
    "pve-startup-order": startup_order,
    "pve-cpuset": cpu_set,
    "pve-phys-bits": phys_bits,
    "pve-hotplug-features": hotplug_features,
    "pve-qm-bootdev": boot_device,
    "pve-qm-bootdisk": boot_disk,
    "pve-lxc-mp-string": mount_point,
    "pve-lxc-dev-string": device_path,
    "timezone": timezone,
    "pve-ct-timezone": _container_timezone,
    "disk-size": disk_size,
    "email": _email,
    "email-or-username": email_or_username,
    "ldap-simple-attr": pattern("[a-zA-Z0-9]+", "is no simple attribute name"),
    "pve-acme-domain": acme_domain,
    "pve-acme-alias": pattern(r"(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9_])?\.)*[a-zA-Z0-9_-]+", "is no DNS alias"),
    "pem-certificate": pem("CERTIFICATE"),
    "pem-certificate-chain": pem("CERTIFICATE", several=True),
    "pem-string": pem(""),
    "pve-command-batch": command_batch,
    "pve-dir-override": dir_override,
    "pve-ha-resource-id": _ha_resource,
    "pve-ha-resource-or-vm-id": lambda text: "" if not vmid(text) else _ha_resource(text),
    "pve-ha-node": pattern(rf"{_LABEL}(?::[0-9]+)?", "is no node with an optional priority (node:2)"),
    "pve-replication-job-id": pattern(r"[1-9][0-9]{2,8}-[0-9]{1,9}", "is no replication job ID (100-0)"),
    "pve-storage-content": words(CONTENT_TYPES, "content type"),
    "pve-storage-format": words(frozenset({"raw", "qcow2", "vmdk", "subvol"}), "image format"),
    "pve-storage-options": pattern(r"\S+", "contains blanks"),
    "pve-storage-path": storage_path,
    "pve-storage-path-in-property-string": _path_in_string,
    "pve-storage-server": lambda text: "" if not ip(text) else dns_name(text),
    "pve-storage-vgname": pattern(r"[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]", "is no volume group name"),
    "pve-storage-zfs-blocksize": pattern(r"[0-9]+[kKmM]?", "is no block size such as 16k"),
    "graphite-path": pattern(r"(?:[\w-]+\.)*[\w-]+", "is no path of names with dots between"),
}
