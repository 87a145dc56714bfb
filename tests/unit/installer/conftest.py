"""Answer files, recorded machines and locales for the installer's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from installer.locales import KEYMAPS, Locales
from installer.machine import Machine, load_machine

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "installer/examples"

GLOBAL = """\
[global]
keyboard = "de"
country = "at"
fqdn = "node1.example.com"
mailto = "admin@example.com"
timezone = "Europe/Vienna"
root-password = "correct horse"
"""
DHCP = """
[network]
source = "from-dhcp"
"""
STATIC = """
[network]
source = "from-answer"
cidr = "192.0.2.10/24"
gateway = "192.0.2.1"
dns = "192.0.2.53"
filter.INTERFACE = "*"
"""
EXT4 = """
[disk-setup]
filesystem = "ext4"
disk-list = ["vda"]
"""
MINIMAL = GLOBAL + DHCP + EXT4


@pytest.fixture
def locales() -> Locales:
    return Locales(
        countries=frozenset({"at", "de", "us"}),
        zones=frozenset({"Europe/Vienna", "Europe/Berlin"}),
        keymaps=frozenset(KEYMAPS),
    )


@pytest.fixture
def machine() -> Callable[[str], Machine]:
    """``machine("vm-bios")``: one of the recorded machines."""
    return lambda name: load_machine((EXAMPLES / f"machines/{name}.json").read_text())
