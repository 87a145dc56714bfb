"""WebAuthn (security keys, passkeys) by python3-fido2: registration and log-in, without state on the server.

The relying party comes from ``datacenter.cfg`` (``webauthn: id=host.example,origin=https://host.example:8006,rp=Name``).
fido2 is imported inside the functions: it costs a second at start under emulation and few log-ins need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hostd.core.errors import Invalid, NotAuthenticated, Unsupported


def _speak_json() -> None:
    """fido2 1.x must be told once per process that it is to take and give JSON, before anything else of it is used."""
    from fido2 import features

    if features.webauthn_json_mapping._enabled is None:
        features.webauthn_json_mapping.enabled = True


class RelyingParty:
    """Who the keys are registered with: ``id`` (a domain), ``origin`` (the address in the browser), ``name``."""

    def __init__(self, id: str, origin: str, name: str) -> None:
        self.id, self.origin, self.name = id, origin, name

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> RelyingParty:
        """By the cluster's ``options`` (``datacenter.parse``). Unsupported where they do not say what browsers need."""
        values = options.get("webauthn", {})
        _speak_json()
        if not values.get("id") or not values.get("origin"):
            raise Unsupported(
                "WebAuthn needs 'webauthn: id=<domain>,origin=https://<domain>:8006' in the datacenter options"
            )
        return cls(values["id"], values["origin"], values.get("rp", values["id"]))

    def server(self) -> Any:
        """fido2's server for this party, speaking the JSON of browsers."""
        from fido2.server import Fido2Server
        from fido2.webauthn import PublicKeyCredentialRpEntity

        entity = PublicKeyCredentialRpEntity(id=self.id, name=self.name)
        return Fido2Server(entity, verify_origin=lambda origin: origin == self.origin)


def begin_registration(party: RelyingParty, userid: str, stored: Sequence[Mapping[str, Any]]) -> tuple[str, Any]:
    """The challenge (JSON for ``navigator.credentials.create``) and the state to keep until the answer."""
    from fido2.webauthn import PublicKeyCredentialUserEntity

    user = PublicKeyCredentialUserEntity(id=userid.encode(), name=userid, display_name=userid)
    options, state = party.server().register_begin(
        user, credentials=_credentials(stored), user_verification="discouraged"
    )
    return orjson.dumps(dict(options)).decode(), state


def finish_registration(party: RelyingParty, state: Any, answer: str) -> dict[str, Any]:
    """What to keep of a new key. Raises Invalid for an answer that does not fit."""
    try:
        data = party.server().register_complete(state, orjson.loads(answer))
    except Exception as err:
        raise Invalid({"value": f"the security key's answer was not accepted ({type(err).__name__})"}) from err
    return {"credential": data.credential_data.hex(), "counter": data.counter}


def begin_login(party: RelyingParty, stored: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The challenge for ``navigator.credentials.get``: it travels in the signed half ticket, so nothing is kept."""
    options, _state = party.server().authenticate_begin(_credentials(stored), user_verification="discouraged")
    found: dict[str, Any] = orjson.loads(orjson.dumps(dict(options)))
    return found


def finish_login(
    party: RelyingParty, challenge: Mapping[str, Any], stored: Sequence[Mapping[str, Any]], answer: str
) -> tuple[int, int]:
    """Which stored key answered, and its new counter. Raises NotAuthenticated."""
    from fido2.utils import websafe_encode

    state = {"challenge": challenge["publicKey"]["challenge"], "user_verification": "discouraged"}
    try:
        given = orjson.loads(answer)
        used = party.server().authenticate_complete(state, _credentials(stored), given)
        number = next(
            n
            for n, c in enumerate(_credentials(stored))
            if websafe_encode(c.credential_id) == websafe_encode(used.credential_id)
        )
        counter = _counter(given)
    except Exception as err:
        raise NotAuthenticated("authentication failure") from err
    if counter and counter <= stored[number].get("counter", 0):
        raise NotAuthenticated("authentication failure")  # an older copy of the key answered
    return number, counter


def _counter(answer: Mapping[str, Any]) -> int:
    from fido2.utils import websafe_decode
    from fido2.webauthn import AuthenticatorData

    return int(AuthenticatorData(websafe_decode(answer["response"]["authenticatorData"])).counter)


def _credentials(stored: Sequence[Mapping[str, Any]]) -> list[Any]:
    from fido2.webauthn import AttestedCredentialData

    return [AttestedCredentialData(bytes.fromhex(one["credential"])) for one in stored if one.get("credential")]
