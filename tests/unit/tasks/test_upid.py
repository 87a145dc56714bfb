"""Task identifiers round-trip, and malformed ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import ParseError
from hostd.tasks.upid import Upid

TEXT = "UPID:alpha:0000C0DE:00012345:67890ABC:qmstart:105:root@pam:"


def test_parts_are_hexadecimal() -> None:
    upid = Upid.parse(TEXT)
    assert (upid.node, upid.pid, upid.pstart, upid.type, upid.id) == ("alpha", 0xC0DE, 0x12345, "qmstart", "105")
    assert str(upid) == TEXT


@given(st.text(min_size=0, max_size=20).filter(lambda t: all(c < "\u0100" for c in t)))
def test_any_id_survives(text: str) -> None:
    upid = Upid(node="a", pid=1, pstart=2**33, starttime=1, type="t", id=text, user="root@pam")
    assert Upid.parse(str(upid)) == upid


@pytest.mark.parametrize("text", ["", TEXT[:-1], TEXT.replace("alpha", "al pha"), "UPID:a:1:2:3:t:i:u:", TEXT + "x"])
def test_malformed_ids_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match="unable to parse worker upid"):
        Upid.parse(text)
