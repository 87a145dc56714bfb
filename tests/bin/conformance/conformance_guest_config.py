"""Area ``guest-config``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from hostd.cluster import datacenter
from hostd.core.errors import HostError
from hostd.core.formats.keyvalue import GuestFile, GuestSection, format_guest, parse_guest
from hostd.guests import snapshots
from hostd.guests.changes import clean_pending, parse_delete, pending_rows
from hostd.guests.config import GuestKind
from hostd.guests.lxc import idmap
from hostd.guests.lxc.config import shown_comment, without_forbidden
from hostd.guests.lxc.config import state_volumes as container_volumes
from hostd.guests.lxc.idmap import Range
from hostd.guests.lxc.inside import networks
from hostd.guests.lxc.inside.detect import distribution
from hostd.guests.lxc.inside.job import Job, Resolver
from hostd.guests.lxc.inside.setup import apply
from hostd.guests.lxc.network import nics
from hostd.guests.qemu import cloudinit, restore
from hostd.guests.qemu.config import state_volumes
from hostd.guests.qemu.understood import understood
from tests.fakes.tree import MemoryTree

Case = dict[str, Any]


def vm_file(case: Case) -> GuestFile:
    return understood(parse_guest(case["text"], strict=bool(case["strict"])), strict=bool(case["strict"]))


Shown = Callable[[str], str]


def section(part: GuestSection, shown: Shown = str) -> dict[str, object]:
    found: dict[str, object] = dict(part.values)
    found |= {"lxc": [list(pair) for pair in part.raw]} if part.raw else {}
    return found | ({"description": shown(part.comment)} if part.comment else {})


def container_file(case: Case) -> GuestFile:
    return without_forbidden(parse_guest(case["text"], pending=GuestKind.LXC.pending))


def parsed(file: GuestFile, shown: Shown = str) -> dict[str, object]:
    found: dict[str, object] = {
        "main": section(GuestSection(comment=file.comment, values=file.current, raw=file.raw), shown),
        "snapshots": {name: section(part, shown) for name, part in file.snapshots.items()},
        "special": {name.removeprefix("special:"): section(part, shown) for name, part in file.special.items()},
    }
    return found | ({"pending": dict(file.pending)} if file.pending else {})


def guest_file(case: Case) -> GuestFile:
    kind = GuestKind(case["guest"])
    file = parse_guest(case["text"], pending=kind.pending)
    return understood(file) if kind is GuestKind.QEMU else file


def pending_list(case: Case) -> object:
    rows = pending_rows(guest_file(case))
    return [
        {"key": r.key, "value": r.value, "pending": r.pending} | ({"delete": r.delete} if r.delete else {})
        for r in rows
    ]


def cloudinit_file(case: Case) -> object:
    config = understood(parse_guest(case["config"])).current
    host = case["host_resolv_conf"] or {}
    resolver = cloudinit.Resolver(nameservers=tuple(host.get("nameservers") or ()), search=host.get("search") or "")
    return getattr(cloudinit.seed(config, int(case["vmid"]), resolver), case["file"])


class Recorded:
    """The steps of a snapshot, in a world that the case describes. What fails is what ``env`` does not allow."""

    def __init__(self, kind: GuestKind, env: Case) -> None:
        self.kind, self.env = kind, env
        self.running = bool(env["running"])
        self.file: GuestFile | None = None
        self.taken: dict[str, str] = {}
        self.removed: dict[str, str] = {}
        self.back: dict[str, str] = {}

    def _require(self, works: object, what: str) -> None:
        if not works:
            raise HostError(f"{what} does not work")

    def save(self, file: GuestFile) -> None:
        self.file = file

    def volumes(self, values: Mapping[str, str]) -> Mapping[str, str]:
        return state_volumes(values) if self.kind is GuestKind.QEMU else container_volumes(values)

    def now_s(self) -> int:
        return int(self.env["now"])

    def require_feature(self, values: Mapping[str, str]) -> None:
        self._require(self.env["snapshot_feature"], "a snapshot")

    def is_running(self) -> bool:
        return self.running

    def allocate_memory(self, name: str) -> Mapping[str, str]:
        self._require(self.env.get("save_vmstate_works"), "saving memory")
        return {"vmstate": self.env["state_volume"], "runningmachine": self.env["running_machine"]}

    def freeze(self, *, memory: str) -> None:
        self._require(self.env["freeze_works"], "freezing")
        self._require(not memory or self.env["savevm_start_works"], "saving memory")

    def thaw(self) -> None:
        pass

    def take(self, volume: str, name: str) -> None:
        self._require(volume in self.env["volumes"]["can_snapshot"], "a snapshot of the volume")
        self.taken[volume] = name

    def remove(self, volume: str, name: str) -> None:
        self._require(volume in self.env["volumes"]["can_delete_snapshot"], "removing the volume's snapshot")
        self.removed[volume] = name

    def free_memory(self, volume: str) -> None:
        pass

    def require_rollback(self, volume: str, name: str) -> None:
        self._require(volume in self.env["volumes"]["can_rollback"], "rolling the volume back")

    def activate(self, part: GuestSection) -> None:
        self._require(self.env["storage_activation_works"], "activating the storage")

    def stop(self) -> None:
        self._require(self.env["stop_works"], "stopping")
        self.running = False

    def roll_back(self, volume: str, name: str) -> None:
        self._require(volume in self.env["volumes"]["rollback_works"], "rolling back")
        self.back[volume] = name

    def new_generation(self) -> str:
        return "1"


def snapshot(case: Case) -> object:
    kind, args, action = GuestKind(case["guest"]), case["args"], case["action"]
    file = parse_guest(case["config"], pending=kind.pending)
    file = understood(file) if kind is GuestKind.QEMU else file
    steps = Recorded(kind, case["env"])
    name = args["snapname"]
    failed = 0
    try:
        if action in ("prepare", "create"):
            act = snapshots.prepare if action == "prepare" else snapshots.create
            act(steps, file, name, comment=args.get("comment") or "", memory=bool(args.get("save_vmstate")))
        elif action == "commit":
            snapshots.commit(steps, file, name)
        elif action == "delete":
            snapshots.delete(steps, file, name, force=bool(args.get("force")))
        else:
            snapshots.roll_back(steps, file, name)
    except HostError:
        failed = 1
    told = {"failed": failed, "config": format_guest(steps.file or file, pending=kind.pending)}
    if action in ("create", "delete"):
        told["snapshots_deleted"] = steps.removed
    if action == "create":
        told["snapshots_taken"] = steps.taken
    if action == "rollback":
        told["rolled_back"] = steps.back
    return told


def inside(case: Case) -> tuple[MemoryTree, Job]:
    """A container's files in memory, and what its configuration means for them."""
    config = parse_guest(case["config"]).current
    rootfs, host = case["rootfs"], case["host_resolv_conf"] or {}
    files = {path: file["text"] for path, file in rootfs["files"].items()}
    job = Job(
        first=True,
        ostype=config.get("ostype", ""),
        hostname=config.get("hostname", ""),
        nics=tuple(nics(config)),
        nameserver=config.get("nameserver", ""),
        searchdomain=config.get("searchdomain", ""),
        resolver=Resolver(nameservers=tuple(host.get("nameservers") or ()), search=host.get("search") or ""),
        timezone=config.get("timezone", ""),
        ttys=int(config.get("tty", "2")),
        password_hash=case.get("password_hash") or "",
        ssh_keys=case.get("ssh_keys") or "",
        today_days=int(case["today_days"]),
    )
    return MemoryTree(files, rootfs.get("links"), rootfs.get("empty_dirs") or ()), job


def ct_setup(case: Case) -> object:
    tree, job = inside(case)
    apply(tree, job, lambda: str(case["uuid"]))
    once = (dict(tree.files), dict(tree.links), set(tree.dirs))
    apply(tree, job, lambda: str(case["uuid"]))
    if (tree.files, tree.links, tree.dirs) != once:
        raise HostError("a second run changed something")
    return {path: tree.read(path) for path in case["report"]}


def ct_setup_network(case: Case) -> object:
    tree, job = inside(case)
    before = dict(tree.files)
    networks.write(tree, job, distribution(tree, job.ostype), lambda: str(case["uuid"]))
    return {path: text for path, text in tree.files.items() if before.get(path) != text}


def ct_idmap_valid(case: Case) -> int:
    ranges = [Range(kind=k, inside=int(i), outside=int(o), count=int(n)) for k, i, o, n in case["map"]]
    return int(not idmap.problem(ranges))


OPERATIONS = {
    "ct-setup": ct_setup,
    "ct-setup-network": ct_setup_network,
    "ct-idmap-valid": ct_idmap_valid,
    "snapshot": snapshot,
    "vm-restore-config": lambda case: restore.restored(
        case["text"],
        case["new_volumes"],
        unique=bool(case["unique"]),
        random=os.urandom,
        mac_prefix=datacenter.MAC_PREFIX,
    ),
    "cloudinit-file": cloudinit_file,
    "vm-config-parse": lambda case: parsed(vm_file(case)),
    "vm-config-rewrite": lambda case: format_guest(cloudinit.without_stale_record(vm_file(case))),
    "ct-config-parse": lambda case: parsed(container_file(case), shown_comment),
    "ct-config-rewrite": lambda case: format_guest(container_file(case), pending=GuestKind.LXC.pending),
    "config-pending-list": pending_list,
    "config-pending-cleanup": lambda case: format_guest(
        clean_pending(guest_file(case)), pending=GuestKind(case["guest"]).pending
    ),
    "pending-delete-parse": lambda case: {
        key: {"force": int(force)} for key, force in parse_delete(case["value"] or "").items()
    },
}
