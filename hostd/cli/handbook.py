"""The documents of ``docs/`` as pages that a host serves below ``/docs/``, made when the packages are built.

They are written in a small part of Markdown (CommonMark 0.31, tables as on GitHub): headings, paragraphs, flat lists,
quotes, tables, fenced and indented code; code, strong and emphasized words, links and pictures. What is none of these
stops the build: no tool of the distribution's build environment reads Markdown, and a page that shows marks instead of
what they mean is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

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

_CODE = re.compile(r"(`+)(.+?)(?<!`)\1(?!`)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<![*\w])\*(?=\S)([^*]+?)(?<=\S)\*(?!\*)")
_HEADING = re.compile(r"(#{1,4}) (.+)")
_ITEM = re.compile(r"(?:[-]|\d+\.) (.+)")
_RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+")
_ROW = re.compile(r" {0,3}\|")  # below an item of a list it stands under its text
_CELL = re.compile(r"(?<!\\)\|")
_COMMENT = re.compile(r"<!--.*-->")
_TARGET = re.compile(r"(?:(?P<page>[\w-]+)\.md)?(?P<place>#[\w-]+)?")
_KEPT = "\x00"


@dataclass(frozen=True, kw_only=True)
class Handbook:
    """What is served: texts of pages by file name, and the pictures they show, as named in the documents."""

    pages: Mapping[str, str]
    pictures: frozenset[str]


def handbook(documents: Mapping[str, str]) -> Handbook:
    """Pages of documents, which are given by name without ``.md``.

    Raises ValueError, naming document and line or target, for what it cannot read and for links that lead nowhere.
    """
    places = {name: frozenset(_places(text)) for name, text in documents.items()}
    pictures: set[str] = set()
    pages: dict[str, str] = {STYLE: CSS}
    titles: dict[str, str] = {}
    for name, text in documents.items():
        reader = _Reader(name, places)
        body = "".join(reader.blocks(text.split("\n")))
        titles[name] = _title(name, text)
        pages[f"{name}.html"] = _page(titles[name], body)
        pictures |= reader.pictures
    pages[INDEX] = _index(titles)
    return Handbook(pages=pages, pictures=frozenset(pictures))


def place(heading: str) -> str:
    """The name by which links reach a heading, as on GitHub: ``On the page`` -> ``on-the-page``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _places(text: str) -> Iterator[str]:
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        if not fenced and (match := _HEADING.fullmatch(line)):
            yield place(match[2])


def _title(name: str, text: str) -> str:
    match = _HEADING.match(text)
    if match is None or match[1] != "#":
        raise ValueError(f"{name}.md: begins with no '# ' heading")
    return match[2]


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Holdfast</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css"></head><body>'
        '<header><nav aria-label="Documents"><a href="/">Holdfast</a> · <a href="index.html">All documents</a> · '
        f'<a href="/api-viewer/">API of this host</a></nav></header><main>{body}</main></body></html>\n'
    )


def _index(titles: Mapping[str, str]) -> str:
    rows = sorted(titles.items(), key=lambda row: row[1])
    items = "".join(f'<li><a href="{name}.html">{escape(title)}</a></li>' for name, title in rows)
    return _page("Documents", f"<h1>Documents</h1><ul>{items}</ul>")


class _Reader:
    """One document; ``pictures`` collects what it shows."""

    def __init__(self, name: str, places: Mapping[str, frozenset[str]]) -> None:
        self._name = name
        self._places = places
        self.pictures: set[str] = set()

    def blocks(self, lines: Sequence[str]) -> Iterator[str]:
        at = 0
        while at < len(lines):
            line = lines[at]
            if not line.strip() or _COMMENT.fullmatch(line):
                at += 1
                continue
            read = self._kind(line)
            end = self._end(lines, at)
            yield read(lines[at:end])
            at = end

    def _kind(self, line: str) -> Callable[[Sequence[str]], str]:
        if line.startswith("```"):
            return self._fence
        if line.startswith("    "):
            return self._indented
        if line.startswith("#"):
            return self._heading
        if _ROW.match(line):
            return self._table
        if line.startswith(">"):
            return self._quote
        if _ITEM.match(line):
            return self._list
        if line[0] in " \t<+=_" or line.startswith(("* ", "---", "~~~")):
            raise ValueError(f"{self._name}.md: '{line}' is in no form that is read here")
        return self._paragraph

    def _end(self, lines: Sequence[str], at: int) -> int:
        """Where the block that begins at a line ends."""
        if lines[at].startswith("#"):
            return at + 1
        if lines[at].startswith("```"):
            closing = (n for n in range(at + 1, len(lines)) if lines[n].startswith("```"))
            if (end := next(closing, None)) is None:
                raise ValueError(f"{self._name}.md: a fence that nothing closes")
            return end + 1
        if lines[at].startswith("    "):
            return next((n for n in range(at, len(lines)) if not lines[n].startswith("    ")), len(lines))
        is_list = _ITEM.match(lines[at]) is not None
        for n in range(at + 1, len(lines)):
            line = lines[n]
            if not line.strip() or line.startswith(("```", "#")):
                return n
            if bool(_ROW.match(line)) != bool(_ROW.match(lines[at])):
                return n
            if not is_list and line.startswith("- "):
                return n
        return len(lines)

    def _fence(self, lines: Sequence[str]) -> str:
        return self._code(lines[1:-1])

    def _indented(self, lines: Sequence[str]) -> str:
        return self._code([line.removeprefix("    ") for line in lines])

    def _code(self, lines: Sequence[str]) -> str:
        code = escape("\n".join(lines), quote=False)
        return f'<pre tabindex="0"><code>{code}\n</code></pre>'

    def _heading(self, lines: Sequence[str]) -> str:
        match = _HEADING.fullmatch(lines[0])
        if match is None:
            raise ValueError(f"{self._name}.md: '{lines[0]}' is no heading")
        level = len(match[1])
        return f'<h{level} id="{place(match[2])}">{self._words(match[2])}</h{level}>'

    def _paragraph(self, lines: Sequence[str]) -> str:
        return f"<p>{self._words(chr(10).join(lines))}</p>"

    def _quote(self, lines: Sequence[str]) -> str:
        inner = [line.removeprefix(">").removeprefix(" ") for line in lines]
        return f"<blockquote>{''.join(self.blocks(inner))}</blockquote>"

    def _list(self, lines: Sequence[str]) -> str:
        items: list[list[str]] = []
        for line in lines:
            match = _ITEM.match(line)
            if match:
                items.append([match[1]])
            elif _ITEM.match(line.lstrip()):
                raise ValueError(f"{self._name}.md: '{line}': lists in lists are not read here")
            else:
                items[-1].append(line.strip())
        tag = "ul" if lines[0].startswith("-") else "ol"
        return f"<{tag}>{''.join(f'<li>{self._words(chr(10).join(item))}</li>' for item in items)}</{tag}>"

    def _table(self, lines: Sequence[str]) -> str:
        if len(lines) < 2 or not _RULE.fullmatch(lines[1].strip()):
            raise ValueError(f"{self._name}.md: '{lines[0]}' begins no table")
        head, *rows = [self._cells(line) for n, line in enumerate(lines) if n != 1]
        # A heading without words is none: such a table has only rows.
        named = "".join(f'<th scope="col">{cell}</th>' for cell in head) if any(head) else ""
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        return (
            f'<div class="wide" tabindex="0"><table>{f"<thead><tr>{named}</tr></thead>" if named else ""}'
            f"<tbody>{body}</tbody></table></div>"
        )

    def _cells(self, line: str) -> list[str]:
        inner = line.strip().removeprefix("|").removesuffix("|")
        return [self._words(cell.strip().replace("\\|", "|")) for cell in _CELL.split(inner)]

    def _words(self, text: str) -> str:
        """Text with its marks; code is set aside first, since nothing in it is one."""
        kept: list[str] = []

        def keep(html: str) -> str:
            kept.append(html)
            return f"{_KEPT}{len(kept) - 1}{_KEPT}"

        text = _CODE.sub(lambda m: keep(f"<code>{escape(_inner(m[2]), quote=False)}</code>"), text)
        text = escape(text, quote=False)
        text = _IMAGE.sub(lambda m: keep(self._picture(m[2], m[1])), text)
        text = _LINK.sub(lambda m: keep(f'<a href="{self._target(m[2])}">') + m[1] + "</a>", text)
        text = _STRONG.sub(r"<strong>\1</strong>", text)
        text = _EMPHASIS.sub(r"<em>\1</em>", text)
        return re.sub(f"{_KEPT}(\\d+){_KEPT}", lambda m: kept[int(m[1])], text)

    def _picture(self, target: str, words: str) -> str:
        self.pictures.add(target)
        return f'<img src="{escape(target)}" alt="{escape(words)}">'

    def _target(self, target: str) -> str:
        if target.startswith(("https://", "http://")):
            return target  # escaped with the text around it
        match = _TARGET.fullmatch(target)
        name = (match["page"] or self._name) if match else ""
        wanted = (match["place"] or "") if match else ""
        if name not in self._places or (wanted and wanted[1:] not in self._places[name]):
            raise ValueError(f"{self._name}.md: link to '{target}', which is not there")
        return (f"{name}.html" if match and match["page"] else "") + wanted


def _inner(code: str) -> str:
    """What is between the marks: one space at both ends belongs to them (CommonMark 6.1)."""
    code = code.replace("\n", " ")
    return code[1:-1] if code.startswith(" ") and code.endswith(" ") and code.strip() else code
