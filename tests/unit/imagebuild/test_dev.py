"""Nodes in system containers."""

from __future__ import annotations

from pathlib import Path

from imagebuild.cache import stands_on
from imagebuild.dev import Node


def test_nodes_of_different_ports_share_nothing() -> None:
    a, b = (Node(port=port, folder=Path(f"/cache/dev/{port}")) for port in (8006, 8007))
    assert not {a.container, a.veth, a.name, *a.addresses()} & {b.container, b.veth, b.name, *b.addresses()}


def test_configuration_stacks_the_layers_under_a_fresh_one() -> None:
    config = Node(port=8006, folder=Path("/c/dev/8006")).config([Path("/c/ours"), Path("/c/base")])
    assert "lxc.rootfs.path = overlay:/c/ours:/c/base:/c/dev/8006/upper\n" in config
    assert "lxc.mount.entry = /dev/fuse dev/fuse" in config


def test_network_names_fit_the_kernel() -> None:
    assert len(Node(port=65535, folder=Path("/x")).veth) <= 15


def test_a_layer_that_a_node_stands_on_is_in_use(tmp_path: Path) -> None:
    cache = tmp_path / "dev/8006"
    cache.mkdir(parents=True)
    used, other = Path("/c/dev-12"), Path("/c/dev-1")
    (cache / "config").write_text(Node(port=8006, folder=cache).config([used, Path("/c/base")]))
    assert stands_on(tmp_path / "dev", used)
    assert not stands_on(tmp_path / "dev", other)
