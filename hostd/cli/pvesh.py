"""``pvesh``: the API from a shell of the host. ``pvesh get|set|create|delete|ls|usage|help PATH [--option value]``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from hostd.cli.methods import Method
from hostd.cli.output import FORMATS, Style, show
from hostd.cli.program import Surroundings, completions, main, run_method, usage
from hostd.core.errors import HostError, Invalid, NotFound

VERBS = {"get": "GET", "set": "PUT", "create": "POST", "delete": "DELETE"}
WORDS = (*VERBS, "ls", "usage", "help")
HELP = """usage: pvesh <command> <path> [--option value ...]

  pvesh get <path>       read
  pvesh set <path>       change
  pvesh create <path>    make, or start an action
  pvesh delete <path>    remove
  pvesh ls <path>        what is below a path
  pvesh usage <path>     how a path is called (--verbose 1: every option; --command get|set|create|delete)

Options of all: --output-format text|json|json-pretty|yaml, --human-readable 0|1, --noborder, --noheader, --quiet.
"""


def run(around: Surroundings, args: list[str]) -> int:
    """One call; returns the exit code."""
    if args[:1] == ["--complete"]:
        around.out.write("".join(f"{c}\n" for c in complete(around, args[1:])))
        return 0
    if not args or args[0] in ("help", "-h", "--help"):
        around.out.write(HELP)
        return 0
    word, rest = args[0], args[1:]
    if word not in WORDS:
        raise Invalid({"_root": f"unknown command '{word}'; commands are: {', '.join(WORDS)}"})
    if not rest or rest[0].startswith("-"):
        raise Invalid({"_root": f"a path is missing; try: pvesh {word} /nodes"})
    path = "/" + rest[0].strip("/")
    if word == "ls":
        return ls(around, path, rest[1:])
    if word == "usage":
        return explain(around, path, rest[1:])
    method, values = find(around, word, path)
    fixed: dict[str, object] = dict(values)
    run_method(around, method, rest[1:], fixed=fixed)
    return 0


def find(around: Surroundings, word: str, path: str) -> tuple[Method, dict[str, str]]:
    """The method of a path; NotFound says what the path has instead."""
    found = around.methods.match(path)
    if VERBS[word] in found:
        return found[VERBS[word]]
    if found:
        known = ", ".join(w for w, verb in VERBS.items() if verb in found)
        raise NotFound(f"no '{word}' for '{path}'; it has: {known}")
    raise NotFound(f"no such path '{path}' (or not built yet); see 'pvesh ls {path.rpartition('/')[0] or '/'}'")


def capabilities(around: Surroundings, path: str) -> str:
    """``Dr-cd``: directory, get, set, create, delete."""
    verbs = around.methods.match(path)
    marks = [("GET", "r"), ("PUT", "w"), ("POST", "c"), ("DELETE", "d")]
    directory = "D" if around.methods.below(path) else "-"
    return directory + "".join(mark if verb in verbs else "-" for verb, mark in marks)


def children(around: Surroundings, path: str) -> list[str]:
    """Names below a path: the fixed ones, and those that the path's own list names."""
    below = around.methods.below(path)
    names = [name for name in below if not name.startswith("{")]
    found = around.methods.match(path).get("GET")
    if len(names) < len(below) and found:
        links = found[0].returns.get("links") or []
        key = str(links[0].get("href", "")).strip("{}") if links else ""
        rows = around.call("GET", path, {}).data
        if key and isinstance(rows, list):
            names += [str(row[key]) for row in rows if isinstance(row, dict) and key in row]
    return sorted(dict.fromkeys(names))


def ls(around: Surroundings, path: str, args: Sequence[str]) -> int:
    if not around.methods.below(path) and not around.methods.match(path):
        raise NotFound(f"no such path '{path}'; see 'pvesh ls /'")
    base = path.rstrip("/")
    rows = [{"capabilities": capabilities(around, f"{base}/{name}"), "name": name} for name in children(around, path)]
    if "--output-format" in args:
        style = Style.take({"output-format": list(args)[list(args).index("--output-format") + 1]})
        around.out.write(show(rows, style))
    else:
        around.out.write("".join(f"{row['capabilities']}    {row['name']}\n" for row in rows))
    return 0


def explain(around: Surroundings, path: str, args: Sequence[str]) -> int:
    verbose = any(a in ("--verbose", "-v", "--verbose=1") for a in args)
    only = next((args[n + 1] for n, a in enumerate(args[:-1]) if a == "--command"), "")
    found = around.methods.match(path)
    words = [w for w, verb in VERBS.items() if verb in found and only in ("", w)]
    if not words:
        raise NotFound(f"nothing to call at '{path}'; below it are: {', '.join(around.methods.below(path)) or 'none'}")
    for word in words:
        around.out.write(usage(f"pvesh {word} {shlex.quote(path)}", found[VERBS[word]][0], (), verbose=verbose))
    return 0


def complete(around: Surroundings, words: list[str]) -> list[str]:
    """Candidates for the last word."""
    if len(words) <= 1:
        return list(WORDS)
    if len(words) == 2:
        return _paths(around, words[1])
    if words[-2] == "--output-format":
        return list(FORMATS)
    found = around.methods.match(words[1]).get(VERBS.get(words[0], ""))
    return completions(around, found[0], words[2:], ()) if found else []


def _paths(around: Surroundings, word: str) -> list[str]:
    parent = "/" + word.strip("/") if word.endswith("/") else "/" + word.rpartition("/")[0].strip("/")
    base = parent.rstrip("/")
    try:
        names = children(around, parent)
    except HostError:
        names = [name for name in around.methods.below(parent) if not name.startswith("{")]
    return [f"{base}/{name}/" if around.methods.below(f"{base}/{name}") else f"{base}/{name}" for name in names]


def entry() -> int:
    return main(run)


if __name__ == "__main__":
    raise SystemExit(entry())
