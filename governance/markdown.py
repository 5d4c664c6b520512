"""Text that strangers wrote, as safe HTML: proposals and vote reasons are hostile input.

No raw HTML, no images, no remote content, and links that carry no trust.
"""

from __future__ import annotations

import re

import nh3
from markdown_it import MarkdownIt

TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong", "table",
    "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_HEADING = re.compile(r"(</?h)([1-4])(?=>)")


def to_html(text: str) -> str:
    """Return ``text`` (Markdown) as HTML whose headings start below the page's own."""
    lowered = _HEADING.sub(lambda match: f"{match[1]}{int(match[2]) + 2}", _PARSER.render(text))
    return nh3.clean(
        lowered,
        tags=TAGS,
        attributes={"*": set(), "a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow ugc",
    )
