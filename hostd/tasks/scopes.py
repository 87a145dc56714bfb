"""Transient systemd scopes: a task is its own unit, so stopping or upgrading a daemon never ends it (DESIGN #9)."""

from __future__ import annotations

from typing import Protocol

from jeepney import DBusAddress, Message, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

from hostd.core.errors import Unavailable

MANAGER = DBusAddress(
    "/org/freedesktop/systemd1", bus_name="org.freedesktop.systemd1", interface="org.freedesktop.systemd1.Manager"
)


class Scopes(Protocol):
    def open(self, name: str, pid: int, description: str) -> None:
        """Put a process, before it does anything, into a scope of its own."""

    def end(self, name: str) -> None:
        """End what is left in a scope; nothing to do where it is gone."""


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
        reply = _ask(message)
        if reply.header.message_type is MessageType.error:
            raise Unavailable(f"systemd made no scope for the task: {reply.body}")

    def end(self, name: str) -> None:
        """An error of systemd's own means that there is no such unit any more: nothing was left in it."""
        _ask(new_method_call(MANAGER, "StopUnit", "ss", (name, "replace")))


def _ask(message: Message) -> Message:
    try:
        with open_dbus_connection("SYSTEM") as bus:
            return bus.send_and_get_reply(message, timeout=10)
    except (OSError, TimeoutError) as err:
        raise Unavailable(f"systemd does not answer over D-Bus: {err}") from err


class NoScopes:
    """For tests and machines without systemd: the task stays where its daemon is."""

    def open(self, name: str, pid: int, description: str) -> None:
        return None

    def end(self, name: str) -> None:
        return None
