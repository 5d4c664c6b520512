"""Proposal texts are hostile: whatever they hold, the page stays ours."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.markdown import TAGS, to_html

PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://e.org/a.png)",
    "[x](javascript:alert(1))",
    "[x](https://e.org 't')", "<style>*{}</style>", "# head", "```\ncode\n```", "| a |\n|---|\n| b |", "&lt;b&gt;",
    "<https://e.org>",
    "[x](data:text/html,hi)", "\n\n", "*", "<iframe src=//e.org>", "\x00", "<svg onload=1>", "[r]: javascript:1\n[r]",
)  # fmt: skip


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str, str]] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(tag, name, value or "") for name, value in attrs}


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20))).map("".join))
def test_only_harmless_tags_and_links_come_out(text):
    read = Reader(to_html(text))
    assert read.tags <= TAGS
    for tag, name, value in read.attributes:
        assert (tag, name) in {("a", "href"), ("a", "rel")}
        assert name != "href" or value.startswith(("http://", "https://", "#", "/")) or ":" not in value


@pytest.mark.parametrize(
    ("text", "html"), [("# T", "<h3>T</h3>"), ("#### T", "<h6>T</h6>"), ("**b**", "<p><strong>b</strong></p>")]
)
def test_headings_stay_below_those_of_the_page(text, html):
    assert to_html(text).strip() == html


def test_links_carry_no_trust():
    assert 'rel="noopener noreferrer nofollow ugc"' in to_html("[x](https://example.org)")
