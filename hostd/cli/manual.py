"""Manual pages and shell completion, made from the declarations when the package is built."""

from __future__ import annotations

from collections.abc import Sequence

from hostd.cli.commands import Suite
from hostd.cli.methods import Method, Methods
from hostd.cli.output import OPTIONS
from hostd.cli.program import describe
from hostd.core.release import VERSION

_ABOUT = {
    "pvesh": "the API of this host from its shell",
    "pveum": "users and their rights on this host",
    "pvecm": "the cluster that this host is part of",
    "pvesm": "storages and what lies on them",
    "pvenode": "settings, tasks and certificates of this node",
    "qm": "virtual machines of this node",
    "pct": "containers of this node",
    "pveam": "templates of containers",
    "ha-manager": "high availability of guests",
}
# Kinds of failure; the numbers are those of core/errors.py.
EXIT_CODES = (
    (0, "done; a task that was started has ended well, warnings included"),
    (1, "failed; the message says why. A task that was started ended with an error"),
    (2, "no such object, path or command"),
    (3, "exists already, is locked, in use, or was changed by somebody else"),
    (4, "not allowed (the commands are for root)"),
    (5, "ticket or password is wrong"),
    (6, "the host's root process does not answer"),
    (7, "not built, or not possible here"),
    (10, "an argument is wrong; each is named"),
    (130, "interrupted; a task that was started goes on"),
)


def escape(text: str) -> str:
    """Text for roff(7): backslashes, dashes, and dots at the start of lines."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)


def _head(name: str) -> list[str]:
    return [
        f'.TH {name.upper()} 1 "" "Holdfast {VERSION}" "Holdfast"',
        ".SH NAME",
        escape(f"{name} - {_ABOUT[name]}"),
    ]


def _tail(name: str) -> list[str]:
    lines = [".SH OUTPUT OPTIONS"]
    for option in sorted(OPTIONS):
        lines += _option(describe(option, OPTIONS[option]), str(OPTIONS[option]["description"]))
    lines.append(".SH EXIT STATUS")
    for code, text in EXIT_CODES:
        lines += [".TP", f".B {code}", escape(text)]
    others = [other for other in sorted(_ABOUT) if other != name]
    return [*lines, ".SH SEE ALSO", ", ".join(f"\\fB{other}\\fR(1)" for other in others)]


def _option(head: str, text: str) -> list[str]:
    return [".TP", f".B {escape(head)}", escape(text)]


def _parameters(method: Method, positional: Sequence[str], hidden: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for name in sorted(method.parameters):
        schema = method.parameters[name]
        if name in hidden:
            continue
        head = f"<{name}>" if name in positional else describe(name, schema)
        lines += _option(head, str(schema.get("description", "")))
    return lines


def suite_page(suite: Suite, methods: Methods) -> str:
    """The page of a program with sub-commands."""
    lines = [*_head(suite.name), ".SH SYNOPSIS"]
    known = sorted(suite.commands(methods).items())
    for words, (row, _) in known:
        names = "".join(f" <{name}>" for name in row.positional)
        lines += [f".B {escape(f'{suite.name} {words}')}", escape(f"{names} [options]".strip()), ".br"]
    lines.append(".SH COMMANDS")
    for words, (row, method) in known:
        lines += [f".SS {escape(words)}", escape(method.doc)]
        lines += _parameters(method, row.positional, list(row.fixed))
    for _, command in sorted(suite.local.items()):
        call = command.usage(suite.name).removeprefix(f"usage: {suite.name} ").strip()
        lines += [f".SS {escape(call)}", escape(command.doc)]
    return "\n".join([*lines, *_tail(suite.name)]) + "\n"


def pvesh_page(methods: Methods) -> str:
    """The page of pvesh: how it is called, and every path."""
    verbs = {"GET": "get", "PUT": "set", "POST": "create", "DELETE": "delete"}
    lines = [*_head("pvesh"), ".SH SYNOPSIS"]
    lines += [".B pvesh", escape("get|set|create|delete|ls|usage <path> [--option value ...]"), ".SH DESCRIPTION"]
    text = (
        "Calls the API through the socket of the host's root process as root@pam; the web server need not run. "
        "Tasks that a call starts are followed until they end."
    )
    lines += [escape(text), ".SH PATHS"]
    for method in methods.all:
        lines += [".TP", f".B {escape(f'{verbs[method.verb]} {method.path}')}", escape(method.doc.splitlines()[0])]
    return "\n".join([*lines, *_tail("pvesh")]) + "\n"


COMPLETION = """# bash completion of pvesh, qm and the like: the commands themselves say what may come next
_holdfast() {
    local word candidates
    word=${COMP_WORDS[COMP_CWORD]}
    # colons are part of ids here, not ends of words
    if declare -F _comp_initialize >/dev/null; then
        local cur prev words cword comp_args
        _comp_initialize -n : -- "$@" || return
        set -- "${words[@]:1:cword}"
        word=$cur
    elif declare -F _get_comp_words_by_ref >/dev/null; then
        local cur words cword
        _get_comp_words_by_ref -n : cur words cword
        set -- "${words[@]:1:cword}"
        word=$cur
    else
        set -- "${COMP_WORDS[@]:1:COMP_CWORD}"
    fi
    candidates=$("${COMP_WORDS[0]}" --complete "$@" 2>/dev/null) || return
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
    if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$word"; fi
}
complete -F _holdfast pvesh pveum pvenode pvecm pvesm qm ha-manager
"""
