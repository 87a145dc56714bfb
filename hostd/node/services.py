"""The services that the API shows and controls; everything is asked of systemd.

Names of the reference stand for the unit of ours that does that work; our other units have their own names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.run import Run
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

# Name in the API → unit. Where we have no counterpart the unit is of that name, and is told as not found.
UNITS: Final[Mapping[str, str]] = {
    "chrony": "chrony",
    "corosync": "corosync",
    "cron": "cron",
    "ksmtuned": "ksmtuned",
    "lxcfs": "lxcfs",
    "postfix": "postfix",
    "proxmox-firewall": "proxmox-firewall",
    "pve-cluster": "hostd-clusterd",
    "pve-firewall": "hostd-firewall",
    "pve-ha-crm": "hostd-ha-crm",
    "pve-ha-lrm": "hostd-ha-lrm",
    "pve-lxc-syscalld": "pve-lxc-syscalld",
    "pvedaemon": "hostd",
    "pvefw-logger": "pvefw-logger",
    "pveproxy": "hostd-nginx",
    "pvescheduler": "hostd-scheduler",
    "pvestatd": "hostd-statd",
    "qmeventd": "qmeventd",
    "spiceproxy": "spiceproxy",
    "sshd": "ssh",
    "syslog": "rsyslog",
    "systemd-journald": "systemd-journald",
    "systemd-timesyncd": "systemd-timesyncd",
    "hostd-api": "hostd-api",
    "hostd-stream": "hostd-stream",
    "hostd-taskd": "hostd-taskd",
    "libvirtd": "libvirtd",
    "virtlogd": "virtlogd",
    "virtlockd": "virtlockd",
}
# Without these nobody could start them again through the API.
ESSENTIAL: Final = frozenset({"pve-cluster", "pvedaemon", "pveproxy", "hostd-api", "hostd-taskd"})
ACTIONS: Final = ("start", "stop", "restart", "reload")
_SHOWN: Final = ("Id", "Names", "Description", "LoadState", "ActiveState", "SubState", "UnitFileState", "CanReload")


def show_argv(units: Sequence[str]) -> list[str]:
    """systemctl(1): properties as ``Name=value`` lines, one block for each unit."""
    return ["systemctl", "show", f"--property={','.join(_SHOWN)}", "--", *(f"{unit}.service" for unit in units)]


def parse_show(text: str) -> list[dict[str, str]]:
    """Blocks of properties in the order asked, empty lines between."""
    blocks = [block for block in text.strip("\n").split("\n\n") if block.strip()]
    return [{k: v for k, _, v in (line.partition("=") for line in block.splitlines())} for block in blocks]


def describe(name: str, unit: str, properties: Mapping[str, str]) -> dict[str, object]:
    """A service as the API tells it."""
    load = properties.get("LoadState", "")
    unit_state = properties.get("UnitFileState", "") or ("unknown" if load == "loaded" else load or "unknown")
    return {
        "service": name,
        "name": unit,
        "desc": properties.get("Description", "") if load != "not-found" else f"{unit} (not installed)",
        "state": properties.get("SubState", "unknown"),
        "active-state": properties.get("ActiveState", "unknown"),
        "unit-state": unit_state,
    }


def states(run: Run, names: Sequence[str]) -> list[dict[str, object]]:
    """The state of services by name; one question to systemd for all of them."""
    units = [UNITS[name] for name in names]
    found = parse_show(run(show_argv(units), timeout_s=10).stdout)
    if len(found) != len(units):
        raise HostError(f"systemctl told the state of {len(found)} units instead of {len(units)}")
    return [describe(name, unit, block) for name, unit, block in zip(names, units, found, strict=True)]


def check_action(run: Run, name: str, action: str) -> None:
    """Whether the action makes sense. Raises NotFound for what is not installed, Conflict for what must stay."""
    unit = UNITS[name]
    properties = parse_show(run(show_argv([unit]), timeout_s=10).stdout)[0]
    if properties.get("LoadState") in ("not-found", "masked"):
        raise NotFound(f"service '{name}' ({unit}.service) is {properties['LoadState']} on this host")
    if action == "stop" and name in ESSENTIAL:
        raise Conflict(f"service '{name}' cannot be stopped through the API, which needs it; use restart")


def act_argv(action: str, unit: str, *, can_reload: bool) -> list[str]:
    """systemctl(1); what cannot reload is restarted instead."""
    verb = "restart" if action == "reload" and not can_reload else action
    return ["systemctl", verb, "--", f"{unit}.service"]


def act(host: Host, log: TaskLog, *, service: str, action: str) -> None:
    """Start, stop, restart or reload a service and say what became of it."""
    check_action(host.run, service, action)
    unit = UNITS[service]
    properties = parse_show(host.run(show_argv([unit]), timeout_s=10).stdout)[0]
    log.info(f"{action} {unit}.service")
    host.run(act_argv(action, unit, can_reload=properties.get("CanReload") == "yes"), timeout_s=120)
    after = states(host.run, [service])[0]
    log.info(f"{unit}.service is {after['active-state']} ({after['state']})")


@task("srvstart")
def start(host: Host, log: TaskLog, *, service: str) -> None:
    """Start a service."""
    act(host, log, service=service, action="start")


@task("srvstop")
def stop(host: Host, log: TaskLog, *, service: str) -> None:
    """Stop a service."""
    act(host, log, service=service, action="stop")


@task("srvrestart")
def restart(host: Host, log: TaskLog, *, service: str) -> None:
    """Restart a service."""
    act(host, log, service=service, action="restart")


@task("srvreload")
def reload(host: Host, log: TaskLog, *, service: str) -> None:
    """Reload a service's configuration."""
    act(host, log, service=service, action="reload")
