"""``/api2/html/…``: answers as a page to look around in, with links to what is below. GET only, no scripts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

import orjson

from hostd.api.wire import Changes, Paged, plain

CONTENT_TYPE = "text/html;charset=UTF-8"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#151515}"
    "pre{background:#f3f3f3;padding:1rem;overflow:auto}nav{margin-bottom:1rem}a{color:#0060b8}"
    "h1{font-size:1.3rem;font-family:ui-monospace,monospace}.error{color:#a30000}"
    "@media(prefers-color-scheme:dark){body{background:#151515;color:#e0e0e0}pre{background:#262626}a{color:#82c2ff}}"
)
_HREF = re.compile(r"\{([^}]+)\}\Z")


def _crumbs(path: str) -> str:
    links, so_far = ['<a href="/api2/html">api2</a>'], "/api2/html"
    for segment in (s for s in path.split("/") if s):
        so_far += "/" + quote(segment, safe=":")
        links.append(f'<a href="{escape(so_far)}">{escape(segment)}</a>')
    return " / ".join(links)


def _page(path: str, body: str) -> bytes:
    title = escape("/" + path.strip("/"))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'</head><body><nav>{_crumbs(path)} · <a href="/api-viewer/">all methods</a></nav><h1>{title}</h1>{body}'
        "</body></html>"
    ).encode()


def children(value: object, returns: Mapping[str, Any]) -> list[str]:
    """Names of what is below, by the ``links`` of the method's schema."""
    links = returns.get("links") or []
    match = _HREF.match(str(links[0].get("href", ""))) if links else None
    rows = plain(value.data if isinstance(value, Paged | Changes) else value)
    if match is None or not isinstance(rows, list):
        return []
    return [str(row[match[1]]) for row in rows if isinstance(row, dict) and row.get(match[1]) is not None]


def page(path: str, value: object, returns: Mapping[str, Any]) -> bytes:
    """A successful answer."""
    shown = plain(value.data if isinstance(value, Paged | Changes) else value)
    here = "/api2/html/" + "/".join(quote(s, safe=":") for s in path.split("/") if s)
    below = "".join(
        f'<li><a href="{escape(here.rstrip("/"))}/{quote(name, safe=":")}">{escape(name)}</a></li>'
        for name in children(value, returns)
    )
    text = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
    return _page(path, (f"<ul>{below}</ul>" if below else "") + f"<pre>{escape(text)}</pre>")


def error_page(path: str, status: int, message: str, errors: Mapping[str, str]) -> bytes:
    """A failed answer; without a log-in it says where that is done."""
    rows = "".join(f"<li><b>{escape(key)}</b>: {escape(text)}</li>" for key, text in errors.items())
    hint = '<p>Log in at the <a href="/">web page of this host</a>, then load this page again.</p>'
    body = f'<p class="error">{status}: {escape(message)}</p>' + (f"<ul>{rows}</ul>" if rows else "")
    return _page(path, body + (hint if status == 401 else ""))
