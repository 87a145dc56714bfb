"""Command lines by schema: ``--option value``, ``--option=value``, ``-option value``, positional arguments, ``--``.

An option may be shortened as long as it stays unambiguous; upper and lower case do not matter in its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hostd.core.errors import Invalid
from hostd.core.formats.propgrammar import boolean

Schema = Mapping[str, Any]
EXTRA = "extra-args"


def properties(schema: Schema, chosen: Mapping[str, object] | None = None) -> dict[str, Schema]:
    """Every property of a schema, through ``allOf`` and ``oneOf``; ``chosen`` values select among the instances."""
    found: dict[str, Schema] = dict(schema.get("properties") or {})
    for part in schema.get("allOf") or ():
        found |= properties(part, chosen)
    if "oneOf" not in schema:
        return found
    name = schema["type-property"]
    selected = (chosen or {}).get(name)
    for instance in schema["oneOf"]:
        if selected is None or instance.get("instance-type") == selected:
            found = {**properties(instance, chosen), **found}
    found.setdefault(name, schema.get("type-property-schema") or {"type": "string"})
    return found


def parse(
    schema: Schema,
    args: Sequence[str],
    *,
    positional: Sequence[str] = (),
    fixed: Mapping[str, object] | None = None,
    readers: Mapping[str, Callable[[str], str]] | None = None,
) -> dict[str, object]:
    """Parameters of a call. ``fixed`` ones cannot be given; ``readers`` turn an option's text into its value, which
    may then be left out (a password is asked for).

    Raises Invalid for unknown and ambiguous options, values that lack, and a wrong number of arguments.
    """
    known = {k: s for k, s in properties(schema).items() if k not in (fixed or {})}
    given, words = _split(args, known, positional, frozenset(readers or ()))
    values: dict[str, object] = {}
    chosen = {name: texts[-1] for name, texts in given.items()}
    exact = properties(schema, chosen)
    for name, texts in given.items():
        reader = (readers or {}).get(name)
        read = [reader(text) if reader else text for text in texts]
        values[name] = _value(name, exact.get(name, known[name]), read)
    for name, value in _positional(words, positional, known).items():
        reader = (readers or {}).get(name)
        values[name] = reader(str(value)) if reader else value
    return values | dict(fixed or {})


def _split(
    args: Sequence[str], known: Mapping[str, Schema], positional: Iterable[str], askable: frozenset[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Options with their texts, and the words that are no option."""
    options = {name: s for name, s in known.items() if name not in positional}
    given: dict[str, list[str]] = {}
    words: list[str] = []
    left = list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            return given, words + left
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        text, equals, value = word.lstrip("-").partition("=")
        name = _option(text, options)
        if not equals:
            if options[name].get("type") == "boolean":
                value = left.pop(0) if left and not left[0].startswith("-") and _is_boolean(left[0]) else "1"
            elif left and not (name in askable and left[0].startswith("-")):
                value = left.pop(0)
            elif name in askable:
                value = ""
            else:
                raise Invalid({name: f"option '--{name}' needs a value"})
        given.setdefault(name, []).append(value)
    return given, words


def _is_boolean(text: str) -> bool:
    try:
        boolean(text)
    except ValueError:
        return False
    return True


def _option(text: str, options: Mapping[str, Schema]) -> str:
    lower = text.lower()
    exact = [name for name in options if name.lower() == lower]
    found = [n for n in exact if n == text] or exact or [n for n in options if lower and n.lower().startswith(lower)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid({text: f"option '--{text}' is ambiguous: --{', --'.join(sorted(found))}"})
    near = ", ".join(f"--{name}" for name in sorted(options)) or "none"
    raise Invalid({text: f"unknown option '--{text}'; options are: {near}"})


def _value(name: str, schema: Schema, texts: list[str]) -> object:
    kind, form = schema.get("type"), str(schema.get("format", ""))
    if kind == "array":
        return texts
    if form.endswith("-list"):
        return ",".join(texts)
    if form.endswith("-alist"):
        return "\0".join(texts) if len(texts) > 1 else f"{texts[0]}\0"
    if kind == "boolean":
        try:
            return int(boolean(texts[-1] or "1"))
        except ValueError:
            raise Invalid({name: f"'{texts[-1]}' is neither yes nor no (1, 0, on, off, true, false)"}) from None
    return texts[-1]


def _positional(words: list[str], names: Sequence[str], known: Mapping[str, Schema]) -> dict[str, object]:
    found: dict[str, object] = {}
    left = list(words)
    for number, name in enumerate(names):
        if name == EXTRA:
            found[name], left = left, []
        elif left:
            found[name] = left.pop(0)
        else:
            needed = [n for n in names[number:] if n != EXTRA and not known.get(n, {}).get("optional")]
            if needed:
                raise Invalid({needed[0]: f"not enough arguments: <{'> <'.join(needed)}> is missing"})
            break
    if left:
        raise Invalid({"_root": f"too many arguments: {' '.join(left)}"})
    return found
