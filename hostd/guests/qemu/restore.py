"""The configuration in a backup becomes that of a restored machine, line by line. Pure.

Lines stay as they are, comments and unknown ones included, but for what belongs to the machine that was saved.
Source: conformance area ``guest-config``, family ``restore-config``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from hostd.core.formats import propstring
from hostd.guests.macs import Random, new_mac
from hostd.guests.qemu.devices import net

_DROPPED = re.compile(r"#(?:qmdump|vzdump)#|(?:lock|parent|unused\d+):")
_DRIVE = re.compile(r"((?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+):\s*(\S+)\s*\Z")
_CARD = re.compile(r"(net\d+):\s*(\S+)\s*\Z")
_UUID = re.compile(r"(?<=uuid=)[^\s,]+")
_FILE = propstring.Alias(to="file")


def restored(text: str, volumes: Mapping[str, str], *, unique: bool, random: Random, mac_prefix: str) -> str:
    """The text of the restored machine's file.

    ``volumes``: drive → the volume that its contents went to. A drive that was not backed up becomes a comment.
    ``unique``: new addresses (``mac_prefix``: the cluster's) and a new UUID, for a second machine beside the first. A
    generation id is always new unless it is switched off: the machine's time has jumped.
    """
    lines = (_line(line, volumes, unique, random, mac_prefix) for line in text.splitlines() if not _DROPPED.match(line))
    return "".join(f"{line}\n" for line in lines)


def _line(line: str, volumes: Mapping[str, str], unique: bool, random: Random, mac_prefix: str) -> str:
    if match := _DRIVE.match(line):
        return _drive(line, match.group(1), match.group(2), volumes)
    if line.startswith("vmgenid:") and line.partition(":")[2].strip() != "0":
        return f"vmgenid: {_new_uuid(random)}"
    if unique and line.startswith("smbios1:"):
        return _UUID.sub(_new_uuid(random), line)
    if unique and (match := _CARD.match(line)):
        card = net.parse_nic(match.group(1), match.group(2))
        return f"{card.key}: {card.with_mac(new_mac(random, mac_prefix)).text()}"
    return line


def _drive(line: str, key: str, value: str, volumes: Mapping[str, str]) -> str:
    values = propstring.parse(value, default_key="file", aliases={"volume": _FILE})
    if "backup" in values and not propstring.boolean(values["backup"]):
        return f"#{line}"
    if key not in volumes:
        return line
    kept = {k: v for k, v in values.items() if k != "format"} | {"file": volumes[key]}
    return f"{key}: {propstring.format(kept, default_key='file')}"


def _new_uuid(random: Random) -> str:
    return str(uuid.UUID(bytes=random(16), version=4))
