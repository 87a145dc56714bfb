"""The documents as pages: what is made of what was read, what stops the build, and all documents that there are."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hostd.cli.handbook import CSS, handbook

DOCS = Path(__file__).parents[3] / "docs"


def body(text: str, **others: str) -> str:
    documents = {"a": f"# Title\n\n{text}\n", **{name: f"# {title}\n" for name, title in others.items()}}
    page = handbook(documents).pages["a.html"]
    html = page.partition("<main>")[2].partition("</main>")[0].removeprefix('<h1 id="title">Title</h1>')
    return re.sub(r"\n?(</?(?:p|ul|li|pre|div|table|thead|tbody|tr|t[hd])\b[^>]*>)\n?", r"\1", html).strip()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("## Keys and *more*", '<h2 id="keys-and-more">Keys and <em>more</em></h2>'),
        ("### `[first-boot]`, log-in", '<h3 id="first-boot-log-in"><code>[first-boot]</code>, log-in</h3>'),
        ("`*e* <f>` & <c>", "<p><code>*e* &lt;f&gt;</code> &amp; &lt;c&gt;</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("```\n# <no heading>\n| x |\n```", '<pre tabindex="0"><code># &lt;no heading&gt;\n| x |\n</code></pre>'),
        ("    a \\| b\n\n<!-- made -->", '<pre tabindex="0"><code>a \\| b\n</code></pre>'),
        ("[there](b.md) [up](#title)", '<p><a href="b.html">there</a> <a href="#title">up</a></p>'),
        ("[place](b.md#other)", '<p><a href="b.html#other">place</a></p>'),
        ("[`x`](https://e.org/a.md?a&b)", '<p><a href="https://e.org/a.md?a&amp;b"><code>x</code></a></p>'),
        ("![a \"b\"](img/c.webp)", '<p><img alt="a &quot;b&quot;" src="img/c.webp"></p>'),
    ],
)  # fmt: skip
def test_form(text: str, wanted: str) -> None:
    assert body(text, b="Other") == wanted


def test_tables() -> None:
    html = body("| a | b |\n|---|---|\n| `x\\|y` | |\n\ntext")
    assert html.startswith(
        '<div class="wide" tabindex="0"><table><thead><tr><th scope="col">a</th><th scope="col">b</th>'
    )
    assert html.endswith("<tr><td><code>x|y</code></td><td></td></tr></tbody></table></div><p>text</p>")
    assert '<li><p>one</p><div class="wide"' in body("- one\n\n    | a |\n    |---|\n    | x |")
    assert "<thead>" not in body("| | |\n|---|---|\n| a | b |")
    assert "<thead>" in body("| ![a](a.webp) |\n|---|\n| b |")


@pytest.mark.parametrize(
    "target", ["c.md", "#nowhere", "b.md#nowhere", "../README.md", "mailto:somebody"]
)  # fmt: skip
def test_links_that_lead_nowhere_stop_the_build(target: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"a.md: link to '{target}'")):
        body(f"[a]({target})", b="Other")


def test_a_document_begins_with_its_title() -> None:
    with pytest.raises(ValueError, match="heading"):
        handbook({"a": "text"})


def test_pictures_are_collected() -> None:
    assert handbook({"a": "# A\n\n![one](img/1.webp) ![two](img/2.webp)"}).pictures == {"img/1.webp", "img/2.webp"}


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
            words = re.sub(r"<(pre|code)\b.*?</\1>", "", text, flags=re.DOTALL)
            assert not re.search(r"\*\*|`|^(<p>)?\s*(\||- |\d+\. )", words, flags=re.MULTILINE), name  # marks left over
    assert all((DOCS / picture).is_file() for picture in made.pictures)
