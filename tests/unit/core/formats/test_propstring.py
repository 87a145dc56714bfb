"""Property strings: laws, aliases, default keys, checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import Invalid, ParseError
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Alias, Format
from hostd.core.schema import Kind

NET = {name: Alias(to="macaddr", name_to="model") for name in ("virtio", "e1000")}
KEY = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda k: k not in NET)
VALUE = st.text(st.characters(exclude_characters=",\n\r", exclude_categories=("Cs",)), max_size=20).map(str.strip)


@given(st.dictionaries(KEY, VALUE, max_size=5))
def test_what_is_written_is_read_back(values: dict[str, str]) -> None:
    text = propstring.format(values, default_key="file")
    assert propstring.parse(text, default_key="file") == values


@given(st.dictionaries(KEY | st.just("model"), VALUE, max_size=5), st.sampled_from(["virtio", "e1000", "pcnet"]))
def test_naming_aliases_are_read_back(values: dict[str, str], model: str) -> None:
    values = values | {"model": model, "macaddr": "BC:24:11:00:00:01"}
    text = propstring.format(values, default_key="model", aliases=NET)
    assert propstring.parse(text, default_key="model", aliases=NET) == values


def test_a_network_card() -> None:
    text = "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5"
    values = propstring.parse(text, default_key="model", aliases=NET)
    assert values == {"macaddr": "BC:24:11:00:00:01", "model": "virtio", "bridge": "vmbr0", "tag": "5"}
    assert propstring.format(values, default_key="model", aliases=NET) == text


def test_default_key_comes_first_and_bare() -> None:
    assert propstring.format({"size": "4G", "file": "local:1/a"}, default_key="file") == "local:1/a,size=4G"


@pytest.mark.parametrize("text", ["a=1,a=2", "x", "a b=1"])
def test_bad_strings_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        propstring.parse(text)


def test_a_comma_cannot_be_smuggled_in() -> None:
    with pytest.raises(ParseError):
        propstring.format({"a": "1,b=2"})


AGENT = Format(name="inline:agent")


@pytest.mark.parametrize("text", ["1", "yes", "enabled=on", "True"])
def test_booleans_have_many_spellings(text: str) -> None:
    assert propstring.validate(text, AGENT) == {"enabled": "1"}


def test_every_error_is_reported() -> None:
    with pytest.raises(Invalid) as caught:
        propstring.validate("type=usb,frob=1", AGENT)
    assert set(caught.value.errors) == {"enabled", "type", "frob"}
    assert AGENT.check("type=usb").startswith("format error\nenabled: ")
    assert AGENT.check("1") == ""


def test_a_key_may_be_of_another_kind_here() -> None:
    card = Format(name="inline:net", own={"bridge": Kind(pattern="vmbr[0-9]")})
    assert card.check("virtio,bridge=vmbr1") == ""
    assert "bridge: " in card.check("virtio,bridge=br1")
    assert "model: " in card.check("bridge=vmbr1")
