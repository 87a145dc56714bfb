"""What the store is compared with: a passthrough file system in C, and etcd. Neither is part of the product.

Debian's packages are downloaded and unpacked beside the measurements; nothing is installed.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ETCD_CLIENT_PORT, ETCD_PEER_PORT = 23790, 23800
START_S = 20.0


class Absent(Exception):
    """A peer that cannot be had here; the message says why."""


def unpack(packages: tuple[str, ...], into: Path) -> None:
    """Debian packages' files below ``into``, with apt's lists in a place of their own. Raises Absent."""
    (into / "lists/partial").mkdir(parents=True, exist_ok=True)
    # The user _apt cannot write here, and need not: what comes is checked against the archive's signature all the same.
    apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", f"Dir::State::Lists={into}/lists"]
    apt += ["-o", f"Dir::Cache={into}"]
    for argv in ([*apt, "update"], [*apt, "download", *packages]):
        done = subprocess.run(argv, cwd=into, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise Absent(f"{' '.join(argv)}: {done.stderr.strip()}")
    for package in into.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, into], check=True, timeout=60)


def compile_passthrough(directory: Path) -> Path:
    """The program. Raises Absent."""
    if not shutil.which("gcc"):
        raise Absent("no C compiler: install gcc")
    unpack(("libfuse3-dev", "libfuse3-4"), directory)
    program, libraries = directory / "passthrough", directory / "usr/lib/x86_64-linux-gnu"
    argv = ["gcc", "-O2", "-Wall", "-o", program, HERE / "passthrough.c", f"-I{directory}/usr/include/fuse3"]
    argv += ["-D_FILE_OFFSET_BITS=64", f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lfuse3"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise Absent(f"gcc: {done.stderr}")
    return program


@contextlib.contextmanager
def passthrough(program: Path, source: Path, mount: Path) -> Iterator[None]:
    """``source`` is seen at ``mount``."""
    mount.mkdir()
    with subprocess.Popen([program, source, mount]) as process:
        try:
            deadline = time.monotonic() + START_S
            while not os.path.ismount(mount):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Absent("the passthrough file system does not start")
                time.sleep(0.01)
            yield
        finally:
            subprocess.run(["umount", "--lazy", mount], check=False, timeout=10)
            process.terminate()


class Etcd:
    """A client of etcd's JSON gateway over one kept connection."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", ETCD_CLIENT_PORT, timeout=10)

    def put(self, key: str, data: bytes) -> None:
        self._call("put", key=_text(key.encode()), value=_text(data))

    def get(self, key: str) -> bytes:
        return base64.b64decode(self._call("range", key=_text(key.encode()))["kvs"][0]["value"])

    def _call(self, method: str, **fields: str) -> dict[str, list[dict[str, str]]]:
        self._connection.request("POST", f"/v3/kv/{method}", json.dumps(fields))
        with self._connection.getresponse() as response:
            body = response.read()
            assert response.status == 200, body
            answer: dict[str, list[dict[str, str]]] = json.loads(body)
        return answer


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextlib.contextmanager
def etcd(directory: Path) -> Iterator[tuple[Etcd, int]]:
    """One etcd with its data below ``directory``: a client, and the process number. Raises Absent."""
    if not (program := shutil.which("etcd")):
        unpack(("etcd-server",), directory / "package")
        program = str(directory / "package/usr/bin/etcd")
    client, peer = f"http://127.0.0.1:{ETCD_CLIENT_PORT}", f"http://127.0.0.1:{ETCD_PEER_PORT}"
    argv = [program, "--data-dir", directory / "data", "--listen-client-urls", client]
    argv += ["--advertise-client-urls", client, "--listen-peer-urls", peer]
    argv += ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", "--log-level", "error"]
    with (directory / "log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            yield _connect(process, directory / "log"), process.pid
        finally:
            process.terminate()


def _connect(process: subprocess.Popen[bytes], log: Path) -> Etcd:
    deadline = time.monotonic() + START_S
    while True:
        try:
            client = Etcd()
            client.put("ready", b"yes")
        except (OSError, AssertionError, http.client.HTTPException) as err:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Absent(f"etcd does not answer: {log.read_text(errors='replace')[-1000:]}") from err
            time.sleep(0.1)
        else:
            return client
