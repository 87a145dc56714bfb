"""Area ``guest-config``."""

from __future__ import annotations

import os
from typing import Any

from hostd.core.formats.keyvalue import GuestFile, GuestSection, format_guest, parse_guest
from hostd.guests.changes import clean_pending, parse_delete, pending_rows
from hostd.guests.config import GuestKind
from hostd.guests.qemu import cloudinit, restore
from hostd.guests.qemu.understood import understood

Case = dict[str, Any]


def vm_file(case: Case) -> GuestFile:
    return understood(parse_guest(case["text"], strict=bool(case["strict"])), strict=bool(case["strict"]))


def section(part: GuestSection) -> dict[str, object]:
    return dict(part.values) | ({"description": part.comment} if part.comment else {})


def parsed(file: GuestFile) -> dict[str, object]:
    found: dict[str, object] = {
        "main": section(GuestSection(comment=file.comment, values=file.current)),
        "snapshots": {name: section(part) for name, part in file.snapshots.items()},
        "special": {name.removeprefix("special:"): section(part) for name, part in file.special.items()},
    }
    return found | ({"pending": dict(file.pending)} if file.pending else {})


def guest_file(case: Case) -> GuestFile:
    kind = GuestKind(case["guest"])
    file = parse_guest(case["text"], pending=kind.pending)
    return understood(file) if kind is GuestKind.QEMU else file


def pending_list(case: Case) -> object:
    rows = pending_rows(guest_file(case))
    return [
        {"key": r.key, "value": r.value, "pending": r.pending} | ({"delete": r.delete} if r.delete else {}) for r in rows
    ]


def cloudinit_file(case: Case) -> object:
    config = understood(parse_guest(case["config"])).current
    host = case["host_resolv_conf"] or {}
    resolver = cloudinit.Resolver(nameservers=tuple(host.get("nameservers") or ()), search=host.get("search") or "")
    return getattr(cloudinit.seed(config, int(case["vmid"]), resolver), case["file"])


OPERATIONS = {
    "vm-restore-config": lambda case: restore.restored(
        case["text"], case["new_volumes"], unique=bool(case["unique"]), random=os.urandom
    ),
    "cloudinit-file": cloudinit_file,
    "vm-config-parse": lambda case: parsed(vm_file(case)),
    "vm-config-rewrite": lambda case: format_guest(cloudinit.without_stale_record(vm_file(case))),
    "config-pending-list": pending_list,
    "config-pending-cleanup": lambda case: format_guest(
        clean_pending(guest_file(case)), pending=GuestKind(case["guest"]).pending
    ),
    "pending-delete-parse": lambda case: {
        key: {"force": int(force)} for key, force in parse_delete(case["value"] or "").items()
    },
}
