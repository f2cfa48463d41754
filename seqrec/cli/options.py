"""Values of options of the command line, read from text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import typer

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SMALLEST_MEMORY = 2**28


def memory(text: str) -> int:
    """Read an amount such as 2GiB, 500M or 4g, in bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no amount of memory. Write it as 2GiB or 500MiB.")
    size = int(float(match[1]) * _UNITS[match[2].upper()])
    if size < _SMALLEST_MEMORY:
        raise typer.BadParameter(f"{text!r} is too little: TensorFlow alone takes about 768MiB.")
    return size


def shard(text: str) -> tuple[int, int]:
    """Read a part such as 1/4, which people count from 1 and machines from 0."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise typer.BadParameter(f"{text!r} is no part. Write 1/4, 2/4, 3/4 or 4/4 for the parts of four.")
    return int(match[1]) - 1, int(match[2])


def names(texts: Sequence[str]) -> list[str]:
    """Split lists of names at the commas."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


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


def parameter(text: str) -> Any:
    """Read a value as JSON, or else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
