"""Lists of container templates that servers offer: fetched, their signatures checked, kept on this node.

Which servers, and whose signature counts, is said by files in ``/etc/hostd/appliances.d``. A list is a text of
paragraphs as Debian's control files have them, with a detached OpenPGP signature beside it.
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from hostd.core.errors import Conflict, HostError, NotFound, ParseError
from hostd.core.run import Run
from hostd.storage.download import Source

SOURCES: Final = "/etc/hostd/appliances.d"
LISTS: Final = "/var/lib/hostd/appliances"
_MOST_BYTES: Final = 16 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_FIELD: Final = re.compile(r"([A-Za-z0-9-]+):[ \t]*(.*)\Z")


@dataclass(frozen=True, kw_only=True)
class Server:
    """``url``: the folder of the list and, unless it says otherwise, of the templates. ``index``: the list's name
    there; with ``.gz`` behind it is packed, with ``.asc`` it is the signature. ``keyring``: who may sign it."""

    name: str
    url: str
    index: str
    keyring: str


@dataclass(frozen=True, kw_only=True)
class Appliance:
    """One template. ``template``: the name of its file. ``values``: every field by its name in lower case."""

    template: str
    url: str
    server: str
    values: Mapping[str, str]

    @property
    def section(self) -> str:
        return self.values.get("section", "")


def parse_server(name: str, text: str) -> Server:
    """``key: value`` lines (url, index, keyring); ParseError."""
    values = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            key, colon, value = line.partition(":")
            if not colon:
                raise ParseError(f"{name}: '{line}' is no 'key: value'")
            values[key.strip()] = value.strip()
    missing = [key for key in ("url", "index", "keyring") if not values.get(key)]
    if missing:
        raise ParseError(f"{name}: {', '.join(missing)} missing")
    if not values["url"].startswith(("http://", "https://")) or not _NAME.match(values["index"]):
        raise ParseError(f"{name}: url must be http or https, and index the name of a file")
    return Server(name=name, url=values["url"].rstrip("/") + "/", index=values["index"], keyring=values["keyring"])


def servers(folder: str = SOURCES) -> list[Server]:
    """Every ``*.conf`` of the folder; none where there is no folder."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".conf") and _NAME.match(name))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            found.append(parse_server(name.removesuffix(".conf"), file.read()))
    return found


def parse_list(server: str, url: str, text: str) -> list[Appliance]:
    """Templates of type ``lxc`` in a list; paragraphs without name, place and SHA-512 are left out."""
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        values = _fields(paragraph)
        try:
            location = urljoin(url, values.get("location", ""))
            template = urlsplit(location).path.rpartition("/")[2]
        except ValueError:  # brackets that hold no IPv6 address
            continue
        complete = values.get("package") and values.get("location") and values.get("sha512sum")
        if complete and values.get("type", "lxc") == "lxc" and _NAME.match(template):
            found.append(Appliance(template=template, url=location, server=server, values=values))
    return sorted(found, key=lambda one: (one.section, one.template))


def _fields(paragraph: str) -> dict[str, str]:
    values: dict[str, str] = {}
    last = ""
    for line in paragraph.splitlines():
        match = _FIELD.match(line)
        if line[:1] in (" ", "\t") and last:
            values[last] += f"\n{line.strip()}"
        elif match:
            last = match.group(1).lower()
            values[last] = match.group(2).strip()
    return values


def verify_argv(keyring: str, signature: str, path: str) -> list[str]:
    """sqv(1) of Debian's apt: code 0 when a key of the ring has signed the file."""
    return ["sqv", "--keyring", keyring, "--signature-file", signature, path]


def update(run: Run, server: Server, *, proxy: str = "", folder: str = LISTS) -> int:
    """Fetch a server's list; kept only if its signature is good. The number of its templates.

    Raises Unavailable, or Conflict for a list that nobody trusted has signed.
    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as work:
        data = _unpacked(server, _get(urljoin(server.url, f"{server.index}.gz"), proxy))
        _put(f"{work}/list", data)
        _put(f"{work}/signature", _get(urljoin(server.url, f"{server.index}.asc"), proxy))
        try:
            run(verify_argv(server.keyring, f"{work}/signature", f"{work}/list"), timeout_s=30)
        except HostError as err:
            raise Conflict(f"the list of '{server.name}' is not signed by a key of {server.keyring}: {err}") from err
        count = len(parse_list(server.name, server.url, data.decode(errors="replace")))
        os.chmod(f"{work}/list", 0o644)
        os.rename(f"{work}/list", f"{folder}/{server.name}")
    return count


def _get(url: str, proxy: str) -> bytes:
    with closing(Source(url=url, proxy=proxy).open("GET")) as answer:
        data = answer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise Conflict(f"'{url}' is larger than {_MOST_BYTES} bytes, which no list is")
    return data


def _unpacked(server: Server, packed: bytes) -> bytes:
    """At most as much as a list may have, whatever the packed bytes pretend to be."""
    with tempfile.TemporaryFile() as file:
        file.write(packed)
        file.seek(0)
        try:
            with gzip.open(file) as unpacked:
                data = unpacked.read(_MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as err:
            raise Conflict(f"the list of '{server.name}' is not packed by gzip: {err}") from err
    if len(data) > _MOST_BYTES:
        raise Conflict(f"the list of '{server.name}' unpacks to more than {_MOST_BYTES} bytes")
    return data


def _put(path: str, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)


def known(sources: Sequence[Server] | None = None, folder: str = LISTS) -> list[Appliance]:
    """The templates of the lists that are on this node, of servers that are still configured."""
    found = []
    for server in servers() if sources is None else sources:
        try:
            with open(f"{folder}/{server.name}", encoding="utf-8", errors="replace") as file:
                found += parse_list(server.name, server.url, file.read())
        except FileNotFoundError:
            continue
    return found


def find(template: str, appliances: Sequence[Appliance]) -> Appliance:
    """NotFound for a template that no list has."""
    found = next((one for one in appliances if one.template == template), None)
    if found is None:
        raise NotFound(f"no such template '{template}'; 'pveam update' fetches the lists, 'pveam available' shows them")
    return found
