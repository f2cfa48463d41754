"""A card tells in a notebook what an object knows: plain tables of HTML, where text of strangers is text only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._text import markup

_WIDTH, _HEIGHT, _MARGIN = 120, 18, 3  # of a sparkline, pixels
# Colours are the page's own, so a card suits dark themes. Where a site strips styles, tables and bold type are left.
_STYLE = """<style>
.seqrec-card{color:inherit;font-size:13px;line-height:1.45;max-width:56em;padding:.6em .9em .7em;margin:.2em 0;\
border:1px solid rgba(128,128,128,.4);border-radius:6px;overflow-x:auto}
.seqrec-card .seqrec-title{margin:0 0 .35em}
.seqrec-card .seqrec-title strong{font-size:1.1em;margin-right:.4em}
.seqrec-card .seqrec-lead,.seqrec-card summary,.seqrec-card caption{opacity:.72}
.seqrec-card table.seqrec-table{border-collapse:collapse;border:none;margin:0;font-size:inherit;color:inherit;\
table-layout:auto;width:auto}
.seqrec-card table.seqrec-table tr{background:none}
.seqrec-card table.seqrec-table :is(th,td){text-align:left;vertical-align:top;border:none;padding:.12em 1.4em .12em 0;\
max-width:none;background:none;white-space:normal;overflow-wrap:break-word;min-width:4.5em}
.seqrec-card table.seqrec-table th{font-weight:normal;opacity:.72;white-space:nowrap}
.seqrec-card table.seqrec-table thead th{border-bottom:1px solid rgba(128,128,128,.4)}
.seqrec-card table.seqrec-table .seqrec-number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.seqrec-card table.seqrec-table+table.seqrec-table{margin-top:.5em}
.seqrec-card details table.seqrec-table{margin:.3em 0 0 1.1em}
.seqrec-card caption{caption-side:top;text-align:left;padding:.2em 0;color:inherit}
.seqrec-card summary{cursor:pointer;margin-top:.5em}
.seqrec-card svg.seqrec-sparkline{vertical-align:middle;margin:2px .7em 2px 0;overflow:visible}
</style>"""


class Html(str):
    """What is HTML already. All else that is put on a card is escaped."""

    __slots__ = ()


def card(title: str, facts: Mapping[str, Any], *parts: Html, lead: str = "") -> Html:
    """Give a card that needs no script and nothing from elsewhere.

    Parameters
    ----------
    title : str
    facts : mapping of str to any value
        Rows of a table of two columns; values that are no `Html` are escaped and cut.
    *parts : Html
        What comes below, such as a `table` or `details`.
    lead : str
        A few words beside the title.
    """
    aside = f' <span class="seqrec-lead">{markup(lead, 200)}</span>' if lead else ""
    heading = f'<div class="seqrec-title" role="heading" aria-level="4"><strong>{markup(title)}</strong>{aside}</div>'
    rows = [f'<tr><th scope="row">{markup(name)}</th><td>{_html(value)}</td></tr>' for name, value in facts.items()]
    known = f'<table class="seqrec-table"><tbody>{"".join(rows)}</tbody></table>' if rows else ""
    return Html(f'{_STYLE}<div class="seqrec-card">{heading}{known}{"".join(map(_html, parts))}</div>')


def table(rows: Iterable[Iterable[Any]], header: Sequence[Any], caption: str = "", width: int = 40) -> Html:
    """Give a table; numbers stand on the right, what is missing is a dash.

    Parameters
    ----------
    rows : iterable of rows, such as ``frame.itertuples(index=False)``
    header : sequence of column names, such as ``frame.columns``
    caption : str
    width : int
        Characters after which a value is cut.
    """
    cells = [list(row) for row in rows]
    are_numbers = [bool(cells) and all(_is_number(row[column]) for row in cells) for column in range(len(header))]
    head = f"<thead>{_row('th', header, are_numbers, 40)}</thead>"
    body = "".join(_row("td", row, are_numbers, width) for row in cells)
    above = f"<caption>{markup(caption, 200)}</caption>" if caption else ""
    return Html(f'<table class="seqrec-table">{above}{head}<tbody>{body}</tbody></table>')


def details(summary: str, *parts: Html) -> Html:
    """Hide parts of a card until they are asked for."""
    return Html(f"<details><summary>{markup(summary)}</summary>{''.join(map(_html, parts))}</details>")


def listed(values: Sequence[Any], most: int = 8, separator: str = ", ", width: int = 24) -> Html:
    """List the first of some values; each keeps its direction of writing to itself."""
    shown = [f"<bdi>{_html(value, width)}</bdi>" for value in values[:most]]
    return Html(separator.join([*shown, "…"] if len(values) > most else shown))


def sparkline(values: Sequence[float], label: str) -> Html:
    """Draw numbers as a small line; what is not finite leaves a gap. A screen reader hears `label` and the extremes."""
    if not values:
        return Html("")
    heard = markup(f"{label}, {in_words(values)}", 300)
    is_finite = np.isfinite(values)
    room = np.array([_WIDTH, _HEIGHT]) - 2 * _MARGIN
    halves = np.asarray(values, dtype=np.float64) / 2  # no difference of two overflows
    places = _MARGIN + room * np.column_stack([_to_unit(np.arange(len(values))), 1 - _to_unit(halves)])
    path = "".join(
        f"L{x:.4g} {y:.4g}" if follows else f"M{x:.4g} {y:.4g}h0"  # a line to its own start is a dot
        for (x, y), here, follows in zip(places, is_finite, [False, *is_finite], strict=False)
        if here
    )
    line = f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/>'
    last = "".join(f'<circle cx="{x:g}" cy="{y:g}" r="2.2" fill="currentColor"/>' for x, y in places[is_finite][-1:])
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return Html(f'<svg class="seqrec-sparkline" role="img" aria-label="{heard}" {size}>{line}{last}</svg>')


def in_words(values: Sequence[float]) -> str:
    """Tell how many numbers there are, the first and the last, and the extremes with their positions from 1."""
    finite = [(value, position) for position, value in enumerate(values, start=1) if math.isfinite(value)]
    count = f"{len(values):,} value{'s' * (len(values) != 1)}"
    if not finite:
        return f"{count}, none finite"
    gaps = f", {len(values) - len(finite):,} not finite" * (len(finite) < len(values))
    if len(finite) == 1:
        return f"{count}: {number(finite[0][0])}{gaps}"
    (low, low_at), (high, high_at) = min(finite), max(finite, key=lambda pair: pair[0])
    ends = f"first {number(finite[0][0])}, last {number(finite[-1][0])}"
    return f"{count}: {ends}, lowest {number(low)} at {low_at:,}, highest {number(high)} at {high_at:,}{gaps}"


def number(value: Any) -> str:
    """Write an integer whole, with commas, and another number with four digits that count."""
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _html(value: Any, width: int = 200) -> str:
    return value if isinstance(value, Html) else markup(value, width)


def _row(tag: str, values: Iterable[Any], are_numbers: Iterable[bool], width: int) -> str:
    cells = (_cell(tag, value, right, width) for value, right in zip(values, are_numbers, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _cell(tag: str, value: Any, is_number: bool, width: int) -> str:
    attributes = ' scope="col"' * (tag == "th") + ' class="seqrec-number"' * is_number
    if isinstance(value, Real) and not isinstance(value, Integral):
        value = None if math.isnan(value) else number(value)
    return f"<{tag}{attributes}>{'–' if value is None else _html(value, width)}</{tag}>"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _to_unit(values: NDArray) -> NDArray[np.float64]:
    """Move and scale values so that those that are finite fill the range from 0 to 1; equal ones lie in the middle."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0, 0)
    return 0.5 + (values - (low + high) / 2) / ((high - low) or 1)
