"""Tickets: only what the key signed, for whom it was signed, while it lasts."""

from __future__ import annotations

import pytest

from hostd.access import tickets
from hostd.core.errors import NotAuthenticated

KEY = tickets.make_key()
PUBLIC = tickets.public_part(KEY)
NOW = 1_700_000_000


def test_a_ticket_names_its_user() -> None:
    assert tickets.verify(PUBLIC, tickets.sign(KEY, "root@pam", now_s=NOW), now_s=NOW + 60) == "root@pam"


@pytest.mark.parametrize("user", ["a:b@pam", "a%3Ab@pam", "ü@pve"])
def test_names_are_escaped(user: str) -> None:
    assert tickets.verify(PUBLIC, tickets.sign(KEY, user, now_s=NOW), now_s=NOW) == user


@pytest.mark.parametrize("age", [tickets.LIFETIME_S + 1, -tickets.CLOCKS_AHEAD_S - 1])
def test_expired_and_future_tickets_are_refused(age: int) -> None:
    with pytest.raises(NotAuthenticated, match="expired"):
        tickets.verify(PUBLIC, tickets.sign(KEY, "root@pam", now_s=NOW), now_s=NOW + age)


def test_forgeries_are_refused() -> None:
    good = tickets.sign(KEY, "root@pam", now_s=NOW)
    other = tickets.sign(tickets.make_key(), "root@pam", now_s=NOW)
    for bad in (
        "",
        "PVE:",
        other,
        good.replace("root", "toor"),
        good[:-4],
        good + "A",
        good.replace("PVE", "PVEVNC", 1),
    ):
        with pytest.raises(NotAuthenticated):
            tickets.verify(PUBLIC, bad, now_s=NOW)


def test_console_tickets_are_bound() -> None:
    ticket = tickets.sign_console(KEY, "root@pam", "/vms/100", 5900, now_s=NOW)
    tickets.verify_console(PUBLIC, ticket, "root@pam", "/vms/100", 5900, now_s=NOW + 39)
    for user, path, port, now in [
        ("x@pam", "/vms/100", 5900, NOW),
        ("root@pam", "/vms/101", 5900, NOW),
        ("root@pam", "/vms/100", 5901, NOW),
        ("root@pam", "/vms/100", 5900, NOW + 41),
    ]:
        with pytest.raises(NotAuthenticated):
            tickets.verify_console(PUBLIC, ticket, user, path, port, now_s=now)


def test_a_console_ticket_is_no_login() -> None:
    with pytest.raises(NotAuthenticated):
        tickets.verify(PUBLIC, tickets.sign_console(KEY, "root@pam", "/vms/100", 5900, now_s=NOW), now_s=NOW)


def test_csrf_tokens_belong_to_a_user() -> None:
    token = tickets.csrf_token(b"key", "root@pam", now_s=NOW)
    tickets.verify_csrf(b"key", "root@pam", token, now_s=NOW + 10)
    for user, text, now in [
        ("x@pam", token, NOW),
        ("root@pam", token + "x", NOW),
        ("root@pam", token, NOW + 7201),
        ("a", "", 0),
    ]:
        with pytest.raises(NotAuthenticated):
            tickets.verify_csrf(b"key", user, text, now_s=now)
