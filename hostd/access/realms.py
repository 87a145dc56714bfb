"""``domains.cfg``: where users come from and how they are authenticated. ``pam`` and ``pve`` always exist.

Realms of other types are stored, validated and listed; logging in through them is not built yet and is refused.
Their secrets (bind password, client key) are kept in ``priv/realm/``, not in the file that others may read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hostd.core.errors import Conflict, HostError, Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sections import SectionFormat, SectionOption
from hostd.core.kinds import BOOLEAN
from hostd.core.schema import Kind

PATH: Final = "domains.cfg"
BUILT_IN: Final = ("pam", "pve")
COMMENTS: Final = {"pam": "accounts of the host (PAM)", "pve": "accounts of this cluster"}
_SHOWN: Final = ("comment", "default")
_LDAP: Final = (
    "base_dn", "bind_dn", "capath", "case-sensitive", "cert", "certkey", "filter", "group_classes", "group_dn",
    "group_filter", "group_name_attr", "mode", "password", "port", "secure", "server1", "server2", "sslversion",
    "sync-defaults-options", "sync_attributes", "tfa", "user_attr", "user_classes", "verify", *_SHOWN,
)  # fmt: skip
_OPENID: Final = (
    "acr-values", "audiences", "autocreate", "client-id", "client-key", "groups-autocreate", "groups-claim",
    "groups-overwrite", "issuer-url", "prompt", "query-userinfo", "scopes", "username-claim", *_SHOWN,
)  # fmt: skip
SECRETS: Final = {"password": "pw", "client-key": "key"}


_ATTRIBUTE = Kind(format="ldap-simple-attr", max_length=256)
_ATTRIBUTES = Kind(type="list", format="ldap-simple-attr")
_TEXT = Kind(max_length=256)
_QUIET = Kind(pattern=r'[^\x00-\x1F\x7F <>#"]*')
_ADDRESS = Kind(format="address", max_length=256)
# What realms may say, whatever their type.
OPTIONS: Final[Mapping[str, SectionOption]] = {
    "acr-values": SectionOption(kind=_QUIET, doc="OpenID: authentication classes to ask for."),
    "audiences": SectionOption(kind=_QUIET, doc="OpenID: further audiences to accept."),
    "autocreate": SectionOption(kind=BOOLEAN, doc="OpenID: make users at their first log-in.", default=0),
    "base_dn": SectionOption(kind=_TEXT, doc="LDAP: where users are searched."),
    "bind_dn": SectionOption(kind=_TEXT, doc="LDAP: whom to bind as."),
    "capath": SectionOption(
        kind=Kind(), doc="Certificates of authorities: a file or folder.", default="/etc/ssl/certs"
    ),
    "case-sensitive": SectionOption(kind=BOOLEAN, doc="Whether user names differ by case.", default=1),
    "cert": SectionOption(kind=Kind(), doc="Client certificate."),
    "certkey": SectionOption(kind=Kind(), doc="Key of the client certificate."),
    "client-id": SectionOption(kind=_TEXT, doc="OpenID: our id at the provider."),
    "client-key": SectionOption(kind=_TEXT, doc="OpenID: our secret at the provider; kept apart and never shown."),
    "comment": SectionOption(kind=Kind(max_length=4096), doc="Free text."),
    "default": SectionOption(kind=BOOLEAN, doc="Offer this realm first."),
    "domain": SectionOption(kind=Kind(pattern=r"\S+", max_length=256), doc="AD: domain."),
    "filter": SectionOption(kind=Kind(max_length=2048), doc="LDAP: filter of users."),
    "group_classes": SectionOption(
        kind=_ATTRIBUTES, doc="LDAP: classes of groups.", default="groupOfNames, group, univentionGroup, ipausergroup"
    ),
    "group_dn": SectionOption(kind=_TEXT, doc="LDAP: where groups are searched."),
    "group_filter": SectionOption(kind=Kind(max_length=2048), doc="LDAP: filter of groups."),
    "group_name_attr": SectionOption(kind=_ATTRIBUTE, doc="LDAP: attribute with a group's name."),
    "groups-autocreate": SectionOption(kind=BOOLEAN, doc="OpenID: make groups that the provider names.", default=0),
    "groups-claim": SectionOption(
        kind=Kind(pattern=r"[A-Za-z0-9.\-_]+", max_length=256), doc="OpenID: claim with the user's groups."
    ),
    "groups-overwrite": SectionOption(kind=BOOLEAN, doc="OpenID: let the claim replace a user's groups.", default=0),
    "issuer-url": SectionOption(kind=_TEXT, doc="OpenID: the provider."),
    "mode": SectionOption(
        kind=Kind(enum=("ldap", "ldaps", "ldap+starttls")), doc="LDAP: protection of the connection.", default="ldap"
    ),
    "password": SectionOption(kind=Kind(), doc="LDAP: password to bind with; kept apart and never shown."),
    "port": SectionOption(kind=Kind(type="integer", minimum=1, maximum=65535), doc="Port of the server."),
    "prompt": SectionOption(
        kind=Kind(pattern=r"(?:none|login|consent|select_account|\S+)"), doc="OpenID: what the provider asks."
    ),
    "query-userinfo": SectionOption(kind=BOOLEAN, doc="OpenID: ask the provider's userinfo.", default=1),
    "scopes": SectionOption(kind=Kind(), doc="OpenID: scopes to ask for."),
    "secure": SectionOption(kind=BOOLEAN, doc="LDAP: TLS (use mode instead)."),
    "server1": SectionOption(kind=_ADDRESS, doc="Server."),
    "server2": SectionOption(kind=_ADDRESS, doc="Second server."),
    "sslversion": SectionOption(kind=Kind(enum=("tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3")), doc="TLS version."),
    "sync-defaults-options": SectionOption(kind=Kind(format="realm-sync-options"), doc="Defaults of syncs."),
    "sync_attributes": SectionOption(
        kind=Kind(pattern=r"\w+=[^,]+(,\s*\w+=[^,]+)*"), doc="LDAP: our field=attribute, in pairs."
    ),
    "tfa": SectionOption(kind=Kind(format="pve-tfa-config", max_length=128), doc="Second factor that all need."),
    "user_attr": SectionOption(
        kind=Kind(pattern=r"\S{2,}", max_length=256), doc="LDAP: attribute with the user's name."
    ),
    "user_classes": SectionOption(
        kind=_ATTRIBUTES, doc="LDAP: classes of users.", default="inetorgperson, posixaccount, person, user"
    ),
    "username-claim": SectionOption(kind=Kind(), doc="OpenID: claim with the user's name."),
    "verify": SectionOption(kind=BOOLEAN, doc="Check the server's certificate.", default=0),
}


def _type(*names: str, required: tuple[str, ...] = (), fixed: tuple[str, ...] = ()) -> dict[str, SectionOption]:
    return {name: replace(OPTIONS[name], required=name in required, fixed=name in fixed) for name in names}


FORM: Final = SectionFormat.of_options(
    {
        "ad": _type("domain", *_LDAP, required=("domain", "server1")),
        "ldap": _type(*_LDAP, required=("base_dn", "server1", "user_attr")),
        "openid": _type(*_OPENID, required=("client-id", "issuer-url"), fixed=("username-claim",)),
        "pam": _type("tfa", *_SHOWN),
        "pve": _type("tfa", *_SHOWN),
    }
)
TYPES: Final = tuple(FORM.types)


@dataclass(frozen=True, kw_only=True)
class Realm:
    """One realm: its options as text, without secrets."""

    id: str
    type: str
    options: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> dict[str, Realm]:
    """Realms by id, in the order of the file, the built-in ones first."""
    found = {id: Realm(id=id, type=id) for id in BUILT_IN}
    for section in sectionconfig.parse(text):
        if section.id not in BUILT_IN or section.type == section.id:
            found[section.id] = Realm(id=section.id, type=section.type, options=section.values)
    return found


def format(realms: Mapping[str, Realm]) -> str:
    """The text; a built-in realm without options needs no entry."""
    written = [_section(realm) for realm in realms.values() if realm.options or realm.id not in BUILT_IN]
    return sectionconfig.format(written, required=FORM.required)


def _section(realm: Realm) -> Section:
    return Section(type=realm.type, id=realm.id, values=realm.options)


def secret_path(id: str, option: str) -> str:
    return f"priv/realm/{id}.{SECRETS[option]}"


def add(text: str, realm: Realm, *, given: Mapping[str, str]) -> str:
    """The file with one more realm. ``given``: all options of the call, secrets included."""
    realms = parse(text)
    if realm.id in realms:
        raise Conflict(f"domain '{realm.id}' already exists")
    if realm.type in BUILT_IN:
        raise Invalid({"type": f"a realm of type '{realm.type}' exists already and there is only one"})
    if wrong := FORM.wrong_for_new(realm.type, given):
        raise Invalid(wrong)
    return format(_with_one_default({**realms, realm.id: realm}, realm.id))


def update(text: str, id: str, options: Mapping[str, str], delete: Collection[str], *, given: Mapping[str, str]) -> str:
    """The file with options of one realm set and others removed. ``given``: as above."""
    realms = parse(text)
    realm = get(realms, id)
    if realm.type not in FORM.types:
        raise Invalid({"type": f"value '{realm.type}' is not one of {', '.join(TYPES)}"})
    if wrong := FORM.wrong_for_change(_section(realm), given, delete):
        raise Invalid(wrong)
    kept = {key: value for key, value in realm.options.items() if key not in delete}
    return format(_with_one_default({**realms, id: replace(realm, options={**kept, **options})}, id))


def remove(text: str, id: str) -> str:
    """The file without the realm."""
    realms = parse(text)
    get(realms, id)
    if id in BUILT_IN:
        raise HostError(f"realm '{id}' is part of every host and cannot be removed")
    return format({key: realm for key, realm in realms.items() if key != id})


def get(realms: Mapping[str, Realm], id: str) -> Realm:
    if id not in realms:
        raise NotFound(f"domain '{id}' does not exist")
    return realms[id]


def _with_one_default(realms: dict[str, Realm], newest: str) -> dict[str, Realm]:
    """Only one realm is offered first: the one that was said last."""
    if realms[newest].options.get("default") != "1":
        return realms
    return {
        id: realm
        if id == newest
        else replace(realm, options={key: value for key, value in realm.options.items() if key != "default"})
        for id, realm in realms.items()
    }
