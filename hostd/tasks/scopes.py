"""Transient systemd scopes: a task is its own unit, so stopping or upgrading a daemon never ends it (DESIGN #9)."""

from __future__ import annotations

from typing import Protocol

from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

from hostd.core.errors import Unavailable

MANAGER = DBusAddress(
    "/org/freedesktop/systemd1", bus_name="org.freedesktop.systemd1", interface="org.freedesktop.systemd1.Manager"
)


class Scopes(Protocol):
    def open(self, name: str, pid: int, description: str) -> None:
        """Put a process, before it does anything, into a scope of its own."""


class SystemdScopes:
    """Asks PID 1 over D-Bus (org.freedesktop.systemd1(5), StartTransientUnit)."""

    def open(self, name: str, pid: int, description: str) -> None:
        properties = [
            ("PIDs", ("au", [pid])),
            ("Description", ("s", description)),
            ("Slice", ("s", "hostd-tasks.slice")),
            ("CollectMode", ("s", "inactive-or-failed")),
            ("TimeoutStopUSec", ("t", 10_000_000)),
        ]
        message = new_method_call(MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", (name, "fail", properties, []))
        try:
            with open_dbus_connection("SYSTEM") as bus:
                reply = bus.send_and_get_reply(message, timeout=10)
        except (OSError, TimeoutError) as err:
            raise Unavailable(f"systemd does not answer over D-Bus: {err}") from err
        if reply.header.message_type.name == "error":
            raise Unavailable(f"systemd made no scope for the task: {reply.body}")


class NoScopes:
    """For tests and machines without systemd: the task stays where its daemon is."""

    def open(self, name: str, pid: int, description: str) -> None:
        return None
