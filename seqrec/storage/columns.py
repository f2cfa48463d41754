"""What a model file knows of the log that the model was made from: names of columns, and how their values look."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import shake_128
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.sound.mel import LogMel
from seqrec.storage.schemas import Choice, Integer, Mapped

_DIGITS = {"x": "0123456789abcdef", "X": "0123456789ABCDEF", "9": "0123456789"}
_LONGEST = 4096  # characters of an id
_MINUTES = 24 * 60


class IdForm(NamedTuple):
    """How ids of users look, so that new ones look alike; it holds none of them.

    Attributes
    ----------
    before, after : str
        Text around the number of each.
    width : int
        Digits of the number at least, with 0 before them.
    first : int
        Number of the first new one: no number from there on was one of the log's.
    integer : bool
        Whether an id is that number alone, and no text.
    pattern : str
        Where ids are random: such as "xxxxxxxx-xxxx", whose x, X or 9 stand for digits.

    Examples
    --------
    >>> IdForm("C", width=5, first=900).ids(range(2), seed=0).tolist()
    ['C00900', 'C00901']
    >>> IdForm(pattern="xxxx-xxxx").ids(range(2), seed=0).tolist()
    ['c40d-6597', '456f-06a8']
    """

    before: str = "user-"
    after: str = ""
    width: Annotated[int, Integer(0, _LONGEST)] = 0
    first: Annotated[int, Integer(-(2**63))] = 1
    integer: bool = False
    pattern: str = ""

    def check_sound(self) -> None:
        """Raise ValueError where a pattern is none."""
        if set(self.pattern) - {"-", *_DIGITS} or len(self.pattern) > _LONGEST:
            raise ValueError("the pattern of ids is none.")

    def ids(self, numbers: Iterable[int], seed: int) -> NDArray:
        """Give the new ids of these numbers, which count from 0: (n,) int64, or object holding str."""
        if self.integer:
            return np.array([self.first + number for number in numbers], dtype=np.int64)
        if self.pattern:
            return np.array([self._random(f"{seed} {number}") for number in numbers], dtype=object)
        texts = [f"{self.before}{self.first + number:0{self.width}d}{self.after}" for number in numbers]
        return np.array(texts, dtype=object)

    def _random(self, name: str) -> str:
        chance = shake_128(name.encode()).digest(len(self.pattern))
        digits = (_DIGITS.get(sign, sign) for sign in self.pattern)
        return "".join(own[number % len(own)] for own, number in zip(digits, chance, strict=True))


class TimeForm(NamedTuple):
    """How times are written.

    Attributes
    ----------
    kind : {"text", "integer", "number", "timestamp", "date"}
        Numbers count from 1970; timestamps and dates are those of Parquet.
    unit : {"s", "ms", "us", "ns"}
        The smallest that is told.
    format : str
        Of text, as strftime has it; ``%S`` includes the decimals that the unit has.
    offset : int
        Minutes that text is ahead of UTC.
    zone : str or None
        Of timestamps.
    """

    kind: Annotated[str, Choice("text", "integer", "number", "timestamp", "date")] = "text"
    unit: Annotated[str, Choice("s", "ms", "us", "ns")] = "s"
    format: str = "%Y-%m-%dT%H:%M:%S"
    offset: Annotated[int, Integer(-_MINUTES, _MINUTES)] = 0
    zone: str | None = None


class LogForm(NamedTuple):
    """How a log is written.

    Attributes
    ----------
    format : {"csv", "jsonl", "parquet"}
    order : tuple of str
        Columns in their order.
    user : IdForm
    time : TimeForm
    decimals : dict of str to int
        Columns whose numbers are all written with so many decimals; 0 where they are integers.
    """

    format: Annotated[str, Choice("csv", "jsonl", "parquet")]
    order: tuple[str, ...]
    user: IdForm
    time: TimeForm
    decimals: Annotated[dict[str, int], Mapped(Integer(0, 15))]


USUAL = LogForm("parquet", (), IdForm(), TimeForm(), {})  # where no log tells


class Columns(NamedTuple):
    """Names of the columns of the log that a model was made from, and how it is written where that is known.

    Events of series have no item. Of sounds, it is known how they became frames.
    """

    user: str
    item: str | None
    timestamp: str | None = None
    fields: tuple[str, ...] = ()
    form: LogForm | None = None
    sound: LogMel | None = None
