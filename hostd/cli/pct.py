"""``pct``: containers of this node."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hostd.cli.commands import LOCAL_NODE, Command, Local, Suite, option
from hostd.cli.program import Surroundings, main
from hostd.cli.pveum import ask_once
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import Invalid, NotFound
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests.config import GuestKind, parse_path
from hostd.guests.lxc import disks, lifecycle, running, terminals, transfer, upkeep
from hostd.guests.lxc.cgroups import read_text
from hostd.guests.lxc.config import is_unprivileged
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.rooted import RootedFiles
from hostd.guests.lxc.transfer import Ownership
from hostd.node.host import Host
from hostd.tasks.log import ListLog

_ALL, _ONE = "/nodes/{node}/lxc", "/nodes/{node}/lxc/{vmid}"
_HERE = {"node": LOCAL_NODE}
_PASSWORD = {"password": ask_once}
_SNAPSHOT = f"{_ONE}/snapshot/{{snapname}}"
_LEAVE = "^a"


def _row(words: str, verb: str, path: str, *positional: str, **fixed: object) -> Command:
    readers = _PASSWORD if words == "create" else {}
    return Command(words=words, verb=verb, path=path, positional=positional, fixed={**_HERE, **fixed}, readers=readers)


ROWS = (
    _row("list", "GET", _ALL),
    _row("create", "POST", _ALL, "vmid", "ostemplate"),
    _row("restore", "POST", _ALL, "vmid", "ostemplate", restore=1),
    _row("destroy", "DELETE", _ONE, "vmid"),
    _row("config", "GET", f"{_ONE}/config", "vmid"),
    _row("set", "PUT", f"{_ONE}/config", "vmid"),
    _row("pending", "GET", f"{_ONE}/pending", "vmid"),
    *(
        _row(word, "POST", f"{_ONE}/status/{word}", "vmid")
        for word in ("start", "stop", "shutdown", "reboot", "suspend", "resume")
    ),
    _row("clone", "POST", f"{_ONE}/clone", "vmid", "newid"),
    _row("template", "POST", f"{_ONE}/template", "vmid"),
    _row("migrate", "POST", f"{_ONE}/migrate", "vmid", "target"),
    _row("snapshot", "POST", f"{_ONE}/snapshot", "vmid", "snapname"),
    _row("listsnapshot", "GET", f"{_ONE}/snapshot", "vmid"),
    _row("delsnapshot", "DELETE", _SNAPSHOT, "vmid", "snapname"),
    _row("rollback", "POST", f"{_SNAPSHOT}/rollback", "vmid", "snapname"),
    _row("resize", "PUT", f"{_ONE}/resize", "vmid", "disk", "size"),
    _row("move-volume", "POST", f"{_ONE}/move_volume", "vmid", "volume", "storage"),
    _row("unlock", "PUT", f"{_ONE}/config", "vmid", delete="lock"),
)
ALIASES = {"move_volume": "move-volume"}


@contextmanager
def this_host(around: Surroundings) -> Iterator[Host]:
    with Store() as store:
        yield Host(node=around.node, store=store, mirror=Mirror(), run=run)


def _vmid(text: str) -> int:
    if not text.isdecimal():
        raise Invalid({"vmid": f"'{text}' is no id of a container"})
    return int(text)


def become(argv: Sequence[str]) -> None:
    os.execvp(argv[0], list(argv))


def _logged(around: Surroundings, work: Callable[[Host, ListLog], object]) -> None:
    """Do something with a log and print it, also when it fails."""
    log = ListLog()
    try:
        with this_host(around) as host:
            work(host, log)
    finally:
        around.out.write("".join(f"{line}\n" for line in log.lines))


def show_status(around: Surroundings, args: Sequence[str]) -> None:
    """Whether a container runs, as one line that scripts can read; --verbose: everything that is known of its state."""
    path = f"/nodes/{around.node}/lxc/{_vmid(args[0])}/status/current"
    found = around.call("GET", path, {}).data
    values = found if isinstance(found, dict) else {}
    shown = values if "--verbose" in args else {"status": values.get("status", "")}
    around.out.write("".join(f"{key}: {shown[key]}\n" for key in sorted(shown)))


# --- programs and files inside


def execute(around: Surroundings, args: Sequence[str]) -> None:
    """Run a program in a running container, as its root; its exit code becomes ours."""
    if not args[1:]:
        raise Invalid({"command": "which program?"})
    with this_host(around) as host:
        argv = lifecycle.exec_argv(host, _vmid(args[0]), args[1:])
    become(argv)


def enter(around: Surroundings, args: Sequence[str]) -> None:
    """A shell of root in a running container."""
    vmid = _vmid(args[0])
    pid = lifecycle.require_init(vmid)
    with RootedFiles(f"/proc/{pid}/root") as tree:
        shell = terminals.shell(tree)
    become([*terminals.attach_argv(vmid), shell, "-l"])


def console(around: Surroundings, args: Sequence[str]) -> None:
    """The terminal on which a log-in waits; Ctrl+a q leaves it."""
    vmid = _vmid(args[0])
    lifecycle.require_init(vmid)
    found = running.groups(vmid)
    lines = terminals.login_lines(found) if found else []
    become(terminals.line_argv(vmid, next((line for line in lines if line), 0), option(args, "--escape") or _LEAVE))


def _inside(around: Surroundings, vmid: int) -> tuple[int, bool]:
    """A running container's first process, and whether it is unprivileged."""
    with this_host(around) as host:
        config = files.load(host.store, where(host, vmid)).file.current
    return lifecycle.require_init(vmid), is_unprivileged(config)


def _number(args: Sequence[str], name: str, base: int = 10) -> int | None:
    """The number that an option gives. Invalid."""
    text = option(args, name)
    try:
        return None if text is None else int(text, base)
    except ValueError as err:
        raise Invalid({name.lstrip("-"): f"'{text}' is no {'octal ' if base == 8 else ''}number"}) from err


def push(around: Surroundings, args: Sequence[str]) -> None:
    """Copy a file of the host into a running container. --perms in octal; --user, --group: numbers inside."""
    pid, unprivileged = _inside(around, _vmid(args[0]))
    owner = Ownership(
        mode=_number(args, "--perms", 8),
        user=_number(args, "--user") or 0,
        group=_number(args, "--group") or 0,
    )
    transfer.push(pid, args[1], args[2], owner, unprivileged=unprivileged)


def pull(around: Surroundings, args: Sequence[str]) -> None:
    """Copy a file of a running container to the host. --perms in octal."""
    pid, unprivileged = _inside(around, _vmid(args[0]))
    transfer.pull(pid, args[1], args[2], _number(args, "--perms", 8), unprivileged=unprivileged)


# --- volumes


def show_usage(around: Surroundings, args: Sequence[str]) -> None:
    """How full the volumes of a running container are."""
    with this_host(around) as host:
        found = upkeep.usage(host, _vmid(args[0]))
    rows: list[tuple[str, ...]] = [("MP", "Volume", "Size", "Used", "Avail", "Use%", "Path")]
    for one in found:
        share = one.used_bytes / one.size_bytes if one.size_bytes else 0
        sizes = (_short(n) for n in (one.size_bytes, one.used_bytes, one.free_bytes))
        rows.append((one.point.key, one.point.source, *sizes, f"{share:.2f}", one.point.target))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        around.out.write(" ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _short(size_bytes: int) -> str:
    """One decimal of the unit that leaves less than 1024 of it."""
    size, units = float(size_bytes), "BKMGT"
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.1f}{units[0]}"


def trim(around: Surroundings, args: Sequence[str]) -> None:
    """Tell the storages of a running container which blocks are free."""
    only = "--ignore-mountpoints" in args
    _logged(around, lambda host, log: upkeep.trim(host, log, _vmid(args[0]), only_volumes=only))


def check(around: Surroundings, args: Sequence[str]) -> None:
    """Check the file system of a stopped container's volume. --device: rootfs, mp0 …; --force: also a clean one."""
    key = option(args, "--device") or "rootfs"
    _logged(around, lambda host, log: upkeep.check(host, log, _vmid(args[0]), key, force="--force" in args))


def mount(around: Surroundings, args: Sequence[str]) -> None:
    """Mount a stopped container's volumes on the host. It is locked until 'pct unmount'."""
    _logged(around, lambda host, log: upkeep.mount(host, log, _vmid(args[0])))


def unmount(around: Surroundings, args: Sequence[str]) -> None:
    """End 'pct mount'."""
    _logged(around, lambda host, log: upkeep.unmount(host, log, _vmid(args[0])))


def rescan(around: Surroundings, args: Sequence[str]) -> None:
    """Find volumes of containers that no configuration names, and correct the sizes that it tells.

    What is found becomes an unused volume of its container; nothing is removed. --dryrun only tells. --vmid: one.
    """
    given = option(args, "--vmid")
    folder = f"nodes/{around.node}/{GuestKind.LXC.folder}"

    def work(host: Host, log: ListLog) -> None:
        here = [place.vmid for name in host.store.list(folder) if (place := parse_path(f"{folder}/{name}"))]
        if given is not None and _vmid(given) not in here:
            raise NotFound(f"there is no CT {given} on this node")
        for vmid in here:
            if given is None or vmid == _vmid(given):
                disks.rescan(host, log, vmid, dry_run="--dryrun" in args)

    _logged(around, work)


def cpusets(around: Surroundings, args: Sequence[str]) -> None:
    """To which processors the running containers are pinned."""
    for vmid in running.recorded():
        if running.init_pid(vmid) is not None:
            cpus = read_text(f"{running.folder(vmid)}/cpus").strip()
            around.out.write(f"{vmid}: {cpus or 'all'}\n")


def _local(words: str, act: Callable[[Surroundings, Sequence[str]], None], *positional: str, **more: object) -> Local:
    return Local(words=words, act=act, doc=act.__doc__ or "", positional=positional, **more)  # type: ignore[arg-type]


_OWNER = ("--perms", "--user", "--group")
LOCAL = (
    _local("status", show_status, "vmid", flags=("--verbose",)),
    _local("exec", execute, "vmid", rest="command"),
    _local("enter", enter, "vmid"),
    _local("console", console, "vmid", options=("--escape",)),
    _local("push", push, "vmid", "file", "destination", options=_OWNER),
    _local("pull", pull, "vmid", "path", "destination", options=("--perms",)),
    _local("df", show_usage, "vmid"),
    _local("fstrim", trim, "vmid", flags=("--ignore-mountpoints",)),
    _local("fsck", check, "vmid", options=("--device",), flags=("--force",)),
    _local("mount", mount, "vmid"),
    _local("unmount", unmount, "vmid"),
    _local("rescan", rescan, flags=("--dryrun",), options=("--vmid",)),
    _local("cpusets", cpusets),
)
SUITE = Suite("pct", "Containers of this node.", ROWS, ALIASES, LOCAL)


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
