"""The documents of ``docs/`` as pages that a host serves below ``/docs/``, made when the packages are built.

python3-markdown reads them. Ours are the frame, the links between documents, the pictures to take along, and what makes
tables and code usable by keyboard and on a phone. A link that leads nowhere stops the build.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import markdown

INDEX: Final = "index.html"
STYLE: Final = "style.css"
CSS: Final = (
    "body{font:16px/1.6 system-ui,sans-serif;margin:0;color:#151515;background:#fff;color-scheme:light dark}"
    "header,main{max-width:60rem;margin:0 auto;padding:0 1rem}header{padding-top:1rem;font-size:.9rem}"
    "a{color:#004d99}code,pre{font:.875em/1.5 ui-monospace,monospace}pre{background:#f2f2f2;padding:1rem;overflow:auto}"
    "img{max-width:100%;height:auto}.wide{overflow:auto}table{border-collapse:collapse}"
    "th,td{border-bottom:1px solid #c7c7c7;padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}"
    "blockquote{margin:1rem 0;padding:.1rem 1rem;border-left:.25rem solid #c7c7c7}"
    "h1,h2,h3,h4{line-height:1.3}:focus-visible{outline:2px solid #004d99;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#151515;color:#e0e0e0}a{color:#92c5f9}pre{background:#292929}"
    "th,td{border-color:#4d4d4d}blockquote{border-color:#4d4d4d}:focus-visible{outline-color:#92c5f9}}\n"
)
_LINK = re.compile(r"(?:(?P<page>[\w-]+)\.md)?(?:#(?P<place>[\w-]+))?")  # without place: the page itself


@dataclass(frozen=True, kw_only=True)
class Handbook:
    """What is served: texts of pages by file name, and the pictures they show, as named in the documents."""

    pages: Mapping[str, str]
    pictures: frozenset[str]


def handbook(documents: Mapping[str, str]) -> Handbook:
    """Pages of documents, which are given by name without ``.md``.

    Raises ValueError, naming the document, for one without a title and for links that lead nowhere.
    """
    bodies = {name: _read(text) for name, text in documents.items()}
    titles = {name: _title(name, body) for name, body in bodies.items()}
    places = {name: {element.get("id") for element in body.iter()} for name, body in bodies.items()}
    pages = {STYLE: CSS, INDEX: _index(titles)}
    pictures: set[str] = set()
    for name, body in bodies.items():
        for link in body.iter("a"):
            link.set("href", _address(name, link.get("href", ""), places))
        pictures |= {picture.get("src", "") for picture in body.iter("img")}
        _make_usable(body)
        pages[f"{name}.html"] = _page(titles[name], ElementTree.tostring(body, encoding="unicode", method="html"))
    return Handbook(pages=pages, pictures=frozenset(pictures))


def _read(text: str) -> Element:
    reader = markdown.Markdown(extensions=["fenced_code", "sane_lists", "tables", "toc"], output_format="xhtml")
    reader.inlinePatterns.deregister("html")  # <name> in a text is meant to be read
    return ElementTree.fromstring(f"<main>{reader.convert(text)}</main>")


def _title(name: str, body: Element) -> str:
    first = next(iter(body), None)
    if first is None or first.tag != "h1":
        raise ValueError(f"{name}.md: begins with no '# ' heading")
    return "".join(first.itertext())


def _address(name: str, target: str, places: Mapping[str, set[str | None]]) -> str:
    if target.startswith(("https://", "http://")):
        return target
    match = _LINK.fullmatch(target)
    if match is None or match["place"] not in places.get(match["page"] or name, ()):
        raise ValueError(f"{name}.md: link to '{target}', which is not there")
    return target.replace(".md", ".html")


def _make_usable(body: Element) -> None:
    """What is wider than the window scrolls by keyboard too; cells of a heading say so, one without words is none."""
    for code in body.iter("pre"):
        code.set("tabindex", "0")
    for cell in body.iter("th"):
        cell.set("scope", "col")
    for code in body.iterfind(".//td//code"):
        code.text = (code.text or "").replace("\\|", "|")  # written so that it ends no cell
    for around in [element for element in body.iter() if element.find("table") is not None]:
        for at, table in enumerate(list(around)):
            if table.tag != "table":
                continue
            head = table.find("thead")
            if head is not None and not any(cell.text or len(cell) for cell in head.iter("th")):
                table.remove(head)
            wide = Element("div", {"class": "wide", "tabindex": "0"})
            wide.tail, table.tail = table.tail, None
            wide.append(table)
            around[at] = wide


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Holdfast</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css"></head><body>'
        '<header><nav aria-label="Documents"><a href="/">Holdfast</a> · <a href="index.html">All documents</a> · '
        f'<a href="/api-viewer/">API of this host</a></nav></header>{body}</body></html>\n'
    )


def _index(titles: Mapping[str, str]) -> str:
    rows = sorted(titles.items(), key=lambda row: row[1])
    items = "".join(f'<li><a href="{name}.html">{escape(title)}</a></li>' for name, title in rows)
    return _page("Documents", f"<main><h1>Documents</h1><ul>{items}</ul></main>")
