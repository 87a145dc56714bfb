"""Fence devices (``fence.cfg``): which agent is called with what, to cut the power of a node.

A ``device`` line declares a device or, numbered ``NAME:N``, one of several that act in parallel (two power supplies);
``connect`` says with which arguments a node hangs on it. Devices are tried in the order of their declaration.
Source: conformance area ``ha``, section 10; argument style: fence-agents(8).
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Command:
    """A call of a fence agent. ``args`` may hold passwords: agents read them from standard input, never from argv."""

    agent: str
    args: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong with a line. ``device`` as written, ``node`` where the line names one."""

    line: int
    code: str
    device: str
    node: str | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the devices that act in parallel under one name."""

    agent: str
    args: tuple[str, ...] = field(repr=False)
    connections: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Devices:
    """``parts``: by name in the order of declaration, then by number."""

    parts: Mapping[str, Mapping[int, Part]] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()


def parse(text: str) -> Devices:
    """All devices and connections; lines with mistakes are told, not followed."""
    parts: dict[str, dict[int, Part]] = {}
    mistakes: list[Mistake] = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            words = _words(line)
        except ValueError:
            mistakes.append(Mistake(line=number, code="unbalanced_quotes", device=""))
            continue
        mistake = _read(words, number, parts) if words else None
        if mistake:
            mistakes.append(mistake)
    return Devices(parts=parts, mistakes=tuple(mistakes))


def _words(line: str) -> list[str]:
    """The words of a line as a shell reads them; ``#`` begins a comment only where a word begins."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(itertools.takewhile(lambda word: not word.startswith("#"), lexer))


def _read(words: Sequence[str], line: int, parts: dict[str, dict[int, Part]]) -> Mistake | None:
    match words:
        case ["device", label, agent, *args]:
            return _declare(label, Part(agent=agent, args=tuple(args)), line, parts)
        case ["connect", label, node, *args] if node.startswith("node="):
            return _connect(label, node.removeprefix("node="), tuple(args), line, parts)
        case _:
            return Mistake(line=line, code="not_understood", device=words[1] if len(words) > 1 else "")


def _label(label: str) -> tuple[str, int]:
    name, _, number = label.partition(":")
    return name, int(number) if number.isdecimal() else 1


def _declare(label: str, part: Part, line: int, parts: dict[str, dict[int, Part]]) -> Mistake | None:
    name, number = _label(label)
    if number in parts.get(name, {}):
        return Mistake(line=line, code="device_already_declared", device=f"{name}:{number}")
    parts.setdefault(name, {})[number] = part
    return None


def _connect(
    label: str, node: str, args: tuple[str, ...], line: int, parts: dict[str, dict[int, Part]]
) -> Mistake | None:
    name, number = _label(label)
    if name not in parts:
        return Mistake(line=line, code="device_not_declared", device=name)
    part = parts[name].get(number)
    if part is None:
        return Mistake(line=line, code="no_such_parallel_device", device=f"{name}:{number}")
    if node in part.connections:
        return Mistake(line=line, code="node_already_connected", device=f"{name}:{number}", node=node)
    connections = {**part.connections, node: args}
    parts[name][number] = Part(agent=part.agent, args=part.args, connections=connections)
    return None


def commands(devices: Devices, node: str, attempt: int) -> list[Command]:
    """What cuts the node's power at this attempt (0 is the first): all parallel parts of one device, by number.

    Empty when there is no further device, or when the file has mistakes: a half-understood file fences nobody.
    """
    if devices.mistakes:
        return []
    connected = [parts for parts in devices.parts.values() if any(node in part.connections for part in parts.values())]
    if attempt >= len(connected):
        return []
    return [
        Command(
            agent=part.agent, args=tuple(word for arg in (*part.args, *part.connections[node]) for word in _option(arg))
        )
        for _, part in sorted(connected[attempt].items())
        if node in part.connections
    ]


def _option(arg: str) -> tuple[str, ...]:
    key, equals, value = arg.partition("=")
    if len(key) == 1:
        return (f"-{key}", value) if equals else (f"-{key}",)
    return (f"--{key}={value}",) if equals else (f"--{key}",)
