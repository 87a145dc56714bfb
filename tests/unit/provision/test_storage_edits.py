"""Storages that tasks add to the list, and take from it."""

from __future__ import annotations

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict
from hostd.storage.config import parse_storage_cfg
from hostd.storage.edits import check_free, edit, with_node, without_node

VALUES = {"vgname": "fast"}


def test_a_storage_of_several_nodes() -> None:
    store = MemoryStore("a")
    for node in ("a", "b"):
        edit(store, lambda file, node=node: with_node(file, "fast", "lvm", VALUES, node), actor="root@pam")  # type: ignore[misc]
    found = parse_storage_cfg(store.read("storage.cfg").data)
    assert found.get("fast").nodes == frozenset("ab")
    assert "local" in found.storages
    check_free(store, "fast", "lvm", VALUES)
    for type, values in (("lvm", {"vgname": "slow"}), ("dir", {"path": "/x"})):
        with pytest.raises(Conflict, match="another place"):
            check_free(store, "fast", type, values)
    edit(store, lambda file: without_node(file, "lvm", VALUES, "a"), actor="root@pam")
    assert parse_storage_cfg(store.read("storage.cfg").data).get("fast").nodes == frozenset("b")
    edit(store, lambda file: without_node(file, "lvm", VALUES, "b"), actor="root@pam")
    assert "fast" not in parse_storage_cfg(store.read("storage.cfg").data).storages
