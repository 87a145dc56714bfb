"""The recorded cases of guest files that need no table of keys: container files are written back as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hostd.core.formats.keyvalue import LXC_PENDING, encode_text, format_guest, parse_guest


@pytest.mark.parametrize("family", ["ct-config-rewrite", "ct-config-rewrite-own"])
def test_container_files(shared: Path, family: str) -> None:
    cases = json.loads((shared / "conformance/guest-config/cases" / f"{family}.json").read_text())["cases"]
    for case in cases:
        if case["name"].endswith("raw-key-forbidden"):  # which keys are allowed is not a matter of the format
            continue
        text = format_guest(parse_guest(case["input"]["text"], pending=LXC_PENDING), pending=LXC_PENDING)
        assert text.strip("\n").split("\n") == case["expect"]["ok"].strip("\n").split("\n"), case["name"]


def test_encoded_texts(shared: Path) -> None:
    cases = json.loads((shared / "conformance/schema/cases/text-encoding.json").read_text())["cases"]
    for case in cases:
        assert encode_text(case["input"]["text"]) == case["expect"]["ok"], case["name"]
