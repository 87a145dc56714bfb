"""The container template: what is taken away from the tree, how it is packed, and that the image has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from imagebuild.context import Context
from imagebuild.pipeline import STEPS
from imagebuild.steps import system, template


def context(tmp_path: Path) -> Context:
    made = Context.load()
    return Context(source=made.source, cache=tmp_path, profile=made.profile)


def test_nothing_in_it_would_be_the_same_in_every_container(tmp_path: Path) -> None:
    for path in ("etc/ssh", "etc/dpkg/dpkg.cfg.d", "var/lib/apt/lists/partial", "var/cache/apt/archives", "usr/bin"):
        (tmp_path / path).mkdir(parents=True)
    texts = {
        "etc/hostname": "builder", "etc/machine-id": "0123", "etc/resolv.conf": "nameserver 192.0.2.1",
        "etc/ssh/ssh_host_rsa_key": "secret", "etc/ssh/ssh_host_rsa_key.pub": "public", "etc/ssh/sshd_config": "kept",
        "etc/dpkg/dpkg.cfg.d/99mmdebstrap": "force-unsafe-io", "var/lib/apt/lists/x_Packages": "long", "usr/bin/x": "x",
    }  # fmt: skip
    for path, text in texts.items():
        (tmp_path / path).write_text(text)
    template.tidy(tmp_path)
    left = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {
        "etc/machine-id": "",
        "etc/ssh/ssh_host_rsa_key": template.KEY_TEXT,
        "etc/ssh/sshd_config": "kept",
        "usr/bin/x": "x",
    }
    template.tidy(tmp_path)  # and again


def test_the_archive_is_the_same_each_time() -> None:
    argv = template.archive_argv(Path("/tree"), Path("/out.tar.zst"), 1_700_000_000)
    assert "--sort=name" in argv
    assert "--mtime=@1700000000" in argv
    assert argv[-3:] == ["--directory", "/tree", "."]
    assert "--exclude=./dev/*" in argv


def test_the_image_has_it_where_local_keeps_templates(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    assert template.name(ctx) == "debian-trixie-holdfast_1_amd64.tar.zst"
    assert template.installed_as(ctx)[-2:] == ["/run/template", f"/var/lib/vz/template/cache/{template.name(ctx)}"]
    assert STEPS.index(template.run) < STEPS.index(system.run)


def test_another_template_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = context(tmp_path)
    before = system.place.__wrapped__(ctx)
    monkeypatch.setattr(template, "place", lambda _ctx: tmp_path / "template-other.tar.zst")
    assert system.place.__wrapped__(ctx) != before
