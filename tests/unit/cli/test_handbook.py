"""The documents as pages: each form that is read, refusals of what is not, and all documents that there are."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from hostd.cli.handbook import CSS, handbook, place

DOCS = Path(__file__).parents[3] / "docs"


def body(text: str, **others: str) -> str:
    documents = {"a": f"# Title\n\n{text}\n", **{name: f"# {title}\n" for name, title in others.items()}}
    page = handbook(documents).pages["a.html"]
    return page.partition("<main>")[2].partition("</main>")[0].removeprefix('<h1 id="title">Title</h1>')


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
        ("## Keys and *more*", '<h2 id="keys-and-more">Keys and <em>more</em></h2>'),
        ("**a** b*c*d `*e* <f>`", "<p><strong>a</strong> b*c*d <code>*e* &lt;f&gt;</code></p>"),
        ("`` a`b `` & <c>", "<p><code>a`b</code> &amp; &lt;c&gt;</p>"),
        ("- one\n  more\n- two", "<ul><li>one\nmore</li><li>two</li></ul>"),
        ("text\n- one", "<p>text</p><ul><li>one</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("> **so**\n> it is", "<blockquote><p><strong>so</strong>\nit is</p></blockquote>"),
        ("```sh\n# <no heading>\n| x |\n```", '<pre tabindex="0"><code># &lt;no heading&gt;\n| x |\n</code></pre>'),
        ("    a --b 'c'\n\n<!-- made -->", "<pre tabindex=\"0\"><code>a --b 'c'\n</code></pre>"),
        ("[there](b.md) [up](#title)", '<p><a href="b.html">there</a> <a href="#title">up</a></p>'),
        ("[`x`](https://e.org/?a&b)", '<p><a href="https://e.org/?a&amp;b"><code>x</code></a></p>'),
        ("![a \"b\"](img/c.webp)", '<p><img src="img/c.webp" alt="a &quot;b&quot;"></p>'),
    ],
)  # fmt: skip
def test_form(text: str, wanted: str) -> None:
    assert body(text, b="Other") == wanted


def test_tables() -> None:
    html = body("| a | b |\n|---|:-:|\n| `x\\|y` | |")
    assert '<thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>' in html
    assert "<tr><td><code>x|y</code></td><td></td></tr>" in html
    assert "<tbody><tr><td>x</td></tr></tbody>" in body("- one\n\n  | a |\n  |---|\n  | x |")
    assert "<thead>" not in body("| | |\n|---|---|\n| a | b |")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](c.md)", "link to 'c.md'"),
        ("[a](#nowhere)", "link to '#nowhere'"),
        ("[a](../README.md)", "README"),
        ("- a\n  - b", "lists in lists"),
        ("<br>", "no form"),
        ("  text", "no form"),
        ("```\nopen", "nothing closes"),
        ("| a |", "begins no table"),
    ],
)
def test_what_is_not_read_stops_the_build(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        body(text)
    assert str(caught.value).startswith("a.md: ")


def test_a_document_begins_with_its_title() -> None:
    with pytest.raises(ValueError, match="heading"):
        handbook({"a": "text"})


def test_places() -> None:
    assert place("Log-in, tickets") == "log-in-tickets"
    assert place("`[first-boot]`") == "first-boot"


class Balance(HTMLParser):
    """Elements that are not closed in their order."""

    EMPTY = frozenset({"meta", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_all_documents_can_be_read() -> None:
    made = handbook({path.stem: path.read_text() for path in DOCS.glob("*.md")})
    assert made.pages["style.css"] == CSS
    assert 'href="access.html">Users, rights and log-in</a>' in made.pages["index.html"]
    for name, text in made.pages.items():
        if name.endswith(".html"):
            reader = Balance()
            reader.feed(text)
            assert reader.open == [], name
            assert "**" not in text.replace("<code>", "").partition("<pre")[0], name
    assert all((DOCS / picture).is_file() for picture in made.pictures)
