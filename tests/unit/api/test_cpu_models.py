"""``/cluster/qemu``: processor models of the cluster's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hostd.api.nodes import capabilities as node_capabilities
from hostd.guests.qemu import capabilities
from hostd.guests.qemu.capabilities import Capabilities
from hostd.guests.qemu.cpumodels import PATH
from hostd.node.kvm_probe import Verdict
from tests.unit.api.conftest import Site
from tests.unit.api.test_qemu import data

BASE = "/cluster/qemu"
MODELS = f"{BASE}/custom-cpu-models"


@pytest.fixture
def site() -> Site:
    site = Site({"user.cfg": b"user:joe@pve:1:\nacl:1:/mapping/cpu/mine:joe@pve:PVEMappingUser:\n"})
    site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    return site


def add(site: Site, name: str, **options: object) -> None:
    assert data(site.call("POST", MODELS, json={"cputype": name, "reported-model": "EPYC", **options})) is None


def text(site: Site) -> str:
    return site.store.read(PATH).data.decode()


def test_a_model_comes_changes_and_goes(site: Site) -> None:
    add(site, "custom-mine", flags="+aes;-pcid", hidden=True)
    add(site, "yours")
    assert text(site) == (
        "cpu-model: mine\n\tflags +aes;-pcid\n\thidden 1\n\treported-model EPYC\n\n"
        "cpu-model: yours\n\treported-model EPYC\n\n"
    )
    found = data(site.get(f"{MODELS}/mine"))
    assert (found["cputype"], found["flags"], found["hidden"], "type" in found) == ("mine", "+aes;-pcid", 1, False)
    change = {"delete": "hidden", "level": 13, "digest": found["digest"]}
    assert data(site.call("PUT", f"{MODELS}/mine", json=change)) is None
    assert "level 13" in text(site)
    assert "hidden" not in text(site)
    assert site.call("PUT", f"{MODELS}/mine", json=change).status_code >= 400, "the digest is old"
    assert data(site.call("DELETE", f"{MODELS}/yours")) is None
    assert [row["cputype"] for row in data(site.get(MODELS))] == ["mine"]


@pytest.mark.parametrize(
    "wrong", [{"reported-model": "nosuch"}, {"flags": "aes"}, {"level": -1}, {"guest-phys-bits": 8}, {"cputype": "a b"}]
)
def test_what_cannot_be(site: Site, wrong: dict[str, object]) -> None:
    answer = site.call("POST", MODELS, json={"cputype": "mine", "reported-model": "EPYC", **wrong})
    assert answer.status_code == 400
    assert site.store.mirror().get(PATH) is None


def test_a_name_is_taken_once_and_what_is_not_there_is_told(site: Site) -> None:
    add(site, "mine")
    again = site.call("POST", MODELS, json={"cputype": "mine", "reported-model": "EPYC"})
    assert "processor model 'mine' already defined" in again.status
    assert "no such" in site.get(f"{MODELS}/custom-mine").status, "whose right would count?"
    for method in ("GET", "DELETE"):
        assert "no such processor model 'none'" in site.call(method, f"{MODELS}/none").status


@pytest.mark.parametrize("line", ["cpu: custom-mine,flags=+aes", "cpu: cputype=custom-mine", "[one]\ncpu: custom-mine"])
def test_a_model_that_a_machine_names_stays(site: Site, line: str) -> None:
    add(site, "mine")
    add(site, "min")
    site.store.write("nodes/alpha/qemu-server/100.conf", f"memory: 512\n{line}\n".encode())
    assert "is used by machines 100" in site.call("DELETE", f"{MODELS}/mine").status
    assert data(site.call("DELETE", f"{MODELS}/min")) is None


def test_own_models_are_for_who_has_them(site: Site) -> None:
    add(site, "mine")
    add(site, "yours")
    assert [row["cputype"] for row in data(site.call("GET", MODELS, "joe@pve"))] == ["mine"]
    assert site.call("GET", f"{MODELS}/mine", "joe@pve").status_code == 200
    assert site.call("GET", f"{MODELS}/yours", "joe@pve").status_code == 403
    for method, path in (("POST", MODELS), ("PUT", f"{MODELS}/mine"), ("DELETE", f"{MODELS}/mine")):
        body = {"cputype": "new", "reported-model": "EPYC"} if method == "POST" else {}
        assert site.call(method, path, "joe@pve", json=body).status_code == 403, method


def test_flags(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(arch: str, connect: Callable[[], object]) -> Capabilities:
        return Capabilities(kvm=("vmx",), tcg=("aes",))

    def verdict(run: object) -> Any:
        return Verdict(usable=True, reason="", ratio=1.0)

    monkeypatch.setattr(capabilities, "of", of)
    monkeypatch.setattr(node_capabilities.kvm_probe, "verdict", verdict)
    rows = {r["name"]: r["supported-on"] for r in data(site.get(f"{BASE}/cpu-flags?arch=x86_64"))}
    assert (rows["nested-virt"], rows["aes"]) == (["alpha"], [])
    assert site.call("GET", f"{BASE}/cpu-flags", "joe@pve").status_code == 403
    for row in data(site.get(BASE)):
        assert site.get(f"{BASE}/{row['name']}").status_code == 200
