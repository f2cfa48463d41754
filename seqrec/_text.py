"""Text of strangers is made safe to show here; nothing that takes time to import, so an error is told at once."""

from __future__ import annotations

import html
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
