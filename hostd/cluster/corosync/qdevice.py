"""A witness's vote on this node: what there is to do (pure), and doing it: certificates in place, daemon on or off.

The cluster's certificate and key lie in the tree as one private file, so that every node, also one that joins later,
has them without anybody logging in to it. Corosync's own configuration says whether there is a witness, and where.
Source: corosync-qdevice(8), and corosync-qdevice-net-certutil, whose database this makes: an empty password, the
authority as ``QNet CA``, the cluster's certificate as ``Cluster Cert``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from hostd.cluster.corosync.conf import ClusterConf
from hostd.core import files
from hostd.core.errors import HostError, ParseError
from hostd.core.run import Run

log = logging.getLogger(__name__)

PATH: Final = "priv/qdevice.json"
"""In the tree."""
FOLDER: Final = Path("/etc/corosync/qdevice/net")
UNIT, COROSYNC = "corosync-qdevice.service", "corosync.service"
AUTHORITY, CERTIFICATE = "QNet CA", "Cluster Cert"
MARK: Final = "holdfast"
"""A file in the database's folder: it is ours, and made of what has this digest."""
SYSTEMCTL_S: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a node needs to speak to the witness at ``host``.

    ``authority``: the witness's certificate authority, PEM. ``identity``: the cluster's certificate and key, PKCS #12
    without a password.
    """

    host: str
    authority: str
    identity: bytes

    def to_bytes(self) -> bytes:
        identity = base64.b64encode(self.identity).decode()
        return (json.dumps({"host": self.host, "authority": self.authority, "identity": identity}) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ParseError."""
        try:
            told = json.loads(data)
            return cls(
                host=told["host"],
                authority=told["authority"],
                identity=base64.b64decode(told["identity"], validate=True),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise ParseError(f"/etc/pve/{PATH} is damaged: {type(err).__name__}; set it up again: "
                             "pvecm qdevice setup HOST") from err  # fmt: skip

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


class Step(StrEnum):
    """What a node has to do."""

    STOP = "stop"  # the daemon, which reads certificates and configuration only when it starts
    INSTALL = "install"  # the certificates
    START = "start"
    REMOVE = "remove"  # the certificates


def steps(conf: ClusterConf, node: str, bundle: Bundle | None, installed: str | None) -> tuple[Step, ...]:
    """From what is wanted and what this node has. Doing them twice does no harm.

    ``installed``: digest of the bundle of which this node's certificates were made, None where they are not ours. A
    witness that somebody set up by hand, without a bundle, is left alone, and so are its certificates.
    """
    device = conf.qdevice
    if device is None or node not in {member.name for member in conf.nodes}:
        return () if installed is None else (Step.STOP, Step.REMOVE)
    if bundle is None or bundle.host != device.host:
        return ()
    return (Step.START,) if installed == bundle.digest else (Step.STOP, Step.INSTALL, Step.START)


def new_database_argv(folder: Path) -> list[str]:
    return ["certutil", "-N", "-d", str(folder), "-f", str(folder / "pwdfile.txt")]


def trust_argv(folder: Path, authority: Path) -> list[str]:
    return [
        "certutil", "-A", "-d", str(folder), "-f", str(folder / "pwdfile.txt"),
        "-n", AUTHORITY, "-t", "CT,c,c", "-i", str(authority),
    ]  # fmt: skip


def import_argv(folder: Path, identity: Path) -> list[str]:
    """The key's file has no password: ``-W`` gives the empty one."""
    return ["pk12util", "-i", str(identity), "-d", str(folder), "-W", ""]


def make_database(folder: Path, authority: str, run: Run) -> None:
    """A database of certificates in a new folder that only root reads, which trusts the witness's authority."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    files.replace(folder / "pwdfile.txt", b"", mode=0o600)
    run(new_database_argv(folder))
    files.replace(folder / "qnetd-cacert.crt", authority.encode(), mode=0o600)
    run(trust_argv(folder, folder / "qnetd-cacert.crt"))


class Certificates:
    """The database of certificates of this node's corosync-qdevice."""

    def __init__(self, run: Run, folder: Path = FOLDER) -> None:
        self._run, self._folder = run, folder
        self._place = folder / "nssdb"

    def installed(self) -> str | None:
        """Digest of the bundle that they were made of; None where there are none, or somebody else's."""
        try:
            return (self._place / MARK).read_text().strip()
        except OSError:
            return None

    def install(self, bundle: Bundle) -> None:
        """Made beside the place, then put there. Those of somebody else's making are kept as ``nssdb.before``."""
        made = self._folder / "nssdb.new"
        make_database(made, bundle.authority, self._run)
        identity = made / "qdevice-net-node.p12"
        files.replace(identity, bundle.identity, mode=0o600)
        self._run(import_argv(made, identity))
        identity.unlink()
        files.replace(made / MARK, f"{bundle.digest}\n".encode(), mode=0o600)
        os.sync()  # rare enough
        if self._place.exists():
            kept = self._folder / "nssdb.before"
            if self.installed() is None and not kept.exists():
                self._place.rename(kept)
            else:
                shutil.rmtree(self._place)
        made.rename(self._place)
        files.sync_folder(self._folder)

    def remove(self) -> None:
        """They hold the cluster's key: nothing stays."""
        if self._place.exists():
            self._place.rename(self._folder / "nssdb.gone")
        self.tidy()

    def tidy(self) -> None:
        """Remove what a kill has left."""
        for name in ("nssdb.new", "nssdb.gone"):
            if (self._folder / name).exists():
                shutil.rmtree(self._folder / name)


class Follower:
    """Does what ``offer`` is told; says once what is wrong."""

    def __init__(self, node: str, run: Run, folder: Path = FOLDER) -> None:
        self._node, self._run = node, run
        self._certificates = Certificates(run, folder)
        self._told = ""

    def offer(self, conf: bytes, bundle: bytes | None) -> None:
        """The stored corosync.conf and bundle. Blocks for as long as the daemon takes to start or stop."""
        try:
            self._certificates.tidy()
            wanted = ClusterConf.parse(conf.decode(errors="replace"))
            found = Bundle.from_bytes(bundle) if bundle is not None else None
            for step in steps(wanted, self._node, found, self._certificates.installed()):
                self._do(step, found)
        except (HostError, OSError) as err:
            if str(err) != self._told:
                self._told = str(err)
                log.warning("the witness is not set up on this node: %s", err)
        else:
            self._told = ""

    def drop(self) -> None:
        """This node leaves its cluster. Raises HostError, OSError."""
        if self._certificates.installed() is not None:
            for step in (Step.STOP, Step.REMOVE):
                self._do(step, None)

    def _do(self, step: Step, bundle: Bundle | None) -> None:
        match step:
            case Step.INSTALL if bundle is not None:
                self._certificates.install(bundle)
                log.info("the witness at %s: certificates are in place", bundle.host)
            case Step.START:
                # With Corosync, and not by itself: it requires Corosync, so it would start one that was stopped.
                self._systemctl("add-wants", COROSYNC, UNIT)
                if self._run(["systemctl", "is-active", "--quiet", COROSYNC], check=False).code == 0:
                    self._systemctl("start", UNIT)
            case Step.STOP:
                self._systemctl("disable", "--now", UNIT)
            case Step.REMOVE:
                self._certificates.remove()
                log.info("the witness: certificates are removed")

    def _systemctl(self, *words: str) -> None:
        self._run(["systemctl", *words], timeout_s=SYSTEMCTL_S)
