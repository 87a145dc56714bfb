#!/usr/bin/env python3
"""Does a `make dev` node stay quick under attack? p99 of /version idle, and with all of this at once:

100 listeners to events, 50 log-ins with wrong passwords at any time, an upload of 5 GiB, 50 slow writers (a header
byte per second; a body that never ends) and 50 slow readers (a long answer, read a few bytes per second).

    make dev PORT=8506
    benchmarks/attack.py --port 8506 [--seconds S] [--upload-size BYTES]

Exit status 1 when p99 under attack is more than 5 times the idle one. The attackers are processes of their own with low
priority (nice 10), as their work on this machine is not the node's; the upload is written to the node's disk and
removed afterwards. Needs root and lxc; everything goes to the container's own address.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("HOLDFAST_CACHE", "/var/cache/holdfast"))
LIMIT = 5.0
LISTENERS, LOG_INS, SLOW = 100, 50, 50
CHUNK = bytes(1 << 20)
PAUSE_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Target:
    """The node, with root's ticket."""

    host: str
    node: str
    cookie: str
    csrf: str
    long: tuple[str, ...] = ("/api-viewer/openapi.json", "/api2/json/nodes/{node}/tasks?limit=500")

    def connect(self, timeout_s: float = 120) -> ssl.SSLSocket:
        context = ssl._create_unverified_context()  # a certificate of the node's own authority
        return context.wrap_socket(socket.create_connection((self.host, 8006), timeout_s))

    def head(self, method: str, path: str, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: attack", f"Cookie: {self.cookie}", *more]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def container(port: int, *argv: str) -> str:
    command = ["lxc-attach", "-n", f"holdfast-{port}", "--clear-env", "--", *argv]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def target(port: int) -> Target:
    password = (CACHE / f"dev/{port}/password").read_text().strip()
    host = container(port, "hostname", "-I").split()[0]
    connection = http.client.HTTPSConnection(host, 8006, context=ssl._create_unverified_context())
    form = urllib.parse.urlencode({"username": "root@pam", "password": password})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/api2/json/access/ticket", form, kind)
    told = json.load(connection.getresponse())["data"]
    cookie = f"PVEAuthCookie={urllib.parse.quote(told['ticket'], safe='')}"
    return Target(host=host, node=container(port, "hostname"), cookie=cookie, csrf=told["CSRFPreventionToken"])


# --- the victim's view


def latencies(to: Target, seconds: float) -> list[float]:
    """Seconds that each GET /version took, one after the other over a kept connection."""
    connection = http.client.HTTPSConnection(to.host, 8006, context=ssl._create_unverified_context(), timeout=60)
    found, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        begun_s = time.perf_counter()
        connection.request("GET", "/api2/json/version", headers={"Cookie": to.cookie})
        answer = connection.getresponse()
        answer.read()
        found.append(time.perf_counter() - begun_s)
        if answer.status != 200:
            sys.exit(f"/version was refused: {answer.status} {answer.reason}")
        time.sleep(PAUSE_S)
    return found


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


# --- attackers; each runs in a thread of an attacking process, and counts what it has done


def listen(to: Target, done: Callable[[], bool], count: Callable[[str], None]) -> None:
    with to.connect() as sock:
        sock.sendall(to.head("GET", "/api2/json/events"))
        count("listener")
        while not done() and sock.recv(65536):
            pass


def log_in(to: Target, done: Callable[[], bool], count: Callable[[str], None]) -> None:
    number = 0
    while not done():
        number += 1
        user = f"u{os.getpid()}-{threading.get_ident()}-{number}@pve"
        body = urllib.parse.urlencode({"username": user, "password": "wrong"})
        kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nConnection: close"
        with to.connect() as sock:
            sock.sendall(to.head("POST", "/api2/json/access/ticket", kind) + body.encode())
            heard = b""
            while part := sock.recv(65536):
                heard += part
        count("log-in refused" if b" 401 " in heard[:20] else "log-in otherwise")


def write_slowly(to: Target, done: Callable[[], bool], count: Callable[[str], None]) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 400000"
    heads = (to.head("POST", "/api2/json/access/ticket", kind), to.head("GET", "/api2/json/version"))
    number = 0
    while not done():
        number += 1
        head = heads[number % 2]
        with to.connect() as sock:
            if number % 2:  # half a header, a byte at a time
                parts = [head[at : at + 1] for at in range(len(head))]
            else:  # a header, then a body that does not end
                parts = [head, *[b"a"] * 1000]
            for part in parts:
                if done():
                    return
                sock.sendall(part)
                count("bytes of slow writers")
                time.sleep(1)


def read_slowly(to: Target, done: Callable[[], bool], count: Callable[[str], None]) -> None:
    while not done():
        with to.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            path = to.long[threading.get_ident() // 4096 % len(to.long)]
            sock.sendall(to.head("GET", path.format(node=to.node)))
            count("slow reader")
            while not done() and sock.recv(64):
                time.sleep(0.5)


def attacking(work: Callable[..., None], to: Target, threads: int, end, told) -> None:  # type: ignore[no-untyped-def]
    """A process with ``threads`` attackers."""
    os.nice(10)
    counts: dict[str, int] = {}
    lock = threading.Lock()

    def count(what: str) -> None:
        with lock:
            counts[what] = counts.get(what, 0) + 1

    def one() -> None:
        while not end.is_set():
            try:
                work(to, end.is_set, count)
            except OSError:
                count(f"{work.__name__}: sent away")
                time.sleep(0.2)

    for _ in range(threads):
        threading.Thread(target=one, daemon=True).start()
    end.wait()
    with lock:
        told.put(dict(counts))


def upload(to: Target, size: int, end, told) -> None:  # type: ignore[no-untyped-def]
    """One file of zeros; says how much went out and, where it came to its end, how it was answered."""
    os.nice(10)
    before = b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\niso\r\n'
    before += b'--b\r\nContent-Disposition: form-data; name="filename"; filename="attack.iso"\r\n\r\n'
    after, sent, answer = b"\r\n--b--\r\n", 0, "not at its end"
    place = f"/api2/json/nodes/{to.node}/storage/local/upload"
    kind = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(before) + size + len(after)}"
    try:
        with to.connect(600) as sock:
            sock.sendall(to.head("POST", place, kind, f"CSRFPreventionToken: {to.csrf}") + before)
            while sent < size and not end.is_set():
                sock.sendall(CHUNK[: size - sent])
                sent += min(len(CHUNK), size - sent)
            if sent == size:
                sock.sendall(after)
                answer = sock.recv(65536).split(b"\r\n", 1)[0].decode()
    except OSError as err:
        answer = str(err)
    told.put({"MiB uploaded": sent >> 20, f"upload: {answer}": 1})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--port", type=int, default=8006, help="port of the `make dev` node")
    parser.add_argument("--seconds", type=float, default=30, help="length of each measurement")
    parser.add_argument("--upload-size", type=int, default=5 << 30, help="bytes; 5 GiB")
    options = parser.parse_args()
    free = shutil.disk_usage(CACHE).free
    if free < 2 * options.upload_size + (2 << 30):
        sys.exit(f"{free >> 30} GiB are free; the upload needs room for two copies (--upload-size makes it smaller)")
    to = target(options.port)
    latencies(to, 2)  # the first calls warm everything up
    idle = latencies(to, options.seconds)
    fork = multiprocessing.get_context("fork")
    end, told = fork.Event(), fork.SimpleQueue()
    parts = ((listen, LISTENERS), (log_in, LOG_INS), (write_slowly, SLOW), (read_slowly, SLOW))
    processes = [
        fork.Process(target=attacking, args=(work, to, number, end, told), daemon=True) for work, number in parts
    ]
    processes.append(fork.Process(target=upload, args=(to, options.upload_size, end, told), daemon=True))
    for process in processes:
        process.start()
    time.sleep(5)  # until all have connected
    busy = latencies(to, options.seconds)
    end.set()
    counts = [told.get() for _ in processes]
    for process in processes:
        process.join(15)
        process.kill()
    time.sleep(3)
    container(options.port, "sh", "-c", "rm -f /var/lib/vz/template/iso/attack.iso /var/lib/hostd/uploads/*")
    for line in sorted(f"  {what}: {number}" for each in counts for what, number in each.items()):
        print(line)
    for name, values in (("idle", idle), ("under attack", busy)):
        p50, p99 = (share(values, part) * 1000 for part in (0.5, 0.99))
        numbers = f"p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  max {max(values) * 1000:7.2f} ms"
        print(f"/version {name:13} {len(values):6} calls  {numbers}")
    ratio = share(busy, 0.99) / share(idle, 0.99)
    print(f"p99 ratio {ratio:.2f} (≤ {LIMIT}): {'met' if ratio <= LIMIT else 'MISSED'}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
