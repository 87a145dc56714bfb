"""Join tokens: what they say, whom they let in, and what is no token."""

from __future__ import annotations

import dataclasses

import pytest

from hostd.clustering import tokens
from hostd.clustering.tokens import JoinToken, Record
from hostd.core.errors import Denied, Invalid

FINGERPRINT = ":".join(["AB"] * 32)
NOW = 1_800_000_000


def made() -> tuple[JoinToken, Record]:
    return tokens.make(["192.0.2.1", "2001:db8::1"], FINGERPRINT, by="root@pam", now_s=NOW, lifetime_s=60)


def test_a_token_is_one_word_that_says_where_and_who() -> None:
    token, record = made()
    assert token.word().isascii()
    assert " " not in token.word()
    again = JoinToken.parse(f" {token.word()}\n")
    assert (again.id, again.addresses, again.fingerprint) == (token.id, ("192.0.2.1", "2001:db8::1"), FINGERPRINT)
    assert again.secret.reveal() == token.secret.reveal()
    assert token.secret.reveal() not in record.to_bytes().decode()
    assert token.secret.reveal() not in repr(token)


def test_a_record_survives_its_file() -> None:
    _, record = made()
    assert Record.from_bytes(record.id, record.to_bytes()) == record
    assert record.path == f"priv/join-tokens/{record.id}"


def test_the_secret_lets_one_node_in_until_it_expires() -> None:
    token, record = made()
    secret = token.secret.reveal()
    tokens.check(record, secret, "beta", NOW + 59)
    used = dataclasses.replace(record, node="beta")
    tokens.check(used, secret, "beta", NOW + 59)  # its answer may have been lost
    with pytest.raises(Denied, match="used by node 'beta'"):
        tokens.check(used, secret, "gamma", NOW)
    with pytest.raises(Denied, match="expired 5 seconds ago"):
        tokens.check(record, secret, "beta", NOW + 65)
    with pytest.raises(Denied, match="secret is wrong"):
        tokens.check(used, secret[:-1], "gamma", NOW + 65)


@pytest.mark.parametrize(
    "word",
    ["", "hfj1.", "hfj1.e30", "hfj1.####", "hfj2.e30", "hfj1.bnVsbA", "hfj1.eyJhIjpbXSwiZiI6IiIsImkiOiIiLCJzIjoiIn0"],
)
def test_what_is_no_token(word: str) -> None:
    with pytest.raises(Invalid, match="no join token"):
        JoinToken.parse(word)


@pytest.mark.parametrize("id", ["", "../user.cfg", "0123456789abcdeg", "0123456789abcdef0"])
def test_ids_lead_nowhere_else(id: str) -> None:
    with pytest.raises(Invalid):
        tokens.path_of(id)
