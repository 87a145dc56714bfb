"""What every command shares: running one method, errors as exit codes, help, completion."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from hostd.api.rootclient import Call, RootClient
from hostd.cli import arguments, candidates
from hostd.cli.follow import follow, is_task
from hostd.cli.methods import Method, Methods, Schema
from hostd.cli.output import OPTIONS, Style, show
from hostd.core.errors import HostError, Invalid

Reader = Callable[[str], str]
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command works with; tests make their own."""

    call: Call
    methods: Methods
    node: str
    out: TextIO = field(default_factory=lambda: sys.stdout)
    errors: TextIO = field(default_factory=lambda: sys.stderr)


def describe(name: str, schema: Schema) -> str:
    """``--cores <integer 1-8>``: one option in a usage line."""
    kind = str(schema.get("typetext") or _kind(schema))
    return f"--{name} {kind if kind.startswith('<') else f'<{kind}>'}"


def _kind(schema: Schema) -> str:
    if schema.get("enum"):
        return " | ".join(str(word) for word in schema["enum"])
    low, high = schema.get("minimum"), schema.get("maximum")
    text = str(schema.get("format") or schema.get("type", "string"))
    return f"{text} ({low if low is not None else ''} - {high if high is not None else ''})" if low or high else text


def usage(prefix: str, method: Method, positional: Sequence[str], *, verbose: bool = False) -> str:
    """How a method is called; ``verbose`` explains every option."""
    given = {n: s for n, s in method.parameters.items() if n not in method.in_path or n in positional}
    words = [f"<{name}>" for name in positional]
    required = [describe(n, s) for n, s in given.items() if not s.get("optional") and n not in positional]
    text = " ".join(["usage:", prefix, *words, *required, "[options]"]) + "\n"
    if not verbose:
        return text
    text += f"\n{method.doc}\n\n"
    for name in sorted(given):
        schema = given[name]
        need = "" if schema.get("optional") else " (required)"
        head = f"<{name}>" if name in positional else describe(name, schema)
        text += f"  {head}{need}\n      {schema.get('description', '')}\n"
    return text


def run_method(
    around: Surroundings,
    method: Method,
    args: Sequence[str],
    *,
    positional: Sequence[str] = (),
    fixed: Mapping[str, object] | None = None,
    readers: Mapping[str, Reader] | None = None,
    pick: str = "",
    text: Callable[[Any], str] | None = None,
) -> Mapping[str, object]:
    """Parse the arguments, call the method, follow its task or print its answer (only the field ``pick`` of it).

    ``text``: how the answer is printed for people. Returns the parameters that the method was called with.
    """
    schema = {"properties": {**OPTIONS, **method.properties}}
    values = arguments.parse(schema, args, positional=positional, fixed=fixed, readers=readers)
    style = Style.take(values)
    missing = [n for n, s in method.properties.items() if not s.get("optional") and n not in values]
    if missing:
        raise Invalid({name: f"option '{describe(name, method.properties[name])}' is required" for name in missing})
    path = method.target(values)
    data = around.call(method.verb, path, values).data
    if pick and isinstance(data, dict) and style.format == "text":
        data = data.get(pick)
    if is_task(data) and method.verb != "GET":
        follow(around.call, data, around.out if style.format == "text" and not style.quiet else around.errors)
        if style.format == "text":
            return values
    is_for_people = text is not None and style.format == "text" and not style.quiet
    around.out.write(text(data) if text and is_for_people else show(data, style, method.returns))
    return values


def completions(around: Surroundings, method: Method, words: Sequence[str], positional: Sequence[str]) -> list[str]:
    """Candidates for the last word of a method's arguments."""
    options = {**OPTIONS, **{n: s for n, s in method.properties.items() if n not in method.in_path or n in positional}}
    return list(candidates.complete(around.call, words, positional, options))


def node_name() -> str:
    import os

    return os.uname().nodename.partition(".")[0]


def main(run: Callable[[Surroundings, list[str]], int], argv: Sequence[str] | None = None) -> int:
    """A program: errors go to stderr as ``error: …`` and become the exit code of their kind."""
    try:
        around = Surroundings(call=RootClient(), methods=Methods.load(), node=node_name())
        return run(around, list(sys.argv[1:] if argv is None else argv))
    except Invalid as err:
        print_invalid(err, sys.stderr)
        return err.exit_code
    except HostError as err:
        print(f"error: {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        print("interrupted; a task that was started goes on: pvenode task list --source active", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the answer has seen enough
        return 0


def print_invalid(err: Invalid, out: TextIO) -> None:
    """Each parameter on a line of its own."""
    if set(err.errors) == {"_root"}:
        print(f"error: {err.errors['_root']}", file=out)
        return
    print(f"error: {err}", file=out)
    for name, why in sorted(err.errors.items()):
        print(f"  {name}: {why.rstrip()}", file=out)
