"""``qm``: virtual machines of this node."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from itertools import dropwhile

from hostd.cli.commands import LOCAL_NODE, Command, Local, Suite, option
from hostd.cli.program import Surroundings, main
from hostd.cli.pveum import ask_once
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import NotFound
from hostd.core.kinds import VMID
from hostd.core.run import run
from hostd.guests.config import GuestKind, parse_path
from hostd.node.host import Host
from hostd.tasks.log import ListLog

_ALL, _ONE = "/nodes/{node}/qemu", "/nodes/{node}/qemu/{vmid}"
_HERE = {"node": LOCAL_NODE}
_PASSWORD = {"cipassword": ask_once}
_SETTING = re.compile(r"[A-Z_]+=")
_DRY_RUN, _PRETTY = "--dryrun", "--pretty"
# Local commands load what they are made of when they run: libvirt and the rest take a third of every command's start.


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
    "importdisk": "disk import",
}


def rescan(around: Surroundings, args: Sequence[str]) -> None:
    """Find volumes of machines that no configuration names, and correct the sizes that it tells.

    What is found becomes an unused disk of its machine; nothing is removed. --dryrun only tells. --vmid: one machine.
    """
    from hostd.guests.qemu import disks

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


def showcmd(around: Surroundings, args: Sequence[str]) -> None:
    """Print how QEMU would be started for a machine; nothing is started.

    --snapshot: as that snapshot has it. --pretty: one option a line.
    """
    from hostd.guests.qemu import lifecycle

    vmid = VMID.parse(args[0])
    with Store() as store:
        host = Host(node=around.node, store=store, mirror=Mirror(), run=run)
        line = lifecycle.command_line(host, ListLog(), vmid, snapshot=option(args, "--snapshot") or "")
    words = list(dropwhile(_SETTING.match, shlex.split(line)))  # libvirt's own environment comes first
    pretty = " \\\n  -".join(shlex.join(words).split(" -"))
    around.out.write(f"{pretty if _PRETTY in args else shlex.join(words)}\n")


def import_disk(around: Surroundings, args: Sequence[str]) -> None:
    """Import an image (a file, or a volume) as a disk of a machine: an unused one, or --target-disk scsi1.

    --format: raw or qcow2, where the storage has a choice.
    """
    from hostd.guests.changes import Change
    from hostd.guests.qemu import importing, making

    vmid, source, storage = VMID.parse(args[0]), args[1], args[2]
    format, target = option(args, "--format") or "", option(args, "--target-disk")
    if os.path.exists(source):
        source = os.path.abspath(source)
    with Store() as store:
        host, log = Host(node=around.node, store=store, mirror=Mirror(), run=run), ListLog()
        if target:
            value = f"{storage}:0,import-from={source}" + (f",format={format}" if format else "")
            making.change(host, log, vmid, Change(values={target: value}))
        else:
            importing.bring_in(host, log, vmid, source, storage, format=format)
    around.out.write("".join(f"{line}\n" for line in log.lines))


SUITE = Suite(
    "qm",
    "Virtual machines of this node.",
    ROWS,
    ALIASES,
    [
        Local(words="disk rescan", doc=rescan.__doc__ or "", act=rescan, flags=[_DRY_RUN], options=["--vmid"]),
        Local(
            words="disk import",
            doc=import_disk.__doc__ or "",
            act=import_disk,
            positional=["vmid", "source", "storage"],
            options=["--format", "--target-disk"],
        ),
        Local(
            words="showcmd",
            doc=showcmd.__doc__ or "",
            act=showcmd,
            positional=["vmid"],
            flags=[_PRETTY],
            options=["--snapshot"],
        ),
    ],
)


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
