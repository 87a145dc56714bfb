"""The host of a cluster's witness: logging in to it, and having it sign the cluster's certificate.

Why by the administrator's own SSH: only root there can have a certificate signed. The person who runs the command logs
in once, with whatever that host wants of them, over one connection that ends with the command; no key stays on either
side. The nodes of the cluster are not logged in to at all.
Source: corosync-qnetd-certutil(8), corosync-qdevice-net-certutil(8): what is signed, and how.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from hostd.cluster.corosync import qdevice
from hostd.cluster.corosync.qdevice import Bundle
from hostd.core import files
from hostd.core.errors import CommandFailed, Conflict, NotFound, Unavailable
from hostd.core.run import Run

QNETD: Final = "/etc/corosync/qnetd/nssdb"

Say = Callable[[str], None]


class Remote(Protocol):
    """Root on the witness's host: runs a program there, returns what it printed. Raises CommandFailed."""

    def __call__(self, argv: Sequence[str], *, input: bytes | None = None) -> str: ...


Connect = Callable[[str], contextlib.AbstractContextManager[Remote]]


@contextlib.contextmanager
def by_ssh(run: Run, attended: Callable[[Sequence[str]], None], host: str) -> Iterator[Remote]:
    """One connection as root, at which ssh may ask the person for a password or about the host's key; then no more."""
    with tempfile.TemporaryDirectory(prefix="hostd-qdevice-") as folder:
        control = ["-o", f"ControlPath={folder}/ssh"]
        target = f"root@{host}"
        try:
            attended(["ssh", "-f", "-N", "-o", "ControlMaster=yes", *control, target])
        except CommandFailed as err:
            raise Unavailable(
                f"cannot log in to {target} by SSH; the command needs it once. Nothing was changed"
            ) from err

        def remote(argv: Sequence[str], *, input: bytes | None = None) -> str:
            return run(["ssh", "-o", "BatchMode=yes", *control, target, shlex.join(argv)], input=input).stdout

        try:
            yield remote
        finally:
            run(["ssh", "-O", "exit", *control, target], check=False)


def certificates(remote: Remote, run: Run, cluster: str, host: str, say: Say) -> Bundle:
    """A new key, signed by the witness's authority. Raises HostError."""
    try:
        remote(["systemctl", "is-active", "--quiet", "corosync-qnetd.service"])
    except CommandFailed as err:
        raise Conflict(f"corosync-qnetd does not run on {host}; on Debian: apt install corosync-qnetd. "
                       "Nothing was changed") from err  # fmt: skip
    authority = pem_of(remote(["cat", f"{QNETD}/qnetd-cacert.crt"]), host)
    with tempfile.TemporaryDirectory(prefix="hostd-qdevice-") as name:
        folder = Path(name) / "nssdb"
        qdevice.make_database(folder, authority, run)
        request = request_certificate(folder, cluster, run)
        say(f"having the certificate of cluster '{cluster}' signed there")
        signed = sign(remote, cluster, request)
        return Bundle(host=host, authority=authority, identity=pack(folder, signed, run))


def pem_of(text: str, host: str) -> str:
    """The PEM block of a file that says the same in words first. Raises NotFound."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in text or end not in text:
        raise NotFound(f"{QNETD}/qnetd-cacert.crt on {host} holds no certificate")
    return begin + text.partition(begin)[2].partition(end)[0] + end + "\n"


def request_argv(folder: Path, cluster: str) -> list[str]:
    """A new key, and the request to sign it: the subject must be the cluster's name."""
    return [
        "certutil", "-R", "-s", f"CN={cluster}", "-d", str(folder), "-f", str(folder / "pwdfile.txt"),
        "-z", str(folder / "noise"), "-g", "3072", "-o", str(folder / "request"),
    ]  # fmt: skip


def request_certificate(folder: Path, cluster: str, run: Run) -> bytes:
    """The request, DER; its key is in the database at ``folder``."""
    files.replace(folder / "noise", secrets.token_bytes(64), mode=0o600)
    run(request_argv(folder, cluster))
    return (folder / "request").read_bytes()


def sign(remote: Remote, cluster: str, request: bytes) -> bytes:
    """The signed certificate, DER. What is needed on the witness for that moment lies in its /run and is removed."""
    place = f"/run/holdfast-{secrets.token_hex(8)}.crq"
    try:
        remote(["install", "-m", "600", "/dev/stdin", place], input=request)
        remote(["corosync-qnetd-certutil", "-s", "-c", place, "-n", cluster])
        return base64.b64decode(remote(["base64", f"{QNETD}/cluster-{cluster}.crt"]))  # what is printed is text
    finally:
        remote(["rm", "-f", place])


def pack(folder: Path, signed: bytes, run: Run) -> bytes:
    """Certificate and key, PKCS #12 without a password."""
    files.replace(folder / "signed", signed, mode=0o600)
    name = qdevice.CERTIFICATE
    run(["certutil", "-A", "-d", str(folder), "-f", str(folder / "pwdfile.txt"), "-n", name, "-t", "u,u,u",
         "-i", str(folder / "signed")])  # fmt: skip
    run(["pk12util", "-o", str(folder / "identity"), "-d", str(folder), "-W", "", "-n", name])
    return (folder / "identity").read_bytes()
