"""``pvecm qdevice``: giving a cluster the vote of a witness, a host that runs corosync-qnetd, and taking it back.

Its host signs a certificate (``witnesshost``); the nodes find certificate and key in the tree
(``cluster.corosync.qdevice``). The cluster changes by two writes, certificates first, and only when all that can be
refused has been asked: whatever is killed before, nothing has happened; between them the next run does all anew.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from hostd.cluster import membership
from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync import qdevice
from hostd.cluster.corosync.conf import ClusterConf
from hostd.cluster.store import Store
from hostd.clustering.members import wait_until_live
from hostd.clustering.witnesshost import Connect, Say, certificates
from hostd.core.errors import CommandFailed, Conflict, Invalid, NotFound, TimedOut, Unavailable
from hostd.core.run import Run

PORT: Final = 5403
CONNECT_S: Final = 5.0
WAIT_S: Final = 30.0
STATUS: Final = ("corosync-qdevice-tool", "-s", "-v")
CONNECTED: Final = "Connected"


def reach(host: str) -> None:
    """Raises Unavailable where nothing answers on the witness's port."""
    try:
        socket.create_connection((host, PORT), CONNECT_S).close()
    except OSError as err:
        raise Unavailable(
            f"{host} does not answer on TCP port {PORT}: {err.strerror or err}; open that port there for all nodes"
        ) from err


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the command works with; tests make their own. ``online``: names of the nodes that are here.

    ``installed``: digest of the bundle that this node's certificates were made of.
    """

    store: Store
    run: Run
    connect: Connect
    say: Say
    online: Callable[[], Collection[str]]
    reach: Callable[[str], None] = reach
    live: Callable[[int], None] = wait_until_live
    installed: Callable[[], str | None]


def resolve(host: str, network: str) -> str:
    """The address of ``host`` that lies in ``network`` (CIDR). Raises Invalid."""
    try:
        wanted = ipaddress.ip_network(network, strict=False)
    except ValueError as err:
        raise Invalid({"network": f"{network!r}: a network like 192.0.2.0/24 is needed"}) from err
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)}
    except OSError as err:
        raise Invalid({"address": f"the name '{host}' is not known: {err.strerror or err}"}) from err
    inside = sorted(text for text in found if ipaddress.ip_address(text) in wanted)
    if not inside:
        raise Invalid({"network": f"none of the addresses of '{host}' ({', '.join(sorted(found))}) is in {network}"})
    return inside[0]


def planned(conf: ClusterConf, host: str, algorithm: str | None, *, force: bool) -> ClusterConf:
    """The configuration with the witness; the same one where it is there already, for a run that was cut off.

    Raises Conflict, Invalid. Pure.
    """
    if (device := conf.qdevice) is not None and device.host == host and algorithm in (None, device.algorithm):
        return conf
    changed = model.set_qdevice(conf, host, algorithm)
    if len(conf.nodes) % 2 and not force:
        raise Conflict(
            f"cluster '{conf.name}' has an odd number of nodes ({len(conf.nodes)}): with a witness it survives the "
            "loss of more nodes, but no longer without the witness; if that is wanted, use --force"
        )
    return changed


def set_up(
    site: Site, host: str, *, algorithm: str | None = None, network: str | None = None, force: bool = False
) -> None:
    """Give the cluster a witness. Raises HostError; then nothing has changed unless the message says so."""
    address = resolve(host, network) if network else host
    conf, version = stored(site.store)
    changed = planned(conf, address, algorithm, force=force)
    site.say(f"logging in to {address} as root, by SSH")
    with site.connect(address) as remote:
        bundle = certificates(remote, site.run, conf.name, address, site.say)
    site.reach(address)
    site.say("storing certificate and key for all nodes")
    site.store.write(qdevice.PATH, bundle.to_bytes(), actor="root@pam")
    if changed != conf:
        site.say("changing corosync.conf")
        site.store.write(membership.PATH, changed.format().encode(), if_version=version, actor="root@pam")
        site.live(changed.version)
    site.say("waiting for the witness's vote on this node")
    wait_for_vote(site, bundle.digest)


def remove(site: Site) -> None:
    """Take the witness away. Raises NotFound where there is none, Conflict where the cluster hangs on it."""
    conf, version = stored(site.store)
    leftover = _exists(site.store)
    if conf.qdevice is None and leftover:
        site.say("finishing what was begun: removing certificate and key")
    else:
        changed = model.remove_qdevice(conf)
        check_removal(conf, site.online())
        site.say("changing corosync.conf")
        site.store.write(membership.PATH, changed.format().encode(), if_version=version, actor="root@pam")
        site.live(changed.version)
    if leftover:
        site.store.delete(qdevice.PATH, actor="root@pam")
    site.say("the witness has no vote any more; each node stops its corosync-qdevice by itself")


def _exists(store: Store) -> bool:
    try:
        store.read(qdevice.PATH)
    except NotFound:
        return False
    return True


def stored(store: Store) -> tuple[ClusterConf, int]:
    """The cluster's configuration and the version of its file. Raises Conflict on a host that belongs to none."""
    try:
        file = store.read(membership.PATH)
    except NotFound as err:
        raise Conflict("this host belongs to no cluster; begin one: pvecm create NAME") from err
    return ClusterConf.parse(file.data.decode(errors="replace")), file.version


def parse_status(text: str) -> dict[str, str]:
    """``corosync-qdevice-tool -s -v``: lines of ``name:  value``, by name; headings and lists are left out.

    Of names that occur twice (a part of the daemon each has a heartbeat) the last one counts.
    Source: corosync-qdevice-tool(8) of 3.0.
    """
    found = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and value.strip() and not line.startswith((" ", "\t")):
            found[name.strip()] = value.strip()
    return found


def status(run: Run) -> dict[str, str]:
    """What this node's corosync-qdevice says; empty where it does not run."""
    try:
        result = run(list(STATUS), timeout_s=10, check=False)
    except CommandFailed:
        return {}
    return parse_status(result.stdout) if result.code == 0 else {}


def wait_for_vote(site: Site, digest: str, limit_s: float = WAIT_S) -> None:
    """Until the witness answers this node's daemon with these certificates, not with earlier ones. Raises TimedOut."""
    end_s = time.monotonic() + limit_s
    while site.installed() != digest or status(site.run).get("State") != CONNECTED:
        if time.monotonic() >= end_s:
            raise TimedOut(
                f"the witness is configured, but this node is not connected to it after {limit_s:g} s; see "
                f"'systemctl status {qdevice.UNIT}' and 'journalctl -u hostd-clusterd'. To undo: pvecm qdevice remove"
            )
        time.sleep(0.2)


def check_removal(conf: ClusterConf, online: Collection[str]) -> None:
    """Raises Conflict where the nodes that are here have no majority of their own. Pure."""
    every = sum(node.votes for node in conf.nodes)
    here = sum(node.votes for node in conf.nodes if node.name in online)
    if here * 2 <= every:
        raise Conflict(
            f"{here} of {every} votes of nodes are here: without the witness the cluster would be read-only. "
            "Bring the others back, or remove those that are gone for good first: pvecm delnode NODE"
        )
