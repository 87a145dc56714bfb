"""Command lines by schema."""

from __future__ import annotations

import pytest

from hostd.cli import arguments
from hostd.core.errors import Invalid

SCHEMA = {
    "properties": {
        "name": {"type": "string"},
        "force": {"type": "boolean", "optional": 1},
        "format": {"type": "string", "optional": 1},
        "vms": {"type": "string", "format": "pve-vmid-list", "optional": 1},
        "word": {"type": "array", "items": {"type": "string"}, "optional": 1},
    }
}


def test_forms_of_options() -> None:
    assert arguments.parse(SCHEMA, ["--name=x", "-force", "--vms", "100", "--vms", "101,102"]) == {
        "name": "x",
        "force": 1,
        "vms": "100,101,102",
    }
    assert arguments.parse(SCHEMA, ["--force", "no", "--na", "y"]) == {"force": 0, "name": "y"}
    assert arguments.parse(SCHEMA, ["--NAME", "--force"]) == {"name": "--force"}
    assert arguments.parse(SCHEMA, ["--word", "a", "--word", "b"]) == {"word": ["a", "b"]}


def test_positional_arguments_and_fixed_ones() -> None:
    assert arguments.parse(SCHEMA, ["x", "--force"], positional=["name"], fixed={"format": "j"}) == {
        "name": "x",
        "force": 1,
        "format": "j",
    }
    assert arguments.parse(SCHEMA, ["--", "--force"], positional=["name"]) == {"name": "--force"}


@pytest.mark.parametrize(
    ("args", "positional", "text"),
    [
        (["--fo"], [], "ambiguous: --force, --format"),
        (["--nope"], [], "unknown option '--nope'; options are: --force"),
        (["--name"], [], "needs a value"),
        (["--force=maybe"], [], "neither yes nor no"),
        ([], ["name"], "<name> is missing"),
        (["a", "b"], ["name"], "too many arguments: b"),
        (["--name", "a"], ["name"], "unknown option"),
    ],
)
def test_errors_say_what_is_allowed(args: list[str], positional: list[str], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        arguments.parse(SCHEMA, args, positional=positional)
    assert text in next(iter(caught.value.errors.values()))
