"""Whether a column of text holds numbers or words is judged here, by one rule for files and frames.

A few cells that are no numbers are mistakes in a column of numbers, and a few numbers are words among words. What lies
between is neither, and nobody but its owner knows which it was meant to be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqrec._checks import show

FEW = 0.01  # share of cells
_BLANK = r"^[ \t]*\z"
_BOOLEAN = r"^(?i:true|false)[ \t]*\z"
_COMMAS = r"^[ \t]*[+-]?[0-9]+(\.[0-9]{3})*,[0-9]+[ \t]*\z"


def number_pattern(decimal: str = ".") -> str:
    """Give the regular expression of a number, with this sign before its decimals."""
    point = f"[{decimal}]"
    return rf"^[ \t]*[+-]?([0-9]+{point}?[0-9]*|{point}[0-9]+)([eE][+-]?[0-9]+)?[ \t]*\z"


class Tally:
    """Counts the cells of a column of text, and keeps the first that are numbers and the first that are not.

    Attributes
    ----------
    filled, numbers, commas, booleans : int
        Cells that are not empty, those of them that are numbers, that would be with a comma before the decimals, and
        that are true or false.
    first : dict of bool to list of (text, int)
        Of numbers (True) and of others: where a cell is from, and what it holds.
    """

    def __init__(self, decimal: str = ".") -> None:
        self.filled = self.numbers = self.commas = self.booleans = 0
        self.first: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
        self._pattern, self._decimal = number_pattern(decimal), decimal

    def add(self, cells: pa.Array, rows: Sequence[int] | np.ndarray, where: str = "row {}") -> None:
        """Count cells, text or bytes or numbers; `rows` has the number of the row of each, and `where` says it."""
        if pa.types.is_floating(cells.type):
            self.filled, self.numbers = (count + len(cells) - cells.null_count for count in (self.filled, self.numbers))
            return
        filled = pc.invert(pc.fill_null(pc.match_substring_regex(cells, _BLANK), fill_value=True))
        is_number = pc.and_(filled, pc.fill_null(pc.match_substring_regex(cells, self._pattern), fill_value=False))
        for kind, mask in ((True, is_number), (False, pc.and_not(filled, is_number))):
            for at in pc.indices_nonzero(mask)[: 3 - len(self.first[kind])].to_pylist():
                self.first[kind].append((where.format(rows[at]), show(_text(cells[at].as_py()))))
        self.filled += pc.sum(filled).as_py() or 0
        self.numbers += pc.sum(is_number).as_py() or 0
        self.booleans += pc.sum(pc.match_substring_regex(cells, _BOOLEAN)).as_py() or 0
        if self._decimal == ".":
            self.commas += pc.sum(pc.match_substring_regex(cells, _COMMAS)).as_py() or 0

    @property
    def kind(self) -> str:
        """What the cells are: "number", "text", or "mixed"."""
        if self.numbers >= (1 - FEW) * self.filled:
            return "number"
        return "text" if max(self.numbers, self.commas) <= FEW * self.filled else "mixed"

    def tell(self) -> str:
        """Say how many of the cells are what most are not, and which are the first of them."""
        rare = self.numbers < self.filled / 2 and not self.commas
        count = self.numbers if rare else self.filled - self.numbers
        what = "are" if rare else "are no"
        shown = ", ".join(f"{cell} ({place})" for place, cell in self.first[rare]) or "those without quotes"
        return f"{count:,} of its {self.filled:,} cells {what} numbers, such as {shown}"


def _text(cell: str | bytes) -> str:
    return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else cell
