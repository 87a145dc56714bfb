"""``/nodes/{node}/capabilities`` through the application, above a libvirt that tells what it was told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hostd.guests.qemu import capabilities
from hostd.guests.qemu.capabilities import Capabilities
from hostd.node import kvm_probe
from tests.unit.api.conftest import Site
from tests.unit.api.test_qemu import data

BASE = "/nodes/alpha/capabilities"
MODELS = b"cpu-model: mine\n\treported-model EPYC\n\ncpu-model: yours\n\tflags +aes\n\n"
FOUND = Capabilities(
    models=("486", "EPYC", "Westmere"), machines=("pc-q35-10.0", "pc-i440fx-9.2"), kvm=("vmx",), tcg=("aes",)
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A node with QEMU for x86_64 alone, whose processor can run guests."""
    monkeypatch.setattr(kvm_probe, "CACHE", str(tmp_path / "kvm.json"))
    (tmp_path / "kvm.json").write_text('{"usable": true, "reason": "", "ratio": 1}')

    def of(arch: str, connect: Callable[[], object]) -> Capabilities:
        return FOUND if arch == "x86_64" else Capabilities()

    monkeypatch.setattr(capabilities, "of", of)
    site = Site({"user.cfg": b"user:joe@pve:1:\n"})
    site.store.mkdir("virtual-guest")
    site.store.write("virtual-guest/cpu-models.conf", MODELS)
    return site


def models(site: Site, user: str = "root@pam", **query: str) -> dict[str, Any]:
    rows = data(site.call("GET", f"{BASE}/qemu/cpu", user, query_string={"arch": "x86_64", **query}))
    return {row.pop("name"): row for row in rows}


def test_indexes_name_what_there_is(site: Site) -> None:
    assert data(site.get(BASE)) == [{"name": "qemu"}]
    for row in data(site.get(f"{BASE}/qemu")):
        assert site.get(f"{BASE}/qemu/{row['name']}").status_code == 200


def test_models(site: Site) -> None:
    found = models(site)
    assert found["486"] == {"custom": 0, "vendor": "default"}
    assert found["EPYC"] == {"custom": 0, "vendor": "AuthenticAMD"}
    assert found["Westmere"]["vendor"] == "GenuineIntel"
    assert found["x86-64-v2-AES"] == {"custom": 0, "vendor": "default", "abstract": 1}
    assert "abstract" not in found["host"]
    assert found["custom-mine"] == {"custom": 1, "vendor": "AuthenticAMD"}
    assert found["custom-yours"] == {"custom": 1, "vendor": "default"}


def test_own_models_are_shown_to_who_may_use_them(site: Site) -> None:
    assert not [name for name in models(site, "joe@pve") if name.startswith("custom-")]
    site.store.write("user.cfg", b"user:joe@pve:1:\nacl:1:/mapping/cpu/mine:joe@pve:PVEMappingUser:\n")
    assert [name for name in models(site, "joe@pve") if name.startswith("custom-")] == ["custom-mine"]
    site.store.write("user.cfg", b"user:joe@pve:1:\nacl:1:/nodes:joe@pve:PVEAuditor:\n")
    assert "custom-yours" in models(site, "joe@pve")


def flags(site: Site, **query: str) -> dict[str, list[str]]:
    rows = data(site.get(f"{BASE}/qemu/cpu-flags", query_string={"arch": "x86_64", **query}))
    assert all(row["description"] for row in rows)
    return {row["name"]: row["supported-on"] for row in rows}


def test_flags(site: Site, tmp_path: Path) -> None:
    assert (flags(site)["nested-virt"], flags(site)["aes"]) == (["alpha"], [])
    assert (flags(site, accel="tcg")["nested-virt"], flags(site, accel="tcg")["aes"]) == ([], ["alpha"])
    (tmp_path / "kvm.json").write_text(json.dumps({"usable": False, "reason": "too slow"}))
    assert flags(site)["nested-virt"] == []


def test_machines(site: Site) -> None:
    assert data(site.get(f"{BASE}/qemu/machines", query_string={"arch": "x86_64"})) == [
        {"id": "pc-i440fx-9.2", "type": "i440fx", "version": "9.2"},
        {"id": "pc-q35-10.0", "type": "q35", "version": "10.0"},
    ]


def test_without_an_emulator_there_is_nothing(site: Site) -> None:
    ours = {"custom-mine", "custom-yours"}
    assert set(models(site, arch="aarch64")) == ours
    assert flags(site, arch="aarch64") == {}
    assert data(site.get(f"{BASE}/qemu/machines", query_string={"arch": "aarch64"})) == []
    assert site.get(f"{BASE}/qemu/machines", query_string={"arch": "m68k"}).status_code == 400
