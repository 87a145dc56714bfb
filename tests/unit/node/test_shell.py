"""What is started on a terminal of the node, and for whom."""

from __future__ import annotations

import pytest

from hostd.core.errors import Invalid
from hostd.node.shell import argv


def test_root_is_let_in_and_all_others_log_in() -> None:
    assert argv("login", root=True) == ["login", "-f", "root"]
    assert argv("login", root=False) == ["login"]


def test_an_upgrade_is_roots() -> None:
    assert argv("upgrade", root=True) == ["apt-get", "dist-upgrade"]
    with pytest.raises(Invalid) as caught:
        argv("upgrade", root=False)
    assert caught.value.errors == {"cmd": "Only root may start 'upgrade'."}


def test_what_is_not_here_says_so() -> None:
    with pytest.raises(Invalid) as caught:
        argv("ceph_install", root=True)
    assert "no Ceph" in caught.value.errors["cmd"]
