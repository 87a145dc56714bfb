"""``ha-manager``: high availability of guests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hostd.cli import ha_text
from hostd.cli.commands import After, Command, Local, Suite
from hostd.cli.program import Surroundings, main
from hostd.cluster.store import Store
from hostd.core.errors import Invalid
from hostd.ha import files, stored

_HA: Final = "/cluster/ha"
_RESOURCES, _GROUPS, _RULES = f"{_HA}/resources", f"{_HA}/groups", f"{_HA}/rules"
_RESOURCE, _GROUP, _RULE = f"{_RESOURCES}/{{sid}}", f"{_GROUPS}/{{group}}", f"{_RULES}/{{rule}}"
_STATUS: Final = f"{_HA}/status"
_PREFLIGHT: Final = f"{_HA}/preflight"
_INCIDENTS: Final = f"{_HA}/incidents"


def _row(
    words: str,
    verb: str,
    path: str,
    *positional: str,
    after: After | None = None,
    text: Callable[[Any], str] | None = None,
) -> Command:
    return Command(words=words, verb=verb, path=path, positional=positional, after=after, text=text)


def tell_findings(around: Surroundings, values: Mapping[str, object]) -> None:
    """What may keep a service or a rule from working, once it was added or changed."""
    asked = {key: values[key] for key in ("sid", "rule") if key in values}
    rows = around.call("GET", _PREFLIGHT, asked).data
    for row in rows if isinstance(rows, list) else ():
        if row["severity"] != "info":
            around.errors.write(f"{row['severity']}: {row['subject']}: {row['text']}; {row['advice']}\n")


ROWS = (
    _row("add", "POST", _RESOURCES, "sid", after=tell_findings),
    _row("set", "PUT", _RESOURCE, "sid", after=tell_findings),
    _row("remove", "DELETE", _RESOURCE, "sid"),
    _row("config", "GET", _RESOURCES),
    _row("crm-command migrate", "POST", f"{_RESOURCE}/migrate", "sid", "node"),
    _row("crm-command relocate", "POST", f"{_RESOURCE}/relocate", "sid", "node"),
    _row("crm-command arm-ha", "POST", f"{_STATUS}/arm-ha"),
    _row("crm-command disarm-ha", "POST", f"{_STATUS}/disarm-ha", "resource-mode"),
    _row("groupadd", "POST", _GROUPS, "group"),
    _row("groupset", "PUT", _GROUP, "group"),
    _row("groupremove", "DELETE", _GROUP, "group"),
    _row("groupconfig", "GET", _GROUPS),
    _row("rules add", "POST", _RULES, "type", "rule", after=tell_findings),
    _row("rules set", "PUT", _RULE, "type", "rule", after=tell_findings),
    _row("rules remove", "DELETE", _RULE, "rule"),
    _row("rules config", "GET", _RULES),
    _row("preflight", "GET", _PREFLIGHT, text=ha_text.findings),
    _row("balance", "GET", f"{_HA}/balance", text=ha_text.balance),
    _row("balance set", "PUT", f"{_HA}/balance"),
    _row("incidents", "GET", _INCIDENTS, text=ha_text.incidents),
    _row("incident", "GET", f"{_INCIDENTS}/{{incident}}", "incident", text=ha_text.incident),
)
ALIASES = {"migrate": "crm-command migrate", "relocate": "crm-command relocate"}
_VERBOSE: Final = "--verbose"
_ACTOR: Final = "root@pam"


def status_line(row: dict[str, Any]) -> str:
    """``quorum OK``, ``master a (active, …)``, ``lrm a (idle, …)``, ``service vm:100 (a, started)``."""
    return f"{row['type']} {row['status']}"


def status(around: Surroundings, args: Sequence[str]) -> None:
    """What manager, agents and services are at. --verbose: all that is known, as it is stored."""
    rows = around.call("GET", f"{_STATUS}/current", {}).data
    for row in rows if isinstance(rows, list) else ():
        around.out.write(f"{status_line(row)}\n")
    if _VERBOSE in args:
        found = around.call("GET", f"{_STATUS}/manager_status", {}).data
        around.out.write(f"full cluster state:\n{_pretty(found)}\n")


def _pretty(data: object) -> str:
    return json.dumps(data, indent=3, sort_keys=True)


def suite(store: Callable[[], Store] = Store) -> Suite:
    """The program; tests give the store."""

    def queue(around: Surroundings, command: str) -> None:
        with store() as tree:
            files.queue(tree, [command], actor=_ACTOR)
        around.errors.write(f"asked the HA manager: {command}\n")

    def stop(around: Surroundings, args: Sequence[str]) -> None:
        """Have a service stopped, at once where the timeout is 0; it is then wanted stopped."""
        sid, timeout = args
        if not timeout.isdecimal():
            raise Invalid({"timeout": f"'{timeout}' is no number of seconds"})
        with store() as tree:
            known = files.load(tree, stored.RESOURCES)
        named = [f"{s.type}:{s.id}" for s in known.sections if sid in (s.id, f"{s.type}:{s.id}")]
        if not named:
            raise Invalid({"sid": f"no such resource '{sid}'"})
        queue(around, f"stop {named[0]} {timeout}")

    def maintenance(word: str) -> Callable[[Surroundings, Sequence[str]], None]:
        def act(around: Surroundings, args: Sequence[str]) -> None:
            nodes = around.call("GET", "/nodes", {}).data
            names = [str(row["node"]) for row in nodes] if isinstance(nodes, list) else []
            if args[0] not in names:
                raise Invalid({"node": f"no such node '{args[0]}'; known: {', '.join(sorted(names))}"})
            queue(around, f"{word}-node-maintenance {args[0]}")

        return act

    local = (
        Local(words="status", doc=str(status.__doc__), act=status, flags=[_VERBOSE]),
        Local(words="crm-command stop", doc=str(stop.__doc__), act=stop, positional=["sid", "timeout"]),
        Local(
            words="crm-command node-maintenance enable", act=maintenance("enable"), positional=["node"],
            doc="Have all services leave a node, until maintenance is disabled.",
        ),
        Local(
            words="crm-command node-maintenance disable", act=maintenance("disable"), positional=["node"],
            doc="Have the services come back to a node.",
        ),
    )  # fmt: skip
    return Suite("ha-manager", "High availability of guests.", ROWS, ALIASES, local)


SUITE = suite()


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
