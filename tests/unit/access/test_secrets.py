"""Passwords, token secrets, TOTP and the bound on PAM: own cases and published vectors."""

from __future__ import annotations

import threading

import pytest

from hostd.access import files, passwords, tfa, tokens
from hostd.access.pam import Bounded
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, HostError, Invalid, NotAuthenticated, Unavailable

# Vectors of the SHA-crypt specification (Drepper, 2007).
SHA512 = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"


def test_hashes_of_other_methods_verify_and_count_as_weak() -> None:
    assert passwords.verify("Hello world!", SHA512)
    assert not passwords.verify("hello world!", SHA512)
    assert passwords.is_weak(SHA512)
    made = passwords.make_hash("pässwörd")
    assert made.startswith("$y$")
    assert passwords.verify("pässwörd", made)
    assert not passwords.is_weak(made)


@pytest.mark.parametrize("stored", [None, "", "*", "!", "x", "$nonsense$"])
def test_what_is_no_hash_lets_nobody_in(stored: str | None) -> None:
    for password in ("", "x", "*", "a\0b"):
        assert not passwords.verify(password, stored)


def test_the_shadow_file() -> None:
    assert passwords.parse_shadow("a:$y$x:\nbroken\n:$y$\nb:$5$y:more:\n") == {"a": "$y$x", "b": "$5$y"}
    assert passwords.format_shadow({"b": "2", "a": "1"}) == "a:1:\nb:2:\n"


@pytest.mark.parametrize("header", ["PVEAPIToken=a@pve!tt=s-1", "PVEAPIToken a@pve!tt=s-1", "PVEAPIToken=a@pve!tt s-1"])
def test_token_headers(header: str) -> None:
    assert tokens.from_header(header) == ("a@pve!tt", "s-1")


@pytest.mark.parametrize("header", ["PVEAPIToken=", "PVEAPIToken=a@pve=s", "PVEAPIToken=a@pve!tt", "PVEAPITokenx=1"])
def test_broken_token_headers(header: str) -> None:
    with pytest.raises(NotAuthenticated):
        tokens.from_header(header)
    assert tokens.from_header("Basic eDp5") is None


def test_a_token_file_with_plain_secrets_verifies_and_is_hashed_when_written() -> None:
    known = tokens.parse("a@pve!tt 11111111-2222-4333-8444-555555555555\nnonsense\n")
    tokens.verify(known, "a@pve!tt", "11111111-2222-4333-8444-555555555555")
    assert "11111111" not in tokens.format(known)
    for wrong in ("", tokens.format(known).split()[1]):
        with pytest.raises(NotAuthenticated):
            tokens.verify(known, "a@pve!tt", wrong)


def test_totp_vectors() -> None:
    """RFC 6238, appendix B: eight digits, three algorithms."""
    seed = b"12345678901234567890"
    assert tfa.Totp(secret=seed, digits=8).code(59 // 30) == "94287082"
    assert tfa.Totp(secret=(seed * 2)[:32], digits=8, algorithm="SHA256").code(1111111109 // 30) == "68084774"
    assert tfa.Totp(secret=(seed * 4)[:64], digits=8, algorithm="SHA512").code(20000000000 // 30) == "47863826"


@pytest.mark.parametrize(
    "uri",
    [
        "", "otpauth://totp/x", "otpauth://hotp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DP", "otpauth://totp/x?secret=0189",
        "otpauth://totp/x?secret=JBSWY3DP", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DP&digits=4",
        "otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DP&algorithm=MD5",
    ],
)  # fmt: skip
def test_bad_totp_uris_are_refused_without_showing_the_secret(uri: str) -> None:
    with pytest.raises(Invalid) as caught:
        tfa.Totp.parse(uri)
    assert "JBSWY" not in str(caught.value.errors)


def test_a_registry_that_cannot_be_read_opens_no_door() -> None:
    for text in ("{", "[]", '{"users": 1}', '{"users": {"a@pve": []}}'):
        with pytest.raises(HostError):
            tfa.Registry.parse(text)


def test_unknown_parts_of_the_registry_survive() -> None:
    registry = tfa.Registry.parse('{"users": {"a@pve": {"yubico": [{"info": {"id": "y"}, "entry": "k"}]}}, "new": 1}')
    registry, _keys = tfa.add_recovery(registry, "a@pve", now_s=5)
    again = tfa.Registry.parse(tfa.remove(registry, "a@pve", tfa.RECOVERY).format())
    assert again.data == {"users": {"a@pve": {"yubico": [{"info": {"id": "y"}, "entry": "k"}]}}, "new": 1}
    assert tfa.has_any(again, "a@pve")  # we cannot check it, so the password alone must not do


def test_many_wrong_answers_make_the_user_wait() -> None:
    registry = tfa.Registry.parse("")
    for _ in range(tfa.TRIES):
        registry = tfa.failed(registry, "a@pve", "recovery", now_s=100)
    with pytest.raises(NotAuthenticated):
        tfa.check_not_locked(registry, "a@pve", now_s=200)
    tfa.check_not_locked(registry, "a@pve", now_s=101 + tfa.LOCKED_S)


def test_a_hanging_pam_module_holds_only_its_workers() -> None:
    hang, seen = threading.Event(), []

    def check(name: str, password: str) -> None:
        if name == "slow":
            hang.wait(10)
        if password != "right":
            raise NotAuthenticated("authentication failure")
        seen.append(name)

    bounded = Bounded(check, workers=2, timeout_s=0.05)
    with pytest.raises(Unavailable):
        bounded("slow", "right")
    bounded("quick", "right")
    with pytest.raises(NotAuthenticated):
        bounded("quick", "wrong")
    with pytest.raises(Unavailable):
        bounded("slow", "right")
    with pytest.raises(Unavailable, match="busy"):
        bounded("quick", "right")
    hang.set()
    assert seen[0] == "quick"


def test_a_file_is_rewritten_from_what_it_says_now() -> None:
    store = MemoryStore("alpha")
    files.rewrite(store, "user.cfg", lambda text: text + "a", actor="t")
    assert files.rewrite(store, "user.cfg", lambda text: text + "b", actor="t").data in (b"ab", b"")
    assert files.text_of(store, "user.cfg") == "ab"

    def refuse(text: str) -> str:
        raise Conflict("it exists")

    with pytest.raises(Conflict, match="it exists"):
        files.rewrite(store, "user.cfg", refuse, actor="t")
