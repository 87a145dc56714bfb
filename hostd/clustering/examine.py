"""``hostd-clusterd check``: everything that a host's configuration and its part in a cluster stand on, without changing
any of it; and the repairs that it offers, each after a copy.

Guests are never touched: nothing here looks at one beyond its file in the tree.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hostd.cluster import membership
from hostd.cluster.corosync.conf import ClusterConf
from hostd.cluster.fs import repair
from hostd.cluster.fs.examine import Examined, Finding, Repair, Severity, examine, is_in_use, space
from hostd.cluster.fs.tree import Tree
from hostd.clustering import change
from hostd.core import files
from hostd.core.errors import Conflict, HostError
from hostd.node import certificate, tls

LEAST_KEY_BYTES, MOST_KEY_BYTES = 128, 4096  # corosync-keygen(8), corosync.conf(5)
SOON_DAYS: Final = 14


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are on this host."""

    node: str
    database: Path
    corosync: Path = change.COROSYNC
    folder: Path = change.FOLDER

    @property
    def conf(self) -> Path:
        return self.corosync / "corosync.conf"

    @property
    def key(self) -> Path:
        return self.corosync / "authkey"


def check(places: Places, *, now: datetime.datetime) -> list[Finding]:
    """All findings, the worst first."""
    found = examine(places.database, member=change.is_member(places.corosync))
    findings = [
        *found.findings,
        *space(places.database),
        *corosync(places, found),
        *(certificates(found.tree, places.node, now) if found.tree is not None else ()),
        *changes(places.folder),
    ]
    return sorted(findings, key=lambda finding: -finding.severity)


def _stored(tree: Tree | None, path: str) -> bytes | None:
    node = tree.find(path) if tree is not None else None
    return node.data if node is not None else None


def corosync(places: Places, found: Examined) -> Iterator[Finding]:
    """The key, the host's own configuration, and the one in the tree."""
    stored = _stored(found.tree, membership.PATH)
    wanted = _parsed(stored)
    if stored is not None and isinstance(wanted, str):
        yield _finding(Severity.ATTENTION, f"/etc/pve/{membership.PATH}", f"is not used: {wanted}",
                       "correct it: docs, \"Change links and settings\"")  # fmt: skip
    if not change.is_member(places.corosync):
        if isinstance(wanted, ClusterConf) and found.tree is not None:
            yield _finding(
                Severity.BROKEN, str(places.key),
                f"does not exist, but the tree belongs to cluster '{wanted.name}': alone, this host would change what "
                "the others have, too",
                f"copy {places.key} (mode 400) from another node, then: systemctl restart corosync hostd-clusterd",
            )  # fmt: skip
        return
    size = places.key.stat().st_size
    if not LEAST_KEY_BYTES <= size <= MOST_KEY_BYTES:
        yield _finding(Severity.BROKEN, str(places.key), f"has {size} bytes; a key has {LEAST_KEY_BYTES} to "
                       f"{MOST_KEY_BYTES}, so Corosync does not start", "copy it (mode 400) from another node, then: "
                       "systemctl restart corosync hostd-clusterd")  # fmt: skip
    elif (mode := places.key.stat().st_mode & 0o077) != 0:
        yield _finding(Severity.ATTENTION, str(places.key), f"can be read by others than root (mode ..{mode:02o})",
                       f"chmod 400 {places.key}")  # fmt: skip
    try:
        own = _parsed(places.conf.read_bytes())
    except FileNotFoundError:
        own = "it does not exist"
    if isinstance(own, str):
        whole = isinstance(wanted, ClusterConf)
        yield Finding(
            severity=Severity.BROKEN,
            subject=str(places.conf),
            found=f"cannot be used: {own}",
            do="hostd-clusterd check --repair" if whole else "copy it from another node",
            repair=Repair.CONF if whole else None,
        )
        return
    if places.node not in {node.name for node in own.nodes}:
        yield _finding(Severity.ATTENTION, str(places.conf), f"does not name this node, '{places.node}'",
                       "it was removed from the cluster, or renamed; to use it on its own: pvecm leave")  # fmt: skip
    if isinstance(wanted, ClusterConf) and wanted.version < own.version:
        yield _finding(Severity.ATTENTION, f"/etc/pve/{membership.PATH}", f"has version {wanted.version}, older than "
                       f"{own.version} in {places.conf}", "raise its config_version above that")  # fmt: skip


def _parsed(data: bytes | None) -> ClusterConf | str:
    """The configuration, or why it is none."""
    if data is None:
        return "it does not exist"
    try:
        return ClusterConf.parse(data.decode(errors="replace"))
    except HostError as err:
        return str(err)


def certificates(tree: Tree, node: str, now: datetime.datetime) -> Iterator[Finding]:
    """The authority, and what this node shows."""
    anew = "pvecm updatecerts --force"
    authority, pem = _stored(tree, tls.AUTHORITY), _stored(tree, tls.own(node))
    key = _stored(tree, tls.own(node).removesuffix(".pem") + ".key")
    if tree.entries == 0:  # a host that has just been installed
        return
    if authority is None or pem is None or key is None:
        names = ((tls.AUTHORITY, authority), (tls.own(node), pem), (tls.own(node).removesuffix(".pem") + ".key", key))
        missing = ", ".join(name for name, data in names if data is None)
        yield _finding(Severity.ATTENTION, "certificates", f"missing in /etc/pve: {missing}", "pvecm updatecerts")
        return
    try:
        certificate.checked_chain(pem, key)
        if not certificate.is_issued_by(pem, authority):
            yield _finding(Severity.ATTENTION, tls.own(node), "is not of this cluster's authority", anew)
        elif certificate.expires_within(pem, SOON_DAYS, now=now):
            yield _finding(Severity.ATTENTION, tls.own(node), f"has expired, or does within {SOON_DAYS} days", anew)
    except (HostError, ValueError, TypeError) as err:
        yield _finding(Severity.ATTENTION, tls.own(node), f"cannot be used with its key: {err}", anew)
    custom, custom_key = _stored(tree, tls.custom(node)), _stored(tree, tls.custom_key(node))
    if custom is not None:
        try:
            certificate.checked_chain(custom, custom_key or b"")
        except (HostError, ValueError, TypeError) as err:
            yield _finding(Severity.ATTENTION, tls.custom(node), f"cannot be used with its key: {err}",
                           "upload it again, or remove it: pvenode cert delete --restart 1")  # fmt: skip


def changes(folder: Path) -> Iterator[Finding]:
    """What ``pvecm create``, ``join`` or ``leave`` have begun."""
    if folder.exists():
        try:
            kind = change.Change.from_wire(json.loads((folder / "change.json").read_bytes())).kind
        except (OSError, ValueError, KeyError, TypeError) as err:
            yield _finding(Severity.BROKEN, str(folder), f"a change that cannot be read ({type(err).__name__}): it is "
                           "neither carried out nor given up", f"keep it elsewhere and look at 'pvecm status' and /etc/"
                           f"corosync: mv {folder} /root/")  # fmt: skip
        else:
            yield _finding(Severity.ATTENTION, str(folder), f"a change ({kind.value}) is being carried out, or was cut "
                           "off", f"systemctl start {change.UNIT}; journalctl -fu {change.UNIT}")  # fmt: skip
    for name in (f"{folder.name}.new", f"{folder.name}.done"):
        if (place := folder.with_name(name)).exists():
            yield Finding(
                severity=Severity.NOTE,
                subject=str(place),
                found="is what a change has left that never began, or is over; it holds keys",
                do="the next change removes it, or: hostd-clusterd check --repair",
                repair=Repair.LEFTOVER,
            )


def _finding(severity: Severity, subject: str, found: str, do: str) -> Finding:
    return Finding(severity=severity, subject=subject, found=found, do=do)


def repair_all(places: Places, findings: list[Finding], say: Callable[[str], None]) -> None:
    """Carry out what ``findings`` offer, once each. Raises Conflict while the store runs, HostError, OSError."""
    wanted = {finding.repair for finding in findings} - {None}
    if wanted & {Repair.SALVAGE, Repair.JOURNAL}:
        if is_in_use(places.database):
            raise Conflict("the store is running; first: systemctl stop hostd-clusterd")
        report = _repair_database(places, wanted)
        say(f"the database as it was: {report.copy}")
        say(report.done)
        for text in report.lost:
            say(f"LOST: {text}")
    if Repair.CONF in wanted:
        stored = _stored(examine(places.database, member=True).tree, membership.PATH)
        if stored is not None:
            files.replace(places.conf, stored)
            say(f"{places.conf} is as it is stored in the tree; next: systemctl restart corosync hostd-clusterd")
    if Repair.LEFTOVER in wanted:
        for name in (f"{places.folder.name}.new", f"{places.folder.name}.done"):
            shutil.rmtree(places.folder.with_name(name), ignore_errors=True)
        say("removed what changes have left")


def _repair_database(places: Places, wanted: set[Any]) -> repair.Report:
    if change.is_member(places.corosync):
        return repair.set_aside(places.database)
    return repair.salvage(places.database) if Repair.SALVAGE in wanted else repair.cut_journal(places.database)


def code(findings: list[Finding]) -> int:
    """0: all is well; 1: the store works, something needs a person; 2: it does not start or cannot be trusted."""
    return int(max((finding.severity for finding in findings), default=Severity.NOTE))


def to_text(database: Path, findings: list[Finding]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{finding.severity.name.lower()}: {finding.subject}: {finding.found}")
        lines.append(f"  what to do: {finding.do}")
    if code(findings) == 0:
        lines.append(f"{database}: ok")
    return "\n".join(lines) + "\n"


def to_json(findings: list[Finding]) -> str:
    rows = [
        {
            "severity": finding.severity.name.lower(), "subject": finding.subject, "found": finding.found,
            "do": finding.do, "repair": finding.repair.value if finding.repair else None,
        }
        for finding in findings
    ]  # fmt: skip
    return json.dumps({"code": code(findings), "findings": rows}, indent=1) + "\n"
