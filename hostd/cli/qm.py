"""``qm``: virtual machines of this node."""

from __future__ import annotations

from collections.abc import Sequence

from hostd.cli.commands import LOCAL_NODE, Command, Local, Suite
from hostd.cli.program import Surroundings, main
from hostd.cli.pveum import ask_once
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import NotFound
from hostd.core.run import run
from hostd.guests.config import GuestKind, parse_path
from hostd.guests.qemu import disks
from hostd.node.host import Host
from hostd.tasks.log import ListLog

_ALL, _ONE = "/nodes/{node}/qemu", "/nodes/{node}/qemu/{vmid}"
_HERE = {"node": LOCAL_NODE}
_PASSWORD = {"cipassword": ask_once}
_DRY_RUN = "--dryrun"


def _row(words: str, verb: str, path: str, *positional: str, **fixed: object) -> Command:
    readers = _PASSWORD if words in ("set", "create") else {}
    return Command(words=words, verb=verb, path=path, positional=positional, fixed={**_HERE, **fixed}, readers=readers)


_SNAPSHOT = f"{_ONE}/snapshot/{{snapname}}"
ROWS = (
    _row("list", "GET", _ALL),
    _row("create", "POST", _ALL, "vmid"),
    _row("destroy", "DELETE", _ONE, "vmid"),
    _row("config", "GET", f"{_ONE}/config", "vmid"),
    _row("set", "PUT", f"{_ONE}/config", "vmid"),
    _row("pending", "GET", f"{_ONE}/pending", "vmid"),
    _row("status", "GET", f"{_ONE}/status/current", "vmid"),
    *(
        _row(word, "POST", f"{_ONE}/status/{word}", "vmid")
        for word in ("start", "stop", "shutdown", "reboot", "reset", "suspend", "resume")
    ),
    _row("clone", "POST", f"{_ONE}/clone", "vmid", "newid"),
    _row("template", "POST", f"{_ONE}/template", "vmid"),
    _row("snapshot", "POST", f"{_ONE}/snapshot", "vmid", "snapname"),
    _row("listsnapshot", "GET", f"{_ONE}/snapshot", "vmid"),
    _row("delsnapshot", "DELETE", _SNAPSHOT, "vmid", "snapname"),
    _row("rollback", "POST", f"{_SNAPSHOT}/rollback", "vmid", "snapname"),
    _row("disk resize", "PUT", f"{_ONE}/resize", "vmid", "disk", "size"),
    _row("disk move", "POST", f"{_ONE}/move_disk", "vmid", "disk", "storage"),
    _row("disk unlink", "PUT", f"{_ONE}/unlink", "vmid"),
    _row("cloudinit pending", "GET", f"{_ONE}/cloudinit", "vmid"),
    _row("cloudinit update", "PUT", f"{_ONE}/cloudinit", "vmid"),
    _row("cloudinit dump", "GET", f"{_ONE}/cloudinit/dump", "vmid", "type"),
    _row("migrate", "POST", f"{_ONE}/migrate", "vmid", "target"),
    _row("sendkey", "PUT", f"{_ONE}/sendkey", "vmid", "key"),
    _row("monitor", "POST", f"{_ONE}/monitor", "vmid", "command"),
    _row("unlock", "PUT", f"{_ONE}/config", "vmid", delete="lock", skiplock=1),
    _row("guest cmd", "POST", f"{_ONE}/agent", "vmid", "command"),
    _row("guest exec-status", "GET", f"{_ONE}/agent/exec-status", "vmid", "pid"),
    _row("guest passwd", "POST", f"{_ONE}/agent/set-user-password", "vmid", "username"),
)
ALIASES = {
    "resize": "disk resize",
    "move-disk": "disk move",
    "move_disk": "disk move",
    "unlink": "disk unlink",
    "agent": "guest cmd",
    "rescan": "disk rescan",
}


def rescan(around: Surroundings, args: Sequence[str]) -> None:
    """Find volumes of machines that no configuration names, and correct the sizes that it tells.

    What is found becomes an unused disk of its machine; nothing is removed. --dryrun only tells. --vmid: one machine.
    """
    given = [a.removeprefix("--vmid=") for a in args if a.startswith("--vmid=")]
    folder = f"nodes/{around.node}/{GuestKind.QEMU.folder}"
    with Store() as store:
        host = Host(node=around.node, store=store, mirror=Mirror(), run=run)
        here = [where.vmid for name in store.list(folder) if (where := parse_path(f"{folder}/{name}"))]
        wanted = [vmid for vmid in here if str(vmid) in given] if given else here
        if given and not wanted:
            raise NotFound(f"there is no VM {given[-1]} on this node")
        for vmid in wanted:
            log = ListLog()
            disks.rescan(host, log, vmid, dry_run=_DRY_RUN in args)
            around.out.write("".join(f"{line}\n" for line in log.lines))


SUITE = Suite(
    "qm",
    "Virtual machines of this node.",
    ROWS,
    ALIASES,
    [Local(words="disk rescan", doc=rescan.__doc__ or "", act=rescan, flags=[_DRY_RUN], options=["--vmid"])],
)


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
