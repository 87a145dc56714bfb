"""datacenter.cfg: what a file says, and what survives a change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.cluster import datacenter
from hostd.core import optionfile
from hostd.core.errors import ParseError
from hostd.core.formats import facts

KEY = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda key: key != "description")
VALUE = st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=20).map(str.strip)


@given(st.dictionaries(KEY, VALUE, max_size=4), st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_what_is_written_is_read_back(values: dict[str, str], comment: str) -> None:
    said = {"description": comment.rstrip("\n")} if comment.rstrip("\n") else {}
    text = optionfile.format({**values, "description": comment})
    assert optionfile.parse(text) == {**values, **said}
    assert optionfile.format(optionfile.parse(text)) == text


@pytest.mark.parametrize("values", [{"a": "x\nb: 1"}, {"a": " x"}, {"#a": "1"}, {"a b": "1"}, {"a:b": "1"}])
def test_what_cannot_be_read_back_is_not_written(values: dict[str, str]) -> None:
    with pytest.raises(ParseError):
        optionfile.format(values)


def test_what_is_unknown_or_wrong_is_not_told() -> None:
    found = datacenter.parse(
        b"# text\nlanguage: fr\nlanguage2: x\nmigration: secure,network=10.1.0.0/16\nkeyboard: zz\nnonsense\n"
    )
    assert found == {
        "description": " text\n",
        "language": "fr",
        "migration": {"type": "secure", "network": "10.1.0.0/16"},
        "mac_prefix": "BC:24:11",
    }


def test_lists_numbers_and_older_spellings() -> None:
    found = datacenter.parse(
        b"registered-tags: b;a\nuser-tag-access: user-allow=list,user-allow-list=x;y\nconsole: applet\n"
        b"  max_workers: 3\nmigration_unsecure: on\nbwlimit: default=1.5,clone=20\ndescription: old%0Aform\n"
    )
    assert found == {
        "registered-tags": ["b", "a"],
        "user-tag-access": {"user-allow": "list", "user-allow-list": ["x", "y"]},
        "console": "html5",
        "max_workers": 3,
        "migration_unsecure": 1,
        "migration": {"type": "insecure"},
        "bwlimit": {"default": 1.5, "clone": 20},
        "description": "old\nform\n",
        "mac_prefix": "BC:24:11",
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(b"", (100, 999_999)), (b"next-id: lower=500,upper=600\n", (500, 599)), (b"next-id: lower=x\n", (100, 999_999)),
     (b"next-id: lower=1\n", (100, 999_999))],
)  # fmt: skip
def test_range_of_guest_ids(text: bytes, wanted: tuple[int, int]) -> None:
    assert datacenter.id_range(datacenter.parse(text)) == wanted


def test_every_format_of_the_table_is_known() -> None:
    for name, option in datacenter.OPTIONS.items():
        if option.kind.format.startswith("inline:"):
            assert facts.property_string(option.kind.format), name
