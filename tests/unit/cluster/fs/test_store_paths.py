from __future__ import annotations

import pytest

from hostd.cluster.fs import paths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("local", "nodes/a"),
        ("local/pve-ssl.pem", "nodes/a/pve-ssl.pem"),
        ("qemu-server/100.conf", "nodes/a/qemu-server/100.conf"),
        ("lxc", "nodes/a/lxc"),
        ("openvz/1.conf", "nodes/a/openvz/1.conf"),
        ("localhost", "localhost"),
        ("nodes/b/lxc/100.conf", "nodes/b/lxc/100.conf"),
        ("", ""),
    ],
)
def test_resolve_follows_a_link_at_the_start_only(path: str, expected: str) -> None:
    assert paths.resolve(path, "a") == expected


@pytest.mark.parametrize("path", ["priv", "priv/authkey.key", "nodes/a/priv", "nodes/a/priv/x/y"])
def test_private_paths_are_for_root(path: str) -> None:
    assert paths.is_private(path)
    assert paths.permissions(path, directory=False) == 0o600
    assert paths.permissions(path, directory=True) == 0o700


@pytest.mark.parametrize("path", ["", "private", "nodes/priv", "nodes/a/private", "firewall/priv", "nodes/a/lxc/priv"])
def test_other_paths_are_for_the_group(path: str) -> None:
    assert not paths.is_private(path)
    assert paths.permissions(path, directory=False) == 0o640
    assert paths.permissions(path, directory=True) == 0o755


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\nb", "a\0b", "x" * 256, "ä" * 128, "\udcff"])
def test_bad_names_are_explained(name: str) -> None:
    assert paths.name_problem(name)


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "100.conf~", ".storage.cfg.swp", "a b", "-x"])
def test_good_names_pass(name: str) -> None:
    assert not paths.name_problem(name)


def test_keys_are_secret_without_being_private() -> None:
    assert paths.is_secret("nodes/a/pve-ssl.key")
    assert paths.is_secret("priv/shadow.cfg")
    assert not paths.is_secret("storage.cfg")


def test_paths_have_a_length_and_no_empty_parts() -> None:
    assert not paths.path_problem("/".join(["x" * 100] * 10))
    assert "are allowed" in paths.path_problem("/".join(["x" * 100] * 11))
    assert "empty" in paths.path_problem("a//b")
    assert "empty" in paths.path_problem("/a")


def test_guest_files() -> None:
    assert paths.guest_of("nodes/a/qemu-server/100.conf") == paths.Guest(100, "a", "qemu")
    assert paths.guest_of("nodes/b-2/lxc/999999999.conf") == paths.Guest(999999999, "b-2", "lxc")
    for path in ("nodes/a/qemu-server/0100.conf", "nodes/a/lxc/100.conf~", "lxc/100.conf", "nodes/a/b/lxc/100.conf"):
        assert paths.guest_of(path) is None


def test_locks_are_directly_below_their_directory() -> None:
    assert paths.is_lock("priv/lock/storage-x")
    assert not paths.is_lock("priv/lock")
    assert not paths.is_lock("priv/lock/a/b")


@pytest.mark.parametrize(
    ("path", "is_status"),
    [
        ("ha/manager_status", True),
        ("nodes/a/lrm_status", True),
        ("ha/incidents/20261130T011500-a", True),
        ("ha/incidents", False),
        ("ha/resources.cfg", False),
        ("nodes/a/config", False),
    ],
)
def test_what_daemons_write_all_the_time_has_no_history(path: str, is_status: bool) -> None:
    assert paths.is_status(path) is is_status
