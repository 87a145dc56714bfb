"""Which distribution and processor architecture a container's files are made for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hostd.guests.lxc.inside.tree import Tree

UNMANAGED: Final = "unmanaged"
# os-release(5) ID → our name; relatives of a distribution are found by ID_LIKE.
_IDS: Final[Mapping[str, str]] = {
    "debian": "debian", "devuan": "devuan", "ubuntu": "ubuntu", "fedora": "fedora", "alpine": "alpine",
    "arch": "archlinux", "archarm": "archlinux", "gentoo": "gentoo", "nixos": "nixos",
    "centos": "centos", "rhel": "centos", "rocky": "centos", "almalinux": "centos", "ol": "centos",
    "opensuse": "opensuse", "suse": "opensuse", "sles": "opensuse", "sled": "opensuse",
}  # fmt: skip
# Older systems have a file of their own instead.
_FILES: Final = (
    ("etc/devuan_version", "devuan"), ("etc/debian_version", "debian"), ("etc/alpine-release", "alpine"),
    ("etc/fedora-release", "fedora"), ("etc/redhat-release", "centos"), ("etc/SuSE-release", "opensuse"),
    ("etc/arch-release", "archlinux"), ("etc/gentoo-release", "gentoo"),
)  # fmt: skip
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
# Where a distribution of a name tells its number when os-release does not.
_VERSION_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "centos": ("etc/redhat-release", "etc/centos-release"), "fedora": ("etc/fedora-release",),
    "opensuse": ("etc/SuSE-release",),
}  # fmt: skip
_LSB_NAMES: Final[Mapping[str, str]] = {"Ubuntu": "ubuntu", "Debian": "debian", "Devuan": "devuan"}
# A Debian that is not released yet names the one that it will be: ``trixie/sid``.
_DEBIAN: Final = ("wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke")
_FIRST_DEBIAN: Final = 7
_DEVUAN: Final = ("jessie", "ascii", "beowulf", "chimaera", "daedalus", "excalibur")
# e_machine of the ELF header (elf.h) and whether it is the 64 bit form.
_MACHINES: Final[Mapping[tuple[int, bool], str]] = {
    (62, True): "amd64", (3, False): "i386", (183, True): "arm64", (40, False): "armhf",
    (243, True): "riscv64", (243, False): "riscv32",
}  # fmt: skip
ELF_HEADER_BYTES: Final = 20


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """``version``: its numbers, empty for a rolling or unnamed one (newer than every number)."""

    name: str
    version: tuple[int, ...] = ()

    def at_least(self, *version: int) -> bool:
        return not self.version or self.version >= version


def parse_os_release(text: str) -> dict[str, str]:
    """``KEY=value`` lines with shell quoting (os-release(5)); lines that are none are left out."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            try:
                found[key.strip()] = "".join(shlex.split(value))
            except ValueError:
                continue
    return found


def distribution(tree: Tree, ostype: str = "") -> Distribution:
    """The distribution; with ``ostype`` only its version is looked up."""
    release = parse_os_release(tree.read("etc/os-release") or tree.read("usr/lib/os-release") or "")
    lsb = parse_os_release(tree.read("etc/lsb-release") or "")
    name = ostype or _by_id(release) or _LSB_NAMES.get(lsb.get("DISTRIB_ID", ""), "")
    name = name or next((n for path, n in _FILES if tree.read(path) is not None), UNMANAGED)
    release.setdefault("VERSION_ID", lsb.get("DISTRIB_RELEASE", ""))
    return Distribution(name=name, version=_version(tree, name, release))


def _by_id(release: Mapping[str, str]) -> str:
    words = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    found = (_IDS.get(word) or ("opensuse" if word.startswith("opensuse") else "") for word in words)
    return next((name for name in found if name), "")


def _version(tree: Tree, name: str, release: Mapping[str, str]) -> tuple[int, ...]:
    if name == "devuan":
        word = (tree.read("etc/devuan_version") or "").strip()
        return (_DEVUAN.index(word) + 1,) if word in _DEVUAN else _numbers(word)
    if name == "debian":
        word = (tree.read("etc/debian_version") or "").partition("/")[0].strip()
        if word in _DEBIAN:
            return (_DEBIAN.index(word) + _FIRST_DEBIAN,)
    own = {"debian": "etc/debian_version", "alpine": "etc/alpine-release"}.get(name)
    if own and (numbers := _numbers(tree.read(own) or "")):
        return numbers
    if numbers := _numbers(release.get("VERSION_ID", "")):
        return numbers
    texts = (tree.read(path) or "" for path in _VERSION_FILES.get(name, ()))
    return next((_numbers(match.group()) for text in texts if (match := _NUMBER.search(text))), ())


def _numbers(text: str) -> tuple[int, ...]:
    match = _NUMBER.match(text.strip())
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def architecture(header: bytes) -> str:
    """From the first bytes of a program (elf(5)); empty for anything else."""
    if len(header) < ELF_HEADER_BYTES or header[:4] != b"\x7fELF":
        return ""
    machine = int.from_bytes(header[18:20], "little" if header[5] == 1 else "big")
    return _MACHINES.get((machine, header[4] == 2), "")
