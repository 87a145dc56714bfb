"""Packages: what can be updated, what is installed. APT and dpkg tell it; parsers are pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Invalid
from hostd.core.run import Run
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

# What a report of versions names: ours first, then what it stands on.
SHOWN: Final = (
    "holdfast", "holdfast-kernel", "hostd", "hostd-cluster", "hostd-webui", "python3-hostd", "apparmor", "corosync",
    "dnsmasq", "frr", "ifupdown2", "libvirt-daemon-system", "lvm2", "lxc", "lxcfs", "nftables", "nginx-light", "ovmf",
    "qemu-system-x86", "qemu-utils", "rrdtool", "swtpm", "zfsutils-linux",
)  # fmt: skip
_INSTALL = re.compile(
    r"Inst (?P<name>\S+)(?: \[(?P<old>[^\]]*)\])? \((?P<new>\S+) (?P<origin>.*) \[(?P<arch>[^\]]+)\]\)"
)
_STATES = {
    "installed": "Installed",
    "not-installed": "NotInstalled",
    "unpacked": "UnPacked",
    "half-configured": "HalfConfigured",
    "half-installed": "HalfInstalled",
    "config-files": "ConfigFiles",
}


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """A step that APT would take. ``old`` is empty for a package that is not installed yet."""

    name: str
    old: str
    new: str
    origin: str
    arch: str


def parse_simulation(text: str) -> list[Upgrade]:
    """``apt-get --simulate dist-upgrade``: ``Inst name [old] (new origin:suite [arch])``; other lines are skipped."""
    found = []
    for line in text.splitlines():
        if match := _INSTALL.match(line):
            origin = match["origin"].split(":")[0].split(",")[0].strip()
            found.append(
                Upgrade(name=match["name"], old=match["old"] or "", new=match["new"], origin=origin, arch=match["arch"])
            )
    return found


def parse_records(text: str) -> list[dict[str, str]]:
    """Control file paragraphs (deb822(5)): folded lines are joined by line breaks; a line ``.`` is an empty one."""
    found: list[dict[str, str]] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        record: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line[:1] in (" ", "\t") and key:
                record[key] += "\n" + ("" if line.strip() == "." else line[1:])
            elif ":" in line and not line.startswith("#"):
                key, _, value = line.partition(":")
                record[key] = value.strip()
        if record:
            found.append(record)
    return found


def describe(upgrade: Upgrade, record: Mapping[str, str]) -> dict[str, object]:
    """An update as the API tells it."""
    title, _, description = record.get("Description", record.get("Description-en", "")).partition("\n")
    shown: dict[str, object] = {
        "Package": upgrade.name,
        "Title": title,
        "Description": description,
        "Version": upgrade.new,
        "Origin": upgrade.origin or "unknown",
        "Arch": upgrade.arch,
        "Section": record.get("Section", ""),
        "Priority": record.get("Priority", ""),
    }
    return shown | ({"OldVersion": upgrade.old} if upgrade.old else {})


def pending(run: Run) -> list[dict[str, object]]:
    """Updates that APT knows of, by its last look at the repositories; takes about a second."""
    simulated = run(["apt-get", "--simulate", "--quiet", "--quiet", "dist-upgrade"], timeout_s=60)
    upgrades = parse_simulation(simulated.stdout)
    if not upgrades:
        return []
    wanted = [f"{u.name}={u.new}" for u in upgrades]
    records = parse_records(run(["apt-cache", "show", "--", *wanted], timeout_s=60, check=False).stdout)
    by_name = {(r.get("Package", ""), r.get("Version", "")): r for r in records}
    return [describe(u, by_name.get((u.name.partition(":")[0], u.new), {})) for u in upgrades]


def query_argv(names: Iterable[str]) -> list[str]:
    """dpkg-query(1), as paragraphs."""
    fields = (
        "Package",
        "Version",
        "Architecture",
        "Section",
        "Priority",
        "db:Status-Status",
        "Maintainer",
        "Description",
    )
    form = "".join(f"{name.partition(':')[2] or name}: ${{{name}}}\\n" for name in fields)
    return ["dpkg-query", "--show", f"--showformat={form}\\n", "--", *names]


def versions(run: Run, *, kernel: str, compatible: str) -> list[dict[str, object]]:
    """Installed versions of ``SHOWN``; what is not installed is told so. ``kernel``: the one that runs."""
    records = parse_records(run(query_argv(SHOWN), timeout_s=30, check=False).stdout)
    by_name = {record["Package"]: record for record in records if "Package" in record}
    rows = [_version(name, by_name.get(name, {})) for name in SHOWN]
    rows[0] |= {"RunningKernel": kernel, "ManagerVersion": compatible}
    return rows


def _version(name: str, record: Mapping[str, str]) -> dict[str, object]:
    title, _, description = record.get("Description", "").partition("\n")
    state = _STATES.get(record.get("Status-Status", "not-installed"), "NotInstalled")
    shown: dict[str, object] = {
        "Package": name,
        "Title": title,
        "Description": description,
        "Version": record.get("Version", ""),
        "Arch": record.get("Architecture", "") or "all",
        "Section": record.get("Section", ""),
        "Priority": record.get("Priority", ""),
        "Origin": "Holdfast" if name.startswith(("holdfast", "hostd", "python3-hostd")) else "Debian",
        "CurrentState": state,
    }
    return shown | ({"OldVersion": record["Version"]} if state == "Installed" else {})


def changelog(run: Run, name: str, version: str) -> str:
    """What changed in a package, as its repository tells it."""
    if version and not re.fullmatch(r"[A-Za-z0-9.+:~-]+", version):
        raise Invalid({"version": f"value '{version}' is no version of a Debian package"})
    wanted = f"{name}={version}" if version else name
    return run(["apt-get", "--quiet", "--quiet", "changelog", "--", wanted], timeout_s=30).stdout


@task("aptupdate")
def update_database(host: Host, log: TaskLog, *, quiet: bool = False) -> None:
    """Ask the repositories for their lists of packages."""
    log.info("starting apt-get update")
    argv = ["apt-get", "update", *(["--quiet", "--quiet"] if quiet else ["--quiet"])]
    host.run(argv, timeout_s=1800, on_line=log.info)
    count = len(parse_simulation(host.run(["apt-get", "--simulate", "--quiet", "--quiet", "dist-upgrade"]).stdout))
    log.info(f"{count} updates can be installed")
