"""Fence devices (``fence.cfg``): which agent is called with what, to cut the power of a node.

A ``device`` line declares a device or, numbered ``NAME:N``, one of several that act in parallel (two power supplies);
``connect`` says with which arguments a node hangs on it. Devices are tried in the order of their declaration.
Source: conformance area ``ha``, section 10; argument style: fence-agents(8).
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hostd.core.errors import Invalid

_AGENT: Final = re.compile(r"fence_[a-z0-9_]+")
# One-letter options as fence agents share them, and what they are called on standard input (fence-agents(8)).
_LETTERS: Final[Mapping[str, str]] = {
    "a": "ip", "c": "command_prompt", "C": "separator", "d": "ssh_options", "k": "identity_file", "K": "snmp_auth_prot",
    "l": "username", "m": "module_name", "n": "plug", "o": "action", "p": "password", "P": "lanplus",
    "S": "password_script", "u": "ipport", "v": "verbose", "x": "ssh", "z": "ssl", "4": "inet4_only", "6": "inet6_only",
}  # fmt: skip


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


def stdin_of(command: Command) -> str:
    """The options of a call as the agent reads them from standard input, ``name=value`` a line; ``off`` unless said.

    Raises Invalid for an agent whose name is none, and an option that has no name there.
    """
    if not _AGENT.fullmatch(command.agent):
        raise Invalid({"agent": f"'{command.agent}' is no fence agent (fence_…)"})
    options = dict(_named(command.args))
    return "".join(f"{name}={value}\n" for name, value in ({"action": "off"} | options).items())


def _named(args: Sequence[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
        else:
            letter = word.removeprefix("-")
            if letter not in _LETTERS:
                raise Invalid({letter: f"option '-{letter}' has no long name that is known here; write that instead"})
            name, equals, value = _LETTERS[letter], "", ""
            if rest and not rest[0].startswith("-"):
                equals, value = "=", rest.pop(0)
        if "\n" in value:
            raise Invalid({name: "a value cannot hold a line break"})
        found.append((name.replace("-", "_"), value if equals else "1"))
    return found
