"""Task functions by type. ``@task("qmstart")`` marks one; the task daemon collects them from its list of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Function = Callable[..., None]


@dataclass(frozen=True)
class Task:
    """``function(host, log, **args)``: ``host`` is hostd.node.host.Host, ``args`` what JSON can carry."""

    type: str
    function: Function

    def __call__(self, host: Any, log: Any, **args: Any) -> None:
        self.function(host, log, **args)


def task(type: str) -> Callable[[Function], Task]:
    """Declare a module-level function as the work behind a task type."""
    return lambda function: Task(type, function)


def collect(modules: Iterable[ModuleType]) -> dict[str, Task]:
    """All tasks of the modules by type; TypeError when a type is declared twice."""
    found: dict[str, Task] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Task):
                if found.get(value.type, value) is not value:
                    raise TypeError(f"task type {value.type} is declared twice")
                found[value.type] = value
    return found
