"""Commands with sub-commands, each a row that names a declared method. A row whose method is not declared is absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hostd.cli.methods import Method, Methods
from hostd.cli.program import Reader, Surroundings, completions, run_method, usage
from hostd.core.errors import Invalid, Unsupported

LOCAL_NODE = "{node}"  # in ``fixed``: the name of this node
After = Callable[[Surroundings, Mapping[str, object]], None]


@dataclass(frozen=True, kw_only=True)
class Command:
    """``words`` call ``verb path``. ``fixed`` parameters are given by the command, ``readers`` read others' values.

    ``always``: readers that run also when their option is not given (a password is asked for). ``pick``: print that
    field of the answer only. ``refused``: options of the reference's that cannot be had here, and why.
    ``after``: what else is told once the method was called with some parameters. ``text``: how its answer is printed
    for people where a table would not do.
    """

    words: str
    verb: str
    path: str
    positional: Sequence[str] = ()
    fixed: Mapping[str, object] = field(default_factory=dict)
    readers: Mapping[str, Reader] = field(default_factory=dict)
    always: Sequence[str] = ()
    pick: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    after: After | None = None
    text: Callable[[Any], str] | None = None

    def method(self, methods: Methods) -> Method | None:
        return methods.get(self.verb, self.path)


@dataclass(frozen=True, kw_only=True)
class Local:
    """A command that no method of the API stands behind: it works while nothing else does.

    ``options`` take a value; ``act`` gets them as ``--name=value``, after the positional arguments. ``rest``: what
    follows the positional arguments is passed on as it is (a program with arguments of its own).
    """

    words: str
    doc: str
    act: Callable[[Surroundings, Sequence[str]], None]
    positional: Sequence[str] = ()
    flags: Sequence[str] = ()
    options: Sequence[str] = ()
    rest: str = ""

    def usage(self, program: str) -> str:
        names = "".join(f" <{name}>" for name in self.positional)
        names += "".join(f" [{flag}]" for flag in self.flags) + "".join(f" [{name} <text>]" for name in self.options)
        names += f" [--] <{self.rest}>…" if self.rest else ""
        return f"usage: {program} {self.words}{names}\n"

    def run(self, around: Surroundings, program: str, args: Sequence[str]) -> None:
        if args[:1] in (["--help"], ["-h"]):
            around.out.write(f"{self.usage(program)}\n{self.doc}\n")
            return
        sorted_out = self._sorted_out(args)
        if sorted_out is None:
            raise Invalid({"_root": f"wrong arguments; {self.usage(program).strip()}"})
        self.act(around, sorted_out)

    def _sorted_out(self, args: Sequence[str]) -> list[str] | None:
        """Positional arguments, then flags and options; None where they are not what the command takes."""
        words: list[str] = []
        marked: list[str] = []
        rest = list(args)
        while rest:
            if self.rest and len(words) == len(self.positional):
                return [*words, *(rest[1:] if rest[0] == "--" else rest)]
            arg = rest.pop(0)
            name, equals, _ = arg.partition("=")
            if arg in self.flags or (equals and name in self.options):
                marked.append(arg)
            elif arg in self.options and rest:
                marked.append(f"{arg}={rest.pop(0)}")
            elif arg.startswith("-") and arg != "-":
                return None
            else:
                words.append(arg)
        return [*words, *marked] if len(words) == len(self.positional) else None


def option(args: Sequence[str], name: str) -> str | None:
    """The value of a Local's option ``--name`` in what ``act`` got; the last one counts."""
    return next((arg.partition("=")[2] for arg in reversed(args) if arg.startswith(f"{name}=")), None)


class Suite:
    """One program. ``aliases``: old one-word names (``useradd``) of sub-commands."""

    def __init__(
        self,
        name: str,
        about: str,
        rows: Sequence[Command],
        aliases: Mapping[str, str],
        local: Sequence[Local] = (),
    ) -> None:
        self.name, self.about, self._rows, self._aliases = name, about, rows, aliases
        self.local = {command.words: command for command in local}

    def commands(self, methods: Methods) -> dict[str, tuple[Command, Method]]:
        """Sub-commands that exist on this host, by their words; of several rows the first declared one counts."""
        found: dict[str, tuple[Command, Method]] = {}
        for row in self._rows:
            method = row.method(methods)
            if method is not None and row.words not in found:
                found[row.words] = (row, method)
        return found

    def run(self, around: Surroundings, args: list[str]) -> int:
        """One call; returns the exit code."""
        known = self.commands(around.methods)
        if args[:1] == ["--complete"]:
            around.out.write("".join(f"{c}\n" for c in self.complete(around, args[1:])))
            return 0
        if not args or args[0] in ("-h", "--help"):
            around.out.write(self.help(around.methods))
            return 0
        if args[0] == "help":
            around.out.write(self.help(around.methods, " ".join(a for a in args[1:] if not a.startswith("-"))))
            return 0
        for length in (3, 2, 1):
            name = " ".join(args[:length])
            if (command := self.local.get(name) or self.local.get(self._aliases.get(name, ""))) is not None:
                command.run(around, self.name, args[length:])
                return 0
        words, rest = self._split(args, known)
        row, method = known[words]
        if rest[:1] in (["--help"], ["-h"]):
            around.out.write(usage(f"{self.name} {words}", method, row.positional, verbose=True))
            return 0
        for arg in rest:
            if (reason := row.refused.get(arg.lstrip("-").partition("=")[0])) and arg.startswith("-"):
                raise Unsupported(reason)
        fixed = {key: around.node if value == LOCAL_NODE else value for key, value in row.fixed.items()}
        asked = [a for a in row.always if not any(r.lstrip("-").partition("=")[0] == a for r in rest)]
        rest = [*rest, *(f"--{name}=" for name in asked)] if "--" not in rest else rest
        values = run_method(
            around, method, rest, positional=row.positional, fixed=fixed, readers=row.readers, pick=row.pick,
            text=row.text,
        )  # fmt: skip
        if row.after:
            row.after(around, values)
        return 0

    def _split(self, args: list[str], known: Mapping[str, object]) -> tuple[str, list[str]]:
        """The words of the sub-command, and its arguments."""
        if args[0] in self._aliases and self._aliases[args[0]] in known:
            return self._aliases[args[0]], args[1:]
        for length in range(min(3, len(args)), 0, -1):
            words = " ".join(args[:length])
            if words in known:
                return words, args[length:]
        every = [*known, *self.local]
        near = sorted(w for w in every if w.split()[0] == args[0]) or sorted({w.split()[0] for w in every})
        raise Invalid({"_root": f"unknown command '{self.name} {' '.join(args[:2])}'; known: {', '.join(near)}"})

    def help(self, methods: Methods, start: str = "") -> str:
        """All commands, or those that begin with ``start``, with every option."""
        known = self.commands(methods)
        if not start:
            text = f"usage: {self.name} <command> [arguments] [options]\n\n{self.about}\n\n"
            for words, (row, method) in sorted(known.items()):
                names = "".join(f" <{name}>" for name in row.positional)
                text += f"  {words + names:<44} {method.doc.splitlines()[0]}\n"
            for words, command in sorted(self.local.items()):
                names = "".join(f" <{name}>" for name in command.positional)
                text += f"  {words + names:<44} {command.doc.splitlines()[0]}\n"
            return text + f"\n{self.name} help <command> explains a command.\n"
        local = [self.local[w] for w in sorted(self.local) if w == start or w.startswith(f"{start} ")]
        if local:
            return "\n".join(f"{command.usage(self.name)}\n{command.doc}\n" for command in local)
        found = [w for w in sorted(known) if w == start or w.startswith(f"{start} ")]
        if not found:
            raise Invalid({"_root": f"unknown command '{self.name} {start}'; '{self.name} help' lists all"})
        parts = [usage(f"{self.name} {w}", known[w][1], known[w][0].positional, verbose=True) for w in found]
        return "\n".join(parts)

    def complete(self, around: Surroundings, words: list[str]) -> list[str]:
        """Candidates for the last word."""
        known = self.commands(around.methods)
        for length in range(min(3, len(words) - 1), 0, -1):
            name = self._aliases.get(words[0], " ".join(words[:length]))
            if name in known:
                row, method = known[name]
                return completions(around, method, words[1 if words[0] in self._aliases else length :], row.positional)
        given = words[:-1]
        for length in (3, 2, 1):
            if (command := self.local.get(" ".join(given[:length]))) is not None and len(given) >= length:
                return sorted({*command.flags, *command.options} - set(given))
        following = [w.split() for w in [*known, *self.local] if w.split()[: len(given)] == given]
        names = {w[len(given)] for w in following if len(w) > len(given)}
        return sorted(names | ({"help"} if not given else set()))
