"""Text of strangers is made safe to show here; nothing that takes time to import, so an error is told at once."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, marks of direction, surrogates, line separators


def plain(text: str, width: int = 80) -> str:
    r"""Give text that is safe to show in a terminal.

    Control characters, escape codes and marks of direction are shown escaped, such as ``\x1b``; what does not fit into
    `width` columns is cut.

    Examples
    --------
    >>> print(plain("tea\x1b[31m\n"))
    tea\x1b[31m\n
    >>> plain("a long title", width=7)
    'a long…'
    """
    shown: list[str] = []
    sizes: list[int] = []
    used = 0
    for character in text:
        piece = _escape_hidden(character)
        size = len(piece) + (unicodedata.east_asian_width(character) in "WF")
        if used + size > width:
            while shown and used > width - 1:
                used -= sizes.pop()
                shown.pop()
            return "".join(shown) + "…"
        shown.append(piece)
        sizes.append(size)
        used += size
    return "".join(shown)


def _escape_hidden(character: str) -> str:
    hidden = unicodedata.category(character) in _HIDDEN
    return character.encode("unicode_escape").decode() if hidden else character
