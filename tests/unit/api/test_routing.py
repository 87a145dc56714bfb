"""Where calls run: `runs_on` as the reference's schema has it, but for differences that have a reason."""

from __future__ import annotations

import json
from pathlib import Path

from hostd.api.endpoint import collect
from hostd.daemons.api_wiring import ENDPOINT_MODULES

# The reference passes these on inside the method: consoles and uploads go by ssh to the guest's node, so that the
# client keeps talking to the node it asked. Here the declaration says where they run, as for everything else.
# The reference knows models and flags of processors by heart, whichever node is named; here that node's QEMU is asked.
PASSED_ON_HERE = {
    ("GET", "/nodes/{node}/capabilities/qemu/cpu"),
    ("GET", "/nodes/{node}/capabilities/qemu/cpu-flags"),
    ("POST", "/nodes/{node}/lxc/{vmid}/termproxy"),
    ("POST", "/nodes/{node}/lxc/{vmid}/vncproxy"),
    ("GET", "/nodes/{node}/lxc/{vmid}/vncwebsocket"),
    ("POST", "/nodes/{node}/qemu/{vmid}/termproxy"),
    ("POST", "/nodes/{node}/qemu/{vmid}/vncproxy"),
    ("GET", "/nodes/{node}/qemu/{vmid}/vncwebsocket"),
    ("POST", "/nodes/{node}/storage/{storage}/upload"),
    ("POST", "/nodes/{node}/termproxy"),
    ("POST", "/nodes/{node}/vncshell"),
    ("GET", "/nodes/{node}/vncwebsocket"),
}


def test_every_served_method_runs_where_the_reference_runs_it(shared: Path) -> None:
    methods = json.loads((shared / "api/schema.json").read_text())["methods"]
    theirs = {(m["method"], m["path"]): m.get("proxyto", "") for m in methods}
    ours = {(e.method, e.path): e.runs_on for e in collect(ENDPOINT_MODULES)}
    assert len(ours) > 100
    different = {key for key, runs_on in ours.items() if key in theirs and runs_on != theirs[key]}
    assert different == PASSED_ON_HERE
    assert {ours[key] for key in PASSED_ON_HERE} == {"node"}
