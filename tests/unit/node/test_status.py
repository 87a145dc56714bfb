"""Parsers of /proc, and certificates."""

from __future__ import annotations

import datetime

import pytest

from hostd.node import certificate, status
from hostd.node.banner import issue_text

NOW = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)


def test_usage_is_a_fraction_between_readings() -> None:
    before = status.parse_stat("cpu  100 0 100 800 0 0 0 0 0 0\n")
    now = status.parse_stat("cpu  150 0 150 880 20 0 0 0 50 0\n")
    assert status.usage(before, now) == (0.5, 0.1)


def test_meminfo_is_in_bytes() -> None:
    assert status.parse_meminfo("MemTotal:  2 kB\nHugePages_Total: 3\n") == {"MemTotal": 2048, "HugePages_Total": 3}


def test_cpuinfo_counts() -> None:
    one = (
        "vendor_id\t: Acme\nmodel name\t: Acme 1\nphysical id\t: 0\ncpu cores\t: 1\nflags\t: fpu svm\ncpu MHz\t: 1.0\n"
    )
    info = status.parse_cpuinfo(one + "\n" + one.replace("id\t: 0", "id\t: 1"))
    assert (info["cpus"], info["cores"], info["sockets"], info["hvm"]) == (2, 1, 2, "1")


def test_this_host_can_be_read() -> None:
    sample = status.NodeSampler().sample()
    assert isinstance(sample["maxmem"], int)
    assert sample["maxmem"] > sample["mem"]  # type: ignore[operator]


def test_certificates_chain_and_expire() -> None:
    authority_key, key = certificate.new_key(), certificate.new_key()
    authority = certificate.make_authority(authority_key, now=NOW)
    made = certificate.make_node(authority, authority_key, key, ["a.example", "a", "192.0.2.1", "2001:db8::1"], now=NOW)
    assert len(certificate.fingerprint(made)) == 95
    assert not certificate.expires_within(made, 30, now=NOW)
    assert certificate.expires_within(made, 30, now=NOW + datetime.timedelta(days=701))


def test_the_banner_shows_every_address() -> None:
    text = issue_text("a", ["192.0.2.1", "2001:db8::1"], "AB:" * 31 + "CD", "1.0")
    assert "https://192.0.2.1:8006/" in text
    assert "https://[2001:db8::1]:8006/" in text
    assert "\\" not in issue_text("a\\n", [], "AB:" * 31 + "CD", "1.0")


@pytest.mark.parametrize("address", [[], ["192.0.2.1"]])
def test_the_banner_has_the_whole_fingerprint(address: list[str]) -> None:
    fingerprint = ":".join(["AB"] * 32)
    text = issue_text("a", address, fingerprint, "1.0")
    assert "".join(line.strip() for line in text.splitlines() if line.startswith("  AB")).count("AB") == 32
