"""The store as programs use it: read and change ``/etc/pve`` without going through the mount.

``Store`` asks the daemon, ``Mirror`` keeps a copy in memory, ``MemoryStore`` stands for both in tests. Paths have no
leading ``/``; the fixed links (``local``, ``qemu-server``, ``lxc``) are followed.
"""

from __future__ import annotations

from hostd.cluster.client import Change, File, Store, mkdir_step, rename_step, write_step
from hostd.cluster.locks import local_lock
from hostd.cluster.memory import MemoryMirror, MemoryStore
from hostd.cluster.mirror import Mirror

__all__ = [
    "Change", "File", "MemoryMirror", "MemoryStore", "Mirror", "Store", "local_lock", "mkdir_step", "rename_step",
    "write_step",
]  # fmt: skip
