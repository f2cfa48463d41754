"""How a log is written, where that is said, since it does not show or is not what is usual."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from typing import NamedTuple

from seqrec.exceptions import LogError


class Dialect(NamedTuple):
    """How the files of a log are written; None is what their names, the first line or the values show.

    Attributes
    ----------
    input_format : {"csv", "jsonl", "parquet"}, optional
        By default, as the ending of each name says.
    delimiter : str, optional
        One character between the cells of CSV; by default the one that the header shows.
    decimal : {".", ","}
        What stands before the decimals of numbers in text.
    encoding : str, optional
        Of text; by default UTF-8.
    time_format : str, optional
        Of times in text, as `datetime.strptime` has it; by default ISO 8601.
    time_unit : {"auto", "s", "ms", "us", "ns"}
        Of times that are numbers since 1970; by default the one that almost all of them show.
    band : str, optional
        The unit that almost all of them were found to show.
    """

    input_format: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    encoding: str | None = None
    time_format: str | None = None
    time_unit: str = "auto"
    band: str | None = None

    def check(self) -> Dialect:
        """Return the dialect itself.

        Raises
        ------
        LogError
            If there is no such encoding, the delimiter is no single character, or the format tells no day.
        """
        if self.delimiter is not None and (len(self.delimiter.encode()) != 1 or self.delimiter in '"\r\n'):
            raise LogError(f"--delimiter {self.delimiter!r} is no single sign. Write ';', ',', '|' or tab.")
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise LogError(f"--encoding {self.encoding!r} is not known. Write such as latin-1, cp1252 or utf-16.")
        if self.time_format is not None:
            _check_format(self.time_format)
        return self


AS_USUAL = Dialect()


def _is_encoding(name: str) -> bool:
    try:
        return bool("user,item\n".encode(name).decode(name)) and bool(codecs.getincrementaldecoder(name))
    except (LookupError, ValueError):
        return False


def _check_format(text: str) -> None:
    """Refuse a format that is none, or from which a day does not come back as it was."""
    day = datetime(2024, 5, 17, 23, 45, 59, tzinfo=UTC)
    try:
        found = datetime.strptime(day.strftime(text), text)
    except ValueError as error:
        raise LogError(f"--time-format {text!r} cannot be used: {error}. Write such as '%d.%m.%Y %H:%M:%S'.") from None
    if found.date() != day.date():
        raise LogError(f"--time-format {text!r} does not tell the day. Write such as '%d.%m.%Y %H:%M:%S'.")
