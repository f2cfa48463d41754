"""Texts as sequences of characters or of words, which put together are the text again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unicodedata import category

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import MAX_ID_BYTES, check_choice, show
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary, factorize
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    from seqrec.data.sequences import Sequences

UNITS = ("character", "word")
_MOST_CHARACTERS = MAX_ID_BYTES // 4  # of a word: a character takes at most four bytes
_WHITE, _WORD, _OTHER, _MARK = range(4)
_JOINER = 0x200D
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_APOSTROPHES = [ord(one) for one in "'\u2019"]


def cut(texts: Iterable[str], unit: str) -> tuple[NDArray[np.int64], NDArray[np.int32], Vocabulary]:
    """Give the number of units of each text, (n_texts,), their codes, and the vocabulary of what they are."""
    check_choice(unit, "unit", UNITS)
    texts = _check_texts(texts)
    if unit == "word":
        lengths, words = _words(texts)
        return lengths, *factorize(words)
    codes, points = pd.factorize(_code_points("".join(texts)))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return lengths, (codes + N_RESERVED).astype(np.int32), Vocabulary([chr(point) for point in points])


def join(X: Sequences) -> list[str]:
    """Put the items of each sequence one after another."""
    items = X.vocabulary.items
    if not X.has_items or (len(items) and items.dtype != object):
        what = f"they are numbers, such as {show(items[0])}" if X.has_items else "these events have none"
        raise InputError(f"to_texts puts together items that are text, but {what}.")
    if unknown := np.count_nonzero(X.codes == UNKNOWN):
        raise InputError(f"{unknown:,} of {X.n_events:,} events are of items that the vocabulary lacks.")
    pieces = X.vocabulary.decode(X.codes).tolist()
    return ["".join(pieces[start:stop]) for start, stop in pairwise(X.indptr.tolist())]


def _check_texts(texts: Any) -> list[str]:
    given = nw.from_native(texts, pass_through=True)
    if isinstance(given, str | bytes | Mapping | Set | nw.DataFrame | nw.LazyFrame) or not isinstance(texts, Iterable):
        wrap = f" For one text alone, wrap it: [{show(texts)}]." if isinstance(texts, str) else ""
        raise InputError(f"texts must be a list of str, got {show(texts)} ({type(texts).__name__}).{wrap}")
    texts = list(texts)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            what = f"{show(text)} ({type(text).__name__})"
            raise InputError(f"texts must hold a str for each sequence, got {what} at position {position}.")
    return texts


def _code_points(text: str) -> NDArray[np.uint32]:
    """Give the number of each character, lone surrogates among them, which are no text but occur."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def _words(texts: list[str]) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Give the number of words of each text, and all words one after another."""
    joined = "".join(f"\n{text}" for text in texts) + "\n"  # white, so that no rule goes over the end of a text
    ends = np.cumsum([0, *(len(text) + 1 for text in texts)])
    starts = np.flatnonzero(_begins(_code_points(joined)))
    words = np.empty(len(starts) - 1, dtype=object)
    words[:] = [joined[start:stop] for start, stop in pairwise(starts.tolist())]
    return np.diff(np.searchsorted(starts, ends)) - 1, words[~np.isin(starts[:-1], ends)]


def _begins(points: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tell which characters begin a word, (n,); the first and last are white."""
    kind, goes_on = _kinds(points)
    apostrophe = np.isin(points, _APOSTROPHES) & (np.roll(kind, 1) == _WORD) & (np.roll(kind, -1) == _WORD)
    kind[apostrophe] = _WORD  # as in "don't"
    goes_on |= (kind == _WORD) & (np.roll(kind, 1) == _WORD)
    goes_on |= (kind != _WHITE) & (np.roll(points, 1) == ord(" "))
    place = np.arange(len(points))
    return (place - np.maximum.accumulate(np.where(goes_on, 0, place))) % _MOST_CHARACTERS == 0


def _kinds(points: NDArray[np.uint32]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Give the kind of each character, (n,), and whether it is one with that before: then both are of one kind."""
    codes, found = pd.factorize(points)
    kind = np.array([_kind(chr(point)) for point in found], np.int8)[codes]
    joined = (kind == _MARK) | ((np.roll(points, 1) == _JOINER) & (kind != _WHITE))
    joined &= np.roll(kind, 1) != _WHITE
    kind[kind == _MARK] = _WORD  # one that stands alone
    return kind[np.maximum.accumulate(np.where(joined, 0, np.arange(len(points))))], joined


def _kind(character: str) -> int:
    """Tell white space, what words are made of, marks on the character before, and others."""
    if character.isspace():
        return _WHITE
    of_words = {"L": _WORD, "N": _WORD, "M": _MARK}.get(category(character)[0], _OTHER)
    is_mark = category(character) == "Cf" or character in _SKIN_TONES
    return _MARK if is_mark else _WORD if character == "_" else of_words
