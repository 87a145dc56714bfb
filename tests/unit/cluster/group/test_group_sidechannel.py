"""The side channel: what is sent arrives as it was, and only those who hold the cluster's key get anything."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from hostd.cluster.fs.journal import Record
from hostd.cluster.fs.mutations import Batch, Mkdir, Write
from hostd.cluster.fs.replicate import Epoch, Fetch, Origin, Position, Proposal
from hostd.cluster.fs.transfer import Snapshot, Transfer
from hostd.cluster.fs.tree import Node
from hostd.cluster.group import sidechannel
from hostd.cluster.group.sidechannel_codec import decode_fetch, decode_transfer, encode_fetch, encode_transfer
from hostd.core.errors import HostError, ParseError

FETCH = Fetch(2, 4711, b"session!", Position(3, 17), "mark")
RECORD = Record(3, 17, 0, 1 << 60, "a", "root@pam", "", "write", "x", "", "", "0" * 64)
SNAPSHOT = Transfer(
    origin="one",
    position=Position(4, 19),
    epochs=(Epoch(1, "one", 0), Epoch(4, "fork", 9, (1, 2), forced=True)),
    content=Snapshot(
        nodes=(Node(1, 1, "", None, b"", 0, 0), Node((1 << 63) + 5, 1, "x", b"\0\xff", b"d" * 32, 19, 1 << 60)),
        records=((RECORD, b"link"),),
        anchor=b"anchor",
    ),
)
STEPS = (Mkdir(path="d", inode=9, exist_ok=True), Write(path="d/x", data=b"\0", inode=10))
CHANGES = Transfer(
    origin="one",
    position=Position(4, 19),
    epochs=(Epoch(4, "one", 9, (1,)),),
    content=((Position(4, 19), Proposal(id=7, mutation=Batch(steps=STEPS), origin=Origin(node="a", time_ns=5))),),
)


@pytest.mark.parametrize("transfer", [SNAPSHOT, CHANGES])
def test_a_state_arrives_as_it_was(transfer: Transfer) -> None:
    assert decode_transfer(encode_transfer(transfer)) == transfer


def test_a_request_arrives_as_it_was() -> None:
    assert decode_fetch(encode_fetch(FETCH)) == FETCH


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", b"\x90", b"\x95\x01\x02\x03\x04\x05", b"\x96" + b"\xc0" * 6])
@pytest.mark.parametrize("decode", [decode_fetch, decode_transfer])
def test_anything_else_is_refused(decode: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(ParseError):
        decode(data)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(HostError, match="has 5 bytes"):
        sidechannel.derive(b"short")


@pytest.fixture
def authkey(tmp_path: Path) -> Path:
    path = tmp_path / "authkey"
    path.write_bytes(bytes(range(256)))
    return path


async def talk(authkey: Path, transfer: Transfer | None, client: Callable[[], object]) -> list[Fetch]:
    """Run a server on a port of its own while ``client`` (a coroutine function) runs; what it was asked."""
    asked: list[Fetch] = []

    def answer(fetch: Fetch) -> Transfer | None:
        asked.append(fetch)
        return transfer

    async with trio.open_nursery() as nursery:
        listeners = await sidechannel.listen(["127.0.0.1"])
        nursery.start_soon(sidechannel.serve, listeners, authkey, answer)
        await client()  # type: ignore[misc]
        nursery.cancel_scope.cancel()
    return asked


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that is free here, instead of the product's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    monkeypatch.setattr(sidechannel, "PORT", number)
    return number


@pytest.mark.parametrize("transfer", [SNAPSHOT, None])
def test_who_holds_the_key_is_answered(authkey: Path, transfer: Transfer | None) -> None:
    got: list[Transfer | None] = []

    async def client() -> None:
        got.append(await sidechannel.ask(["127.0.0.1"], authkey, FETCH))

    assert trio.run(talk, authkey, transfer, client) == [FETCH]
    assert got == [transfer]


def test_the_clock_is_told_with_its_error(authkey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[float, float]] = []
    clock = iter((1_000_000_000, 8_500_000_000))  # asked at, read there
    monkeypatch.setattr(sidechannel, "wall_clock_ns", lambda: next(clock))

    async def client() -> None:
        got.append(await sidechannel.ask_clock(["127.0.0.1"], authkey))

    assert trio.run(talk, authkey, SNAPSHOT, client) == [], "it is no question for the store"
    ((offset_s, error_s),) = got
    assert 0 < error_s < 2
    assert offset_s == pytest.approx(7.5 - error_s)


def test_the_clock_is_told_to_members_only(authkey: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x" * 256)

    async def client() -> None:
        with pytest.raises(OSError, match="no answer"):
            await sidechannel.ask_clock(["127.0.0.1"], other)

    trio.run(talk, authkey, SNAPSHOT, client)


def test_who_holds_another_key_gets_nothing(authkey: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x" * 256)

    async def client() -> None:
        with pytest.raises(OSError, match="no answer"):
            await sidechannel.ask(["127.0.0.1"], other, FETCH)

    assert trio.run(talk, authkey, SNAPSHOT, client) == []


def test_who_holds_no_key_gets_nothing(authkey: Path, port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    async def client() -> None:
        stream = trio.SSLStream(await trio.open_tcp_stream("127.0.0.1", port), context)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(encode_fetch(FETCH))
            await stream.receive_some(1)
        await trio.aclose_forcefully(stream)

    assert trio.run(talk, authkey, SNAPSHOT, client) == []


def test_a_connection_that_is_reset_at_once_does_no_harm(authkey: Path, port: int) -> None:
    got: list[Transfer | None] = []

    async def client() -> None:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as rude:
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.sleep(0.05)
        got.append(await sidechannel.ask(["127.0.0.1"], authkey, FETCH))

    trio.run(talk, authkey, SNAPSHOT, client)
    assert got == [SNAPSHOT]


def test_a_server_with_a_certificate_instead_of_the_key_is_refused(authkey: Path, tmp_path: Path, port: int) -> None:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(1))
    certificate = made.not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "pem").write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    received: list[bytes] = []

    async def impostor(raw: trio.SocketStream) -> None:
        try:
            received.append(bytes(await trio.SSLStream(raw, context, server_side=True).receive_some(1)))
        except trio.BrokenResourceError:
            pass
        finally:
            await trio.aclose_forcefully(raw)

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, impostor, listeners)
            with pytest.raises(OSError, match="no answer"):
                await sidechannel.ask(["127.0.0.1"], authkey, FETCH)
            nursery.cancel_scope.cancel()

    trio.run(both)
    assert received == []
