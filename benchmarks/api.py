#!/usr/bin/env python3
"""How fast the API of a `make dev` node is, as ratios against two things behind the same nginx in the same run.

    make dev PORT=8506
    benchmarks/api.py --port 8506 [--seconds S]

A second nginx in the node has the product's own configuration, with one more location: a bare Flask + waitress that
says hello. wrk asks over TLS, with 1 and 16 connections: that hello, a static file, and methods with 100 and 5,000
guest configurations. CPU is that of all processes in the path (nginx, hostd-api, hostd, or the hello), per request.
Read the ratios; req/s and latencies are those of this machine, today. Needs root, lxc, and the tools tree (wrk, flask).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("HOLDFAST_CACHE", "/var/cache/holdfast"))
BENCH_PORT = 8007
MODULES = ("flask", "jinja2", "itsdangerous", "click", "blinker", "markupsafe", "werkzeug", "waitress")
HELLO = """
import os, sys
sys.path.insert(0, "/opt/bench")
from flask import Flask, jsonify
from waitress import serve
app = Flask("hello")
@app.get("/hello")
def hello():
    return jsonify(data={"hello": "world"})
serve(app, unix_socket="/run/bench-hello.sock", unix_socket_perms="666", threads=8)
"""
# name, path, most CPU per request against the hello (issue 3)
TARGETS = (
    ("version", "/version", 1.6),
    ("config GET", "/nodes/{node}/qemu/{vmid}/config", 2.0),
    ("cluster/resources, 100 guests", "/cluster/resources", 4.0),
    ("nodes/n/qemu, 100 guests", "/nodes/{node}/qemu", 4.0),
)
FIRST_VMID = 100000
LARGE, LARGE_LIMIT_MS = 5000, 150
MEMORY_LIMIT_MIB, IDLE_LIMIT_PERCENT, IDLE_S = 250, 1.0, 20
VERIFY_LIMIT_MS = 0.3


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of wrk; CPU in milliseconds per request."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


class Node:
    """The node in its container."""

    def __init__(self, port: int) -> None:
        self.container = f"holdfast-{port}"
        self.password = (CACHE / f"dev/{port}/password").read_text().strip()
        self.address = self.run("hostname", "-I").split()[0]
        self.name = self.run("hostname").strip()
        self.url = f"https://{self.address}:{BENCH_PORT}"

    def run(self, *argv: str, data: str | bytes = b"") -> str:
        command = ["lxc-attach", "-n", self.container, "--clear-env", "--", *argv]
        raw = data.encode() if isinstance(data, str) else data
        return subprocess.run(command, input=raw, stdout=subprocess.PIPE, check=True).stdout.decode()

    def shell(self, script: str) -> str:
        return self.run("sh", "-c", script)

    def start_bench(self) -> None:
        """The second nginx, and the hello behind it."""
        tar = ["tar", "-C", "/usr/lib/python3/dist-packages", "-chf", "-", *MODULES]
        packed = subprocess.run([ROOT / "bin/in-tools", *tar], stdout=subprocess.PIPE, check=True).stdout
        self.shell("mkdir -p /opt/bench")
        self.run("tar", "-C", "/opt/bench", "-xf", "-", data=packed)
        self.run("tee", "/opt/bench/hello.py", data=HELLO)
        self.shell("systemctl reset-failed bench-hello 2>/dev/null; systemctl stop bench-hello 2>/dev/null; true")
        self.shell("rm -f /run/bench-hello.sock; systemd-run -q --unit bench-hello python3 /opt/bench/hello.py")
        text = self.shell("cat /usr/share/hostd/nginx.conf")
        text = text.replace("8006 ssl", f"{BENCH_PORT} ssl").replace("/run/hostd/nginx.pid", "/run/bench-nginx.pid")
        text = text.replace("daemon on;", "daemon off;")
        hello = "location = /hello { proxy_pass http://unix:/run/bench-hello.sock; }"
        # kept connections, as the API's own upstream has them
        upstream = "upstream hello { server unix:/run/bench-hello.sock; keepalive 16; }\n    upstream api {"
        hello = hello.replace("http://unix:/run/bench-hello.sock", "http://hello")
        text = text.replace("upstream api {", upstream, 1).replace(
            "location /api2/ {", f"{hello}\n location /api2/ {{", 1
        )
        self.run("tee", "/opt/bench/nginx.conf", data=text)
        self.shell("systemctl stop bench-nginx 2>/dev/null; systemctl reset-failed bench-nginx 2>/dev/null; true")
        self.shell("systemd-run -q --unit bench-nginx nginx -c /opt/bench/nginx.conf; sleep 2")

    def pids(self) -> dict[str, list[int]]:
        """Processes by part."""
        found = {
            unit: [int(self.shell(f"systemctl show -P MainPID {unit}"))]
            for unit in ("hostd-api", "hostd", "bench-hello")
        }
        found["nginx"] = [int(p) for p in self.shell("pgrep -P $(systemctl show -P MainPID bench-nginx)").split()]
        return found

    def cpu_ms(self, pids: list[int]) -> float:
        """User and system time so far (proc(5): fields 14 and 15, in ticks)."""
        stats = self.run("cat", *[f"/proc/{pid}/stat" for pid in pids]).splitlines()
        ticks = sum(sum(int(v) for v in line.rpartition(")")[2].split()[11:13]) for line in stats)
        return ticks * 1000 / os.sysconf("SC_CLK_TCK")

    def guests(self, count: int) -> None:
        """Exactly ``count`` machines, configurations only."""
        last = FIRST_VMID + count - 1
        config = "cores: 2\\nmemory: 2048\\nname: bench\\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\\n"
        self.shell(
            f"cd /etc/pve/qemu-server && for i in $(seq {FIRST_VMID} {last}); do "
            f"[ -e $i.conf ] || printf '{config}' > $i.conf; done; "
            f"for f in 1?????.conf; do [ ${{f%.conf}} -le {last} ] || rm $f; done; sleep 2"
        )

    def ticket(self) -> str:
        form = urllib.parse.urlencode({"username": "root@pam", "password": self.password}).encode()
        context = ssl._create_unverified_context()  # a certificate of the node's own authority
        with urllib.request.urlopen(f"{self.url}/api2/json/access/ticket", form, context=context) as answer:
            return str(json.load(answer)["data"]["ticket"])


def measure(node: Node, path: str, ticket: str, connections: int, seconds: int, pids: list[int]) -> Result:
    """wrk against one path."""
    headers = ["-H", f"Cookie: PVEAuthCookie={urllib.parse.quote(ticket, safe='')}"] if ticket else []
    before = node.cpu_ms(pids)
    argv = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", *headers, f"{node.url}{path}"]
    out = subprocess.run([ROOT / "bin/in-tools", *argv], stdout=subprocess.PIPE, check=True).stdout.decode()
    used = node.cpu_ms(pids) - before
    if "Non-2xx" in out:
        sys.exit(f"{path}: refused\n{out}")
    count = int(re.search(r"(\d+) requests in", out)[1])  # type: ignore[index]
    return Result(
        rate=float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),  # type: ignore[index]
        p50_ms=milliseconds(out, "50%"),
        p99_ms=milliseconds(out, "99%"),
        cpu_ms=used / max(count, 1),
    )


def milliseconds(out: str, share: str) -> float:
    value, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", out).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def row(name: str, connections: int, got: Result, base: Result | None, most: float | None) -> bool:
    """Print one line; whether the target was met."""
    ratio = f"{got.cpu_ms / base.cpu_ms:6.2f}" if base else "     -"
    met = most is None or base is None or got.cpu_ms <= most * base.cpu_ms
    verdict = "" if most is None else f"  ≤ {most}: {'met' if met else 'MISSED'}"
    numbers = f"{got.rate:9.0f} {got.p50_ms:8.2f} {got.p99_ms:8.2f} {got.cpu_ms:9.3f}"
    print(f"{name:32} {connections:3} {numbers} {ratio}{verdict}", flush=True)
    return met


def idle(node: Node) -> bool:
    """Memory (PSS) and CPU of everything of ours that runs, while nobody asks."""
    units = "hostd hostd-api hostd-stream hostd-taskd hostd-statd hostd-clusterd hostd-nginx"
    main = f"for unit in {units}; do systemctl show -P MainPID $unit; done; pgrep -P $(cat /run/hostd/nginx.pid)"
    pids = [int(p) for p in node.shell(main).split() if int(p)]
    total = 0
    for pid in pids:
        found = re.search(r"Pss:\s+(\d+)", node.shell(f"cat /proc/{pid}/smaps_rollup 2>/dev/null; true"))
        total += int(found[1]) if found else 0
    before = node.cpu_ms(pids)
    subprocess.run(["sleep", str(IDLE_S)], check=True)
    percent = (node.cpu_ms(pids) - before) / (IDLE_S * 10)
    memory = total / 1024
    good = memory <= MEMORY_LIMIT_MIB and percent <= IDLE_LIMIT_PERCENT
    print(f"idle: {memory:.0f} MiB (≤ {MEMORY_LIMIT_MIB}), {percent:.2f} % of a core (≤ {IDLE_LIMIT_PERCENT})"
          f": {'met' if good else 'MISSED'}")  # fmt: skip
    return good


def verification(node: Node, ticket: str) -> bool:
    """One verification of a ticket, without anything remembered."""
    script = (
        "import sys,time;from hostd.access import tickets,keys;t=sys.argv[1];"
        "k=open('/etc/pve/'+keys.VERIFYING,'rb').read();n=int(time.time());s=time.perf_counter();"
        "[tickets.verify(k,t,now_s=n) for _ in range(500)];"
        "print((time.perf_counter()-s)*2)"
    )
    taken = float(node.run("/usr/bin/python3", "-c", script, ticket))
    good = taken <= VERIFY_LIMIT_MS
    print(f"ticket verification: {taken:.3f} ms (≤ {VERIFY_LIMIT_MS}): {'met' if good else 'MISSED'}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--port", type=int, default=8006, help="port of the `make dev` node")
    parser.add_argument("--seconds", type=int, default=5, help="length of each run")
    options = parser.parse_args()
    node = Node(options.port)
    node.start_bench()
    pids = node.pids()
    ticket = node.ticket()
    node.guests(100)
    print(f"{'what':32} {'c':>3} {'req/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms':>9} {'hello=1':>6}")
    met = []
    ours = pids["nginx"] + pids["hostd-api"] + pids["hostd"]
    for connections in (1, 16):
        hello = measure(node, "/hello", "", connections, options.seconds, pids["nginx"] + pids["bench-hello"])
        row("flask + waitress hello", connections, hello, None, None)
        static = measure(node, "/api-viewer/viewer.css", "", connections, options.seconds, pids["nginx"])
        row("nginx, static file", connections, static, hello, None)
        for name, path, most in TARGETS:
            path = "/api2/json" + path.format(node=node.name, vmid=FIRST_VMID)
            got = measure(node, path, ticket, connections, options.seconds, ours)
            met.append(row(name, connections, got, hello, most))
    node.guests(LARGE)
    for name, path in (("cluster/resources", "/cluster/resources"), ("nodes/n/qemu", f"/nodes/{node.name}/qemu")):
        got = measure(node, f"/api2/json{path}", ticket, 1, options.seconds, ours)
        row(f"{name}, {LARGE} guests", 1, got, None, None)
        met.append(got.p50_ms < LARGE_LIMIT_MS)
        print(f"    p50 {got.p50_ms:.0f} ms (< {LARGE_LIMIT_MS}): {'met' if met[-1] else 'MISSED'}")
    node.guests(100)
    met.append(verification(node, ticket))
    node.shell("systemctl stop bench-nginx bench-hello; rm -f /etc/pve/qemu-server/1?????.conf")
    met.append(idle(node))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
