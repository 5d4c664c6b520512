"""Template tags: amounts with their unit and exact value, addresses, times, states, and small graphics.

Loaded into every template (``builtins`` in the settings). Graphics are SVG with plain attributes because the content
security policy allows no inline style.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from governance import formatting
from governance.domain.units import MAX_UINT256, UNITS, to_decimal
from governance.exhibits import Badge, Column, Interval, Tokens, Value
from governance.icons import ICONS, TONES
from governance.markdown import to_html

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

register = template.Library()
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|tokens\b|USD\b|hours\b|days\b)| (?=→)")
DASH = mark_safe('<span class="none" aria-label="no value">—</span>')


def _data(exact: object, text: str) -> SafeString:
    return format_html('<data class="num" value="{}" title="{}">{}</data>', exact, exact, text)


@register.filter
def usd(value: Decimal | float | None) -> SafeString:
    """Dollars in short form; the exact amount is the element's value and title."""
    return DASH if value is None else _data(f"{value:.2f}", formatting.usd(value))


@register.filter
def usd8(value: Decimal | int | None) -> SafeString:
    """Dollars with the oracle's 8 decimals, in short form."""
    return DASH if value is None else _data(f"{to_decimal(int(value), 8):f}", formatting.usd8(int(value)))


@register.filter
def price8(value: Decimal | int | None) -> SafeString:
    """Return a price with the oracle's 8 decimals."""
    if value is None:
        return DASH
    amount = to_decimal(int(value), 8)
    return _data(f"{amount:f}", formatting.price(amount))


@register.filter
def health(value: Decimal | int | None) -> SafeString:
    """Return a health factor in wad."""
    if value is None:
        return DASH
    wad = int(value)
    return _data("no debt" if wad == MAX_UINT256 else f"{to_decimal(wad, 18):f}", formatting.health(wad))


@register.filter
def unit(value: Decimal | int | None, name: str) -> SafeString:
    """Return a chain word in the unit ``name`` of `governance.domain.units.UNITS`."""
    if value is None:
        return DASH
    word = int(value)
    text = formatting.word(word, name)
    if name == "tokens":
        text = f"{formatting.plain(word) if word < 10**6 else formatting.compact(word, digits=4)} tokens"
    return format_html(
        '<data class="num" value="{}" title="{} ({} decimals)">{}</data>', word, word, UNITS[name].decimals, text
    )


@register.filter
def percent(value: float | None, digits: int = 1) -> SafeString:
    """Return a fraction as percent."""
    return DASH if value is None else _data(value, formatting.percent(float(value), digits=digits))


@register.filter
def change(value: float | None) -> SafeString:
    """Return a change as percent with its sign."""
    return DASH if value is None else _data(value, formatting.change(float(value)))


@register.filter
def number(value: float | None, digits: int = 3) -> SafeString:
    """Return a number with ``digits`` significant digits."""
    return DASH if value is None else _data(value, formatting.number(float(value), digits=digits))


@register.filter
def chance(value: float | None) -> SafeString:
    """Return a probability such as a p-value; below a thousandth its size says nothing more."""
    return DASH if value is None else _data(value, formatting.chance(float(value)))


@register.filter
def integer(value: Decimal | int | None) -> SafeString:
    """Return a whole number with its thousands separated."""
    return DASH if value is None else _data(int(value), f"{int(value):,}")


@register.filter
def votes(value: Decimal | int | None) -> SafeString:
    """Return votes (wad) as whole tokens in short form."""
    if value is None:
        return DASH
    amount = to_decimal(int(value), 18)
    return _data(f"{amount:f}", formatting.compact(amount))


@register.filter
def tokens(value: Tokens | None) -> SafeString:
    """Return an amount of a token with its symbol."""
    if value is None:
        return DASH
    amount = to_decimal(value.amount, value.decimals)
    return format_html(
        '{} <span class="symbol">{}</span>', _data(f"{amount:f}", formatting.compact(amount, digits=4)), value.symbol
    )


@register.filter
def moment(timestamp: int | None) -> SafeString:
    """Return a chain time in UTC."""
    if timestamp is None:
        return DASH
    return format_html('<time datetime="{}">{}</time>', formatting.iso(timestamp), formatting.moment(timestamp))


@register.filter
def span(seconds: int | None) -> str | SafeString:
    """Return a span of time in its two largest units."""
    return DASH if seconds is None else formatting.duration(seconds)


@register.filter
def markdown(text: str) -> SafeString:
    """Return a stranger's Markdown as safe HTML."""
    return mark_safe(to_html(text))  # noqa: S308 - `to_html` cleans with an allow-list


@register.simple_tag
def as_of(block: Decimal | int | None, timestamp: int | None) -> SafeString:
    """Say as of which block, and when that was."""
    if block is None or timestamp is None:
        return mark_safe('<span class="as-of">nothing collected yet</span>')
    return format_html(
        '<span class="as-of">as of block {} <span class="when">({})</span></span>', f"{int(block):,}", moment(timestamp)
    )


@register.simple_tag
def address(value: str, link: str = "") -> SafeString:
    """Return an address, shortened, with its full text to copy."""
    inner = format_html('<code title="{}">{}</code>', value, formatting.short(value))
    shown = format_html('<a href="{}">{}</a>', link, inner) if link else inner
    return format_html(
        '<span class="address">{}<button type="button" class="copy" data-copy="{}" aria-label="Copy {}">{}</button>'
        "</span>",
        shown,
        value,
        value,
        icon("copy"),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return one of our icons, hidden from screen readers: words stand beside it."""
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        ICONS[name],
    )


@register.simple_tag
def badge(text: str, tone: str = "quiet") -> SafeString:
    """Return a state: an icon, words, and a tone."""
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(TONES[tone]), text)


@register.simple_tag
def meter(fraction: float, tone: str = "accent", label: str = "") -> SafeString:
    """Return a small horizontal bar that is ``fraction`` full."""
    width = f"{min(max(float(fraction), 0.0), 1.0) * 100:.2f}%"
    return format_html(
        '<svg class="meter {}" role="img" aria-label="{}"><rect class="track" width="100%" height="100%" rx="3"/>'
        '<rect class="fill" width="{}" height="100%" rx="3"/></svg>',
        tone,
        label or formatting.percent(float(fraction)),
        width,
    )


@register.simple_tag
def segments(
    parts: Sequence[tuple[str, float, str]], marks: Sequence[tuple[str, float]] = (), label: str = ""
) -> SafeString:
    """Return one bar of several parts ``(name, fraction, tone)`` with marks ``(name, fraction)`` across it."""
    rects, at = [], 0.0
    for _name, fraction, tone in parts:
        rects.append((tone, f"{at * 100:.2f}%", f"{fraction * 100:.2f}%"))
        at += fraction
    return format_html(
        '<svg class="segments" role="img" aria-label="{}">'
        '<rect class="track" y="6" width="100%" height="12" rx="3"/>{}{}</svg>',
        label,
        format_html_join("", '<rect class="{}" x="{}" y="6" width="{}" height="12"/>', rects),
        format_html_join(
            "", '<line class="mark" x1="{0}" x2="{0}" y1="1" y2="23"/>', [(f"{f * 100:.2f}%",) for _, f in marks]
        ),
    )


@register.simple_tag
def spark(values: Sequence[float], label: str) -> SafeString:
    """Return a line of ``values`` without axes; ``label`` says what it shows."""
    if len(values) < 2:
        return SafeString("")
    low, high = min(values), max(values)
    scale = (high - low) or 1.0
    step = 100 / (len(values) - 1)
    points = " ".join(f"{i * step:.2f},{27 - (v - low) / scale * 24:.2f}" for i, v in enumerate(values))
    return format_html(
        '<svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polyline points="{}"/></svg>',
        label,
        points,
    )


@register.simple_tag
def interval(value: Interval) -> SafeString:
    """Return a forecast's range as a bar, its middle as a line, and what happened as a dot."""
    points = (value.low, value.middle, value.high, value.happened)
    bottom, room = min(points), (max(points) - min(points)) or 1.0
    low, middle, _, happened = (f"{6 + (point - bottom) / room * 88:.2f}%" for point in points)
    width = f"{max((value.high - value.low) / room * 88, 1):.2f}%"
    words = "inside" if value.low <= value.happened <= value.high else "outside"
    return format_html(
        '<svg class="interval" role="img" aria-label="What happened is {} the forecast range">'
        '<line class="axis" x1="2%" x2="98%" y1="10" y2="10"/><rect class="band" x="{}" width="{}" y="5" height="10"/>'
        '<line class="middle" x1="{}" x2="{}" y1="4" y2="16"/><circle class="happened" cx="{}" cy="10" r="4"/></svg>',
        words,
        low,
        width,
        middle,
        middle,
        happened,
    )


def _hash(value: object) -> SafeString:
    return format_html('<code title="{}">{}</code>', value, formatting.short(str(value)))


def _block(value: object) -> SafeString:
    return _data(value, f"{int(str(value)):,}")


def _shortened(value: object) -> SafeString:
    text = str(value)
    return format_html('<span title="{}">{}</span>', text, formatting.abridged(text))


def _badge(value: Badge) -> SafeString:
    return badge(value.text, value.tone)


def _value(value: Value) -> SafeString:
    return unit(value.word, value.unit)


_CELLS: dict[str, Callable[[Any], object]] = {
    "address": address,
    "hash": _hash,
    "integer": integer,
    "number": number,
    "percent": percent,
    "change": change,
    "usd": usd,
    "usd8": usd8,
    "price8": price8,
    "health": health,
    "tokens": tokens,
    "time": moment,
    "block": _block,
    "badge": _badge,
    "value": _value,
    "votes": votes,
    "shortened": _shortened,
    "interval": interval,
    "chance": chance,
    "bps": lambda v: unit(v, "bps"),
    "bonus_bps": lambda v: unit(v, "bonus_bps"),
    "flag": lambda v: "yes" if v else "no",
}


@register.filter
def glue(text: str) -> str:
    """Return a sentence whose numbers do not part from their units at the end of a line."""
    return _BEFORE_UNIT.sub("\u00a0", text)


@register.filter
def short(text: str) -> str:
    """Return an address or hash with its middle left out."""
    return formatting.short(text)


@register.filter
def abridged(text: str) -> str:
    """Return ``text`` with the middle of addresses and hashes left out."""
    return formatting.abridged(text)


@register.simple_tag(takes_context=True)
def csv_query(context: template.Context, slug: str) -> str:
    """Return the query that downloads a table as CSV, under the filters of the page as it stands."""
    query = context["request"].GET.copy()
    query["csv"] = slug
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def filters(context: template.Context, **chosen: str) -> str:
    """Return the page's query with some of its filters chosen anew, to follow a ``?``."""
    query = context["request"].GET.copy()
    for name, value in chosen.items():
        query[name] = value
    return str(query.urlencode())


@register.simple_tag(takes_context=True)
def row_class(context: template.Context, row: object) -> SafeString:
    """Return the class attribute that a table gives to one of its rows."""
    mark = context["table"].marked(row)
    return format_html(' class="{}"', mark) if mark else SafeString("")


@register.simple_tag
def cell(column: Column, row: object) -> object:
    """Return the cell of ``column`` for ``row``."""
    value = column.value(row)
    if value is None:
        return DASH
    link = column.link(row) if column.link else ""
    kind = column.kind
    if isinstance(value, tuple) and kind == "mixed":
        kind, value = value
    if kind == "address":
        return address(str(value), link)
    shown = _CELLS[kind](value) if kind in _CELLS else value
    return format_html('<a href="{}">{}</a>', link, shown) if link else shown
