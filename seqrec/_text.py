"""Text of strangers is made safe to show here; nothing that takes time to import, so an error is told at once."""

from __future__ import annotations

import html
import math
from bisect import bisect_right
from itertools import accumulate
from typing import Any
from unicodedata import category, east_asian_width

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, marks of direction, surrogates, line separators
_JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: hidden as well, but Persian words and many emoji need them


def plain(text: str, width: int = 80) -> str:
    r"""Give text that is safe to show in a terminal.

    Control characters, escape codes and marks of direction are shown escaped, such as ``\x1b``; what does not fit into
    `width` columns is cut. Joiners stay inside of words that may need them: next to a character beyond ASCII.

    Examples
    --------
    >>> print(plain("tea\x1b[31m\n"))
    tea\x1b[31m\n
    >>> plain("a long title", width=7)
    'a long…'
    """
    start = text[: width + 1]  # a character takes a column at least
    pieces = [one if _joins(text, position) else _escape_hidden(one) for position, one in enumerate(start)]
    sizes = [len(piece) + (east_asian_width(one) in "WF") for piece, one in zip(pieces, start, strict=True)]
    if sum(sizes) <= width:
        return "".join(pieces)
    n_shown = bisect_right(list(accumulate(sizes)), width - 1)
    return "".join(pieces[:n_shown]).rstrip(_JOINERS) + "…"


def markup(value: Any, width: int = 80) -> str:
    r"""Give a value as text that is safe inside an HTML element or a double-quoted attribute.

    Parameters
    ----------
    value : text, number, time or anything else with a `str`
    width : int
        Columns, as in `plain`, which escapes what would be hidden.

    Examples
    --------
    >>> markup('<b title="tea">')
    '&lt;b title=&quot;tea&quot;&gt;'
    >>> print(markup("tea\u202emilk"))
    tea\u202emilk
    """
    return html.escape(plain(str(value), width))


def interval(low: float, high: float) -> str:
    """Write the ends of an interval, each with four digits, or with as many as it takes to tell them apart.

    Examples
    --------
    >>> interval(30.123, 45.678), interval(32_683.4, 35_601.1), interval(1_000_203.4, 1_000_310.2)
    ('30.12 to 45.68', '32680 to 35600', '1000203 to 1000310')
    """
    finest = _magnitude(high - low) if high > low else math.inf
    digits = (max(4, min(3 + _magnitude(end) - finest, 15)) for end in (low, high))
    first, last = (f"{float(f'{end:.{int(n)}g}'):.15g}" for end, n in zip((low, high), digits, strict=True))
    return f"{first} to {last}"


def _magnitude(number: float) -> float:
    return math.floor(math.log10(abs(number))) if number else -math.inf


def _is_hidden(character: str) -> bool:
    return category(character) in _HIDDEN


def _escape_hidden(character: str) -> str:
    return character.encode("unicode_escape").decode() if _is_hidden(character) else character


def _joins(text: str, position: int) -> bool:
    """Whether a joiner stands between two characters that are shown, of which one is beyond ASCII."""
    if text[position] not in _JOINERS or not 0 < position < len(text) - 1:
        return False
    sides = text[position - 1] + text[position + 1]
    return not sides.isascii() and not any(map(_is_hidden, sides))
