"""Kinds of values that many declarations share. Formats: ``api/README.md``, "Common scalar formats"."""

from __future__ import annotations

from hostd.core.formats.validators import config_id, node, storage_id, userid, vmid
from hostd.core.schema import Kind

# What modules outside declarations ask directly.
check_node, check_vmid, check_storage_id, check_userid, check_config_id = node, vmid, storage_id, userid, config_id

STRING = Kind()
INTEGER = Kind(type="integer")
BOOLEAN = Kind(type="boolean")
NUMBER = Kind(type="number")
NODE = Kind(format="pve-node")
VMID = Kind(type="integer", format="pve-vmid", minimum=100, maximum=999999999)
STORAGE_ID = Kind(format="pve-storage-id")
USERID = Kind(format="pve-userid")
SECONDS = Kind(type="integer", minimum=0)
DIGEST = Kind(max_length=64)
CONFIG_ID_LIST = Kind(type="list", format="pve-configid")
