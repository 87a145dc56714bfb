"""The recorded cases of setting up containers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostd.core.formats.keyvalue import parse_guest
from hostd.guests.lxc.inside.detect import distribution
from hostd.guests.lxc.inside.job import Job, Resolver
from hostd.guests.lxc.inside.networks import write as write_network
from hostd.guests.lxc.inside.setup import apply
from hostd.guests.lxc.network import nics
from tests.fakes.tree import MemoryTree


def cases(shared: Path, family: str) -> list[dict[str, Any]]:
    text = (shared / "conformance/guest-config/cases" / f"{family}.json").read_text()
    found: list[dict[str, Any]] = json.loads(text)["cases"]
    return found


def prepared(given: dict[str, Any]) -> tuple[MemoryTree, Job]:
    config = parse_guest(given["config"]).current
    rootfs = given["rootfs"]
    files = {path: file["text"] for path, file in rootfs["files"].items()}
    resolver = given["host_resolv_conf"]
    job = Job(
        first=True,
        ostype=config.get("ostype", ""),
        hostname=config.get("hostname", ""),
        nics=tuple(nics(config)),
        nameserver=config.get("nameserver", ""),
        searchdomain=config.get("searchdomain", ""),
        resolver=Resolver(nameservers=tuple(resolver["nameservers"]), search=resolver["search"]),
        ttys=int(config.get("tty", "2")),
        password_hash=given.get("password_hash", ""),
        ssh_keys=given.get("ssh_keys", ""),
        today_days=given["today_days"],
    )
    return MemoryTree(files, rootfs.get("links"), rootfs.get("empty_dirs", ())), job


def trimmed(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n").split("\n")


def test_first_setup(shared: Path) -> None:
    found = cases(shared, "ct-setup")
    assert len(found) > 10
    for case in found:
        tree, job = prepared(case["input"])
        apply(tree, job, lambda uuid=case["input"]["uuid"]: uuid)
        for path in case["input"]["report"]:
            expected = case["expect"]["ok"].get(path)
            assert trimmed(tree.read(path) or "") == trimmed(expected or ""), f"{case['name']}: {path}"


def test_network_files(shared: Path) -> None:
    found = cases(shared, "ct-setup-network")
    assert len(found) > 8
    for case in found:
        tree, job = prepared(case["input"])
        before = dict(tree.files)
        found_system = distribution(tree, job.ostype)
        write_network(tree, job, found_system, lambda uuid=case["input"]["uuid"]: uuid)
        changed = {path: text for path, text in tree.files.items() if before.get(path) != text}
        assert changed.keys() == case["expect"]["ok"].keys(), case["name"]
        for path, text in changed.items():
            assert trimmed(text) == trimmed(case["expect"]["ok"][path]), f"{case['name']}: {path}"


@pytest.mark.parametrize("family", ["ct-setup", "ct-setup-network"])
def test_twice_changes_nothing(shared: Path, family: str) -> None:
    for case in cases(shared, family):
        tree, job = prepared(case["input"])
        apply(tree, job)
        once = (dict(tree.files), dict(tree.links), set(tree.dirs))
        apply(tree, job)
        assert (tree.files, tree.links, tree.dirs) == once, case["name"]
