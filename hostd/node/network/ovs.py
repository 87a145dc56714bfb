"""Open vSwitch packs several properties into ``ovs_options``: VLAN tag, bond mode, LACP."""

from __future__ import annotations

from collections.abc import Mapping

from hostd.node.network.model import OVS, Kind

LACP = "lacp-"  # modes of the API that are a mode of Open vSwitch with LACP on


def unpack(kind: Kind, settings: Mapping[str, str]) -> dict[str, str]:
    """Settings with ``ovs_tag`` and ``bond_mode`` taken out of ``ovs_options``."""
    if kind not in OVS or kind is Kind.OVS_BRIDGE or "ovs_options" not in settings:
        return dict(settings)
    words = settings["ovs_options"].split()
    found = {key: _pop(words, key) for key in (("tag", "bond_mode", "lacp") if kind is Kind.OVS_BOND else ("tag",))}
    out = {key: value for key, value in settings.items() if key != "ovs_options"}
    mode = found.get("bond_mode", "")
    if found.get("lacp") == "active" and mode in ("balance-slb", "balance-tcp"):
        mode = LACP + mode
    elif found.get("lacp"):
        words.append(f"lacp={found['lacp']}")
    out |= {"bond_mode": mode} if mode else {}
    out |= {"ovs_tag": found["tag"]} if found["tag"] else {}
    return out | ({"ovs_options": " ".join(words)} if words else {})


def pack(kind: Kind, settings: Mapping[str, str]) -> str:
    """The value of ``ovs_options`` in the file."""
    words = settings.get("ovs_options", "").split()
    if kind is Kind.OVS_BOND:
        mode = settings.get("bond_mode", "") or _pop(words, "bond_mode") or "active-backup"
        _pop(words, "bond_mode")
        if mode.startswith(LACP):
            _pop(words, "lacp")
            words.append("lacp=active")
        words.append(f"bond_mode={mode.removeprefix(LACP)}")
    if kind is not Kind.OVS_BRIDGE and "ovs_tag" in settings:
        _pop(words, "tag")
        words.append(f"tag={settings['ovs_tag']}")
    return " ".join(words)


def _pop(words: list[str], key: str) -> str:
    """Take ``key=value`` out of the words; the value, empty without one."""
    found = [word for word in words if word.startswith(f"{key}=")]
    words[:] = [word for word in words if word not in found]
    return found[-1].partition("=")[2] if found else ""
