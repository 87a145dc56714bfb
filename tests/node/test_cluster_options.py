"""Options of the data center that guests follow, on one real node: addresses of new cards, who may set which tag."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.apiclient import Api, ApiError

VM, CT, COPY = 9021, 9022, 9023
USER = "tagger@pve"
OPTIONS = {
    "mac_prefix": "02:AB",
    "registered-tags": "gold",
    "user-tag-access": "user-allow=list,user-allow-list=web;db",
}


@pytest.fixture(scope="module")
def nodes_guests(api: Api, template: Path) -> Iterator[str]:
    """A machine and a container that were made with the options above; the node's path."""
    node, volume = f"/nodes/{api.node}", f"local:vztmpl/{template.name}"
    if volume not in [row["volid"] for row in api.get(f"{node}/storage/local/content", content="vztmpl")]:
        api.upload("local", "vztmpl", template)
    api.put("/cluster/options", **OPTIONS)
    try:
        api.wait(api.post(f"{node}/qemu", vmid=VM, memory=64, net0="virtio,bridge=vmbr0", tags="gold"))
        card = "name=eth0,bridge=vmbr0"
        api.wait(
            api.post(
                f"{node}/lxc", vmid=CT, ostemplate=volume, rootfs="local:1", memory=64, ostype="unmanaged", net0=card
            )
        )
        yield node
    finally:
        api.put("/cluster/options", delete=",".join(OPTIONS))
        for path in (f"qemu/{VM}", f"qemu/{COPY}", f"lxc/{CT}"):
            if [row for row in api.get("/cluster/resources") if row["id"] == path]:
                api.wait(api.delete(f"{node}/{path}"))


def test_new_cards_begin_with_the_clusters_prefix(api: Api, nodes_guests: str) -> None:
    first = api.get(f"{nodes_guests}/qemu/{VM}/config")["net0"]
    assert first.startswith("virtio=02:AB:")
    assert "hwaddr=02:AB:" in api.get(f"{nodes_guests}/lxc/{CT}/config")["net0"]
    api.put(f"{nodes_guests}/lxc/{CT}/config", net1="name=eth1,bridge=vmbr0")
    assert "hwaddr=02:AB:" in api.get(f"{nodes_guests}/lxc/{CT}/config")["net1"]
    api.wait(api.post(f"{nodes_guests}/qemu/{VM}/clone", newid=COPY, full=1))
    copy = api.get(f"{nodes_guests}/qemu/{COPY}/config")["net0"]
    assert copy.startswith("virtio=02:AB:")
    assert copy != first


def test_tags_of_users(api: Api, nodes_guests: str) -> None:
    password = secrets.token_urlsafe(12)
    api.post("/access/users", userid=USER, password=password)
    try:
        api.put("/access/acl", path="/vms", users=USER, roles="PVEVMAdmin")
        user = Api(os.environ["BASE_URL"], USER, password)
        for guest in (f"{nodes_guests}/qemu/{VM}/config", f"{nodes_guests}/lxc/{CT}/config"):
            api.put(guest, tags="gold")
            user.put(guest, tags="gold,web")
            for wrong, words in (("web", "tag 'gold' may not be removed"), ("gold,web,own", "these only")):
                with pytest.raises(ApiError) as refused:
                    user.put(guest, tags=wrong)
                assert refused.value.status == 403
                assert words in refused.value.reason
            assert api.get(guest)["tags"] == "gold;web"
        assert user.get("/cluster/options")["allowed-tags"] == ["db", "web"]
    finally:
        api.delete(f"/access/users/{USER}")
