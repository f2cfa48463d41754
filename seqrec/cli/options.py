"""Options of the command line that several commands have, each written once, and how their texts are read."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from seqrec.logs.dialect import Dialect

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SMALLEST_MEMORY = 2**30
_TAB = dict.fromkeys(("tab", "\\t"), "\t")

Logs = Annotated[
    list[str],
    typer.Argument(metavar="LOG...", help="Files .csv, .tsv, .jsonl (also .gz) or .parquet, or patterns in quotes."),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, as seqrec fit makes it.")]


def place(path: Path) -> Path:
    """Refuse what stands for the standard output elsewhere."""
    if str(path) == "-":
        raise typer.BadParameter("nothing is written to the standard output: name a file or folder.")
    return path


Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.", callback=place)
]
ExcludeSeen = Annotated[
    bool, typer.Option("--exclude-seen/--include-seen", help="Whether items of the history may be recommended.")
]
Json = Annotated[bool, typer.Option("--json", help="Give the result as one JSON object, and no progress.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")]


class Reading(NamedTuple):
    """How a log is read."""

    user: Annotated[
        str | None,
        typer.Option("--user", "--series", metavar="COLUMN", help="Column of users, or series; usual names are found."),
    ] = None
    item: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of items or events.")] = None
    timestamp: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of times; 'none' where the rows are in order.")
    ] = None
    time_unit: Annotated[
        Literal["auto", "s", "ms", "us", "ns"], typer.Option(help="Of times that are numbers since 1970.")
    ] = "auto"
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Use rows once that agree in everything.")
    ] = False
    max_bad: Annotated[float, typer.Option(min=0, max=1, help="Largest share of rows that cannot be used.")] = 0.01
    input_format: Annotated[
        Literal["csv", "jsonl", "parquet"] | None, typer.Option(help="Of the log, if its names do not say it.")
    ] = None
    delimiter: Annotated[str | None, typer.Option(metavar="SIGN", help="Between cells of CSV, such as ';' or tab.")] = (
        None
    )
    decimal: Annotated[Literal[".", ","], typer.Option(help="Before the decimals of numbers in text.")] = "."
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Of text that is not UTF-8: latin-1.")] = None
    time_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Of times that are not ISO 8601: '%d.%m.%Y %H:%M:%S'.")
    ] = None

    def dialect(self) -> Dialect:
        """Say how the files are written."""
        delimiter = _TAB.get(self.delimiter, self.delimiter) if self.delimiter else self.delimiter
        form = Dialect(self.input_format, delimiter, self.decimal, self.encoding, self.time_format, self.time_unit)
        return form.check()


class Series(NamedTuple):
    """What is forecast, and from what."""

    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="To forecast: numbers; empty is unknown.")] = None
    horizon: Annotated[int | None, typer.Option(min=1, help="Steps to forecast, such as 48; for forecasters.")] = None
    step: Annotated[
        str | None, typer.Option(metavar="SPAN", help="From value to value: 15min, 1h, D, B, W, MS; else it is found.")
    ] = None
    known: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Columns known ahead of time, such as price,holiday.")
    ] = None
    observed: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Columns known up to now, such as temperature.")
    ] = None
    static: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Columns of which a series has one value, such as kind.")
    ] = None

    def parameters(self) -> dict[str, Any]:
        """Give the parameters of a forecaster that are given."""
        lists = {name: list(kinds(getattr(self, name) or [])) for name in ("known", "observed", "static")}
        given = {"target": self.target, "horizon": self.horizon, "step": self.step, **lists}
        return {name: value for name, value in given.items() if value}

    def named(self) -> dict[str, str | None]:
        """Give the columns and, where it is said, the kinds of their values."""
        others = kinds([*(self.known or []), *(self.observed or []), *(self.static or [])])
        return {str(self.target): "number", **others}


class Labels(NamedTuple):
    """What the classes of sequences are told by, and how sounds become frames."""

    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the labels: of the log, or of the table --labels.")
    ] = None
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table of labels, one row a sequence, or a sound (path, label).")
    ] = None
    sound: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Of sounds: rate=16000, window=.025, step=.01 (seconds), n_mels=40."),
    ] = None

    def given(self) -> list[str]:
        """Name the options that are given."""
        return [f"--{name}" for name, value in self._asdict().items() if value]


class Work(NamedTuple):
    """How a job on a log of any size is done."""

    form: Annotated[
        Literal["parquet", "csv", "jsonl"] | None,
        typer.Option("--format", help="Of the results: parquet, if not said; of a log that is drawn, as in training."),
    ] = None
    shard: Annotated[str, typer.Option(metavar="I/N", help="Do part I of N: users are shared out, such as 1/4.")] = (
        "1/1"
    )
    memory: Annotated[str, typer.Option(metavar="SIZE", help="Memory to take, about, such as 2GiB.")] = "2GiB"
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Score on a Dask cluster with this scheduler.")
    ] = None
    restart: Annotated[
        bool, typer.Option("--restart", help="Remove what an earlier job left in the folder of the results.")
    ] = False


def memory(text: str) -> int:
    """Read an amount such as 2GiB, 500M or 4g, in bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no amount of memory. Write it as 2GiB or 500MiB.")
    size = int(float(match[1]) * _UNITS[match[2].upper()])
    if size < _SMALLEST_MEMORY:
        raise typer.BadParameter(f"{text!r} is too little: TensorFlow takes about 768MiB, the rest 256MiB: 1GiB.")
    return size


def spans(texts: Sequence[str]) -> dict[str, int]:
    """Read spans of time such as 30d, 12h, 15min, 45s or 2w, with commas between them: seconds by text."""
    found = {}
    for text in names(texts):
        match = re.fullmatch(r"(0*[1-9]\d{0,5})(w|d|h|min|s)", text, re.ASCII)
        if match is None:
            raise typer.BadParameter(f"{text!r} is no span of time. Write it as 30d, 12h, 15min, 45s or 2w.")
        found[text] = int(match[1]) * _SECONDS[match[2]]
    return found


def counts(texts: Sequence[str], option: str) -> list[int]:
    """Read numbers above 0, with commas between them."""
    found = list(dict.fromkeys(names(texts)))
    for text in found:
        if re.fullmatch(r"0*[1-9]\d{0,5}", text, re.ASCII) is None:
            raise typer.BadParameter(f"{option} {text!r} is no number of events. Write such as {option} 1,5.")
    return [int(text) for text in found]


def shares(texts: Sequence[str], option: str) -> tuple[float, ...]:
    """Read numbers between 0 and 1, with commas between them, in rising order."""
    found = set()
    for text in names(texts):
        if re.fullmatch(r"0?\.\d{1,9}", text, re.ASCII) is None or not float(text):
            raise typer.BadParameter(f"{option} {text!r} is no number between 0 and 1. Write it as 0.9.")
        found.add(float(text))
    return tuple(sorted(found))


def shard(text: str) -> tuple[int, int]:
    """Read a part such as 1/4, which people count from 1 and machines from 0."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise typer.BadParameter(f"{text!r} is no part. Write 1/4, 2/4, 3/4 or 4/4 for the parts of four.")
    return int(match[1]) - 1, int(match[2])


def names(texts: Sequence[str]) -> list[str]:
    """Split lists of names at the commas."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def kinds(texts: Sequence[str]) -> dict[str, str | None]:
    """Read names of columns, each perhaps with the kind of its values: amount:number, code:text."""
    found: dict[str, str | None] = {}
    for name in names(texts):
        before, _, kind = name.rpartition(":")
        if kind in ("number", "text") and before:
            found[before] = kind
        else:
            found[name] = None
    return found


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read name=value."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise typer.BadParameter(f"{option} {text!r} lacks a name and a value. Write {option} name=value.")
        if name in found:
            raise typer.BadParameter(f"{option} gives {name!r} twice.")
        found[name] = value.strip()
    return found


def settings(texts: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """Read the parameters of --set or another option: name=value, where the value is JSON or else text."""
    found: dict[str, Any] = {}
    for name, text in pairs(texts, option).items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            if re.search(r",\s*\w+\s*=", text):
                each = " ".join(f"{option} {one.strip()}" for one in f"{name}={text}".split(","))
                raise typer.BadParameter(f"give {option} once for each parameter: {each}.") from None
            found[name] = text
    return found
