"""Kinds of values that many declarations share. Formats: ``api/README.md``, "Common scalar formats"."""

from __future__ import annotations

import re

from hostd.core.schema import Kind


def _matches(pattern: str, text: str, value: str) -> str:
    return "" if re.fullmatch(pattern, value) else text


def check_node(value: str) -> str:
    """Host label: letters, digits, inner dashes."""
    return _matches(
        r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?", f"value '{value}' does not look like a valid node name", value
    )


def check_vmid(value: str) -> str:
    """Guest id: 100 to 999999999, no leading zero."""
    return _matches(r"[1-9][0-9]{2,8}", f"value does not look like a valid VM ID (100 to 999999999): '{value}'", value)


def check_storage_id(value: str) -> str:
    """Letter, then letters, digits, ``-_.``, ending in a letter or digit; two characters or more."""
    return _matches(r"[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]", f"storage ID '{value}' contains illegal characters", value)


def check_userid(value: str) -> str:
    """``name@realm``; the name without blank, ``:`` or ``/``; 64 characters at most."""
    wrong = f"value '{value}' does not look like a valid user name"
    return wrong if len(value) > 64 else _matches(r"[^\s:/]+@[a-zA-Z][a-zA-Z0-9._-]+", wrong, value)


def check_config_id(value: str) -> str:
    """Letter, then one or more of letters, digits, ``_`` and ``-``."""
    return _matches(r"[a-zA-Z][a-zA-Z0-9_-]+", f"invalid configuration ID '{value}'", value)


STRING = Kind()
INTEGER = Kind(type="integer")
BOOLEAN = Kind(type="boolean")
NUMBER = Kind(type="number")
NODE = Kind(format="pve-node", check=check_node)
VMID = Kind(type="integer", format="pve-vmid", check=check_vmid, minimum=100, maximum=999999999)
STORAGE_ID = Kind(format="pve-storage-id", check=check_storage_id)
USERID = Kind(format="pve-userid", check=check_userid)
SECONDS = Kind(type="integer", minimum=0)
DIGEST = Kind(max_length=64)
CONFIG_ID_LIST = Kind(type="list", format="pve-configid", check=check_config_id)
