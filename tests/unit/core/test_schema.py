"""Value kinds and parameter validation."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hostd.core.errors import Invalid
from hostd.core.kinds import BOOLEAN, CONFIG_ID_LIST, INTEGER, NODE, STORAGE_ID, STRING, USERID, VMID
from hostd.core.schema import Kind, param, rows, validate


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters for the tests."""

    vmid: int = param(VMID, doc="Id.")
    delete: tuple[str, ...] = param(CONFIG_ID_LIST, default=(), doc="Options.")
    in_use: bool = param(BOOLEAN, name="in-use", default=False, doc="Flag.")
    net: dict[str, str] = param(STRING, indices=4, doc="Cards.")
    cores: int = param(Kind(type="integer", minimum=1, maximum=8), default=1, shown_default=1, doc="Cores.")


def errors(**values: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        validate(Params, values)
    return caught.value.errors


def test_values_are_converted() -> None:
    got = validate(Params, {"vmid": "100", "delete": "ab,cd ef", "in-use": "1", "net0": "x", "net3": "y", "cores": 2})
    assert got == Params(vmid=100, delete=["ab", "cd", "ef"], in_use=True, net={"net0": "x", "net3": "y"}, cores=2)  # type: ignore[arg-type]


def test_all_errors_are_told() -> None:
    assert errors(cores="9", net4="x", **{"in-use": "yes"}) == {
        "vmid": "property is missing and it is not optional",
        "in-use": "type check ('boolean') failed - got 'yes'",
        "cores": "value must have a maximum value of 8",
        "net4": "property is not defined in schema and the schema does not allow additional properties",
    }


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (VMID, ["100", "999999999"], ["99", "0100", "1000000000", "x", "", "100\n"]),
        (NODE, ["a", "pve-1"], ["-a", "a-", "a.b", "", "a_b"]),
        (STORAGE_ID, ["local-lvm", "ab"], ["a", "1a", "a-", "a/b", "a b"]),
        (USERID, ["root@pam", "a.b@my-realm"], ["root", "a b@pam", "a:b@pam", "x" * 62 + "@pam"]),
        (INTEGER, ["1", "-1", "+7"], ["1.5", "", "x", "１"]),
        (Kind(enum=("a", "b")), ["a"], ["c"]),
        (Kind(min_length=2, max_length=3), ["ab"], ["a", "abcd"]),
        (Kind(pattern="x+"), ["xx"], ["xy", "xx\n"]),
    ],
)
def test_kinds(kind: Kind, good: list[str], bad: list[str]) -> None:
    for text in good:
        kind.parse(text)
    for text in bad:
        with pytest.raises(ValueError, match="."):
            kind.parse(text)


def test_declarations_dump_themselves() -> None:
    dumped = {row.wire: row.schema() for row in rows(Params)}
    assert dumped["vmid"] == {"type": "integer", "format": "pve-vmid", "minimum": 100, "maximum": 999999999}
    assert dumped["delete"] == {"type": "string", "format": "pve-configid-list", "optional": True}
    assert dumped["cores"]["default"] == 1
