"""What all widgets share: their front end put together from source files, labels that are safe, a fallback in HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
from numpy.typing import ArrayLike
from traitlets import TraitError

from seqrec._text import plain

_FOLDER = Path(__file__).parent
_EXPORT = re.compile(r"^export (?:const|function) (\w+)", re.MULTILINE)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")


def source(name: str) -> str:
    """Give the ES module of a widget: the functions of the kit that it needs, and what follows its import of them."""
    kit = (_FOLDER / "kit.js").read_text(encoding="utf-8")
    imported, own = (_FOLDER / f"{name}.js").read_text(encoding="utf-8").split('from "./kit.js";\n', 1)
    starts = [match.start() for match in _EXPORT.finditer(kit)] + [len(kit)]
    functions = {_EXPORT.match(kit, start)[1]: kit[start:stop] for start, stop in pairwise(starts)}  # type: ignore[index]
    needed = _names(imported) & functions.keys()
    while more := set().union(*(_names(functions[one]) for one in needed)) & functions.keys() - needed:
        needed |= more
    parts = [text.removeprefix("export ") for function, text in functions.items() if function in needed]
    return _tight("".join(parts) + own)


def style(script: str) -> str:
    """Give the rules of the kit's style sheet for what a widget's script names, without spaces that say nothing."""
    sheet = (_FOLDER / "kit.css").read_text(encoding="utf-8")
    rules = [(selector.strip(), " ".join(body.split())) for selector, body in _RULE.findall(sheet)]
    tight = ((selector, re.sub(r" ?([:;,]) ", r"\1", body).removesuffix(";")) for selector, body in rules)
    return "\n".join(f"{selector}{{{body}}}" for selector, body in tight if _concerns(selector, script))


def _concerns(selector: str, script: str) -> bool:
    """Whether a script names a selector's classes, and one of its elements if it has any."""
    elements = re.findall(r"\.seqrec ([a-z]+\d?)", selector)
    classes = set(re.findall(r"sq-\w+", selector)) - {"sq-dark"}
    return all(name in script for name in classes) and (not elements or any(f'"{name}"' in script for name in elements))


def _names(script: str) -> set[str]:
    return set(re.findall(r"\w+", script))


def _tight(script: str) -> str:
    """Leave out comments, and spaces that say nothing; lines with templates, patterns or divisions stay as they are."""
    kept = (line.strip() for line in script.splitlines())
    return "\n".join(_tight_line(line) for line in kept if line and not line.startswith("//"))


def _tight_line(line: str) -> str:
    if re.search(r"[`'/\\]", line):
        return line
    pieces = re.split(r'("[^"]*")', line)  # text stands at the odd places
    pieces[::2] = [re.sub(r" ?(=>|[=,{}()?:;<>&|*]) ?", r"\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


class Widget(anywidget.AnyWidget):
    """A widget of seqrec: Python holds the data, JavaScript draws.

    A subclass sets `_esm` to its `source` and gives `_fallback`.
    """

    _esm: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        """Give the widget the style sheet that it needs."""
        if isinstance(vars(cls).get("_esm"), str):  # ipywidgets, too, makes classes, with traits in place of the texts
            cls._css = style(cls._esm)
        super().__init_subclass__(**options)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add what a viewer without widgets shows."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | {"text/html": self._fallback()}, metadata

    def _fallback(self) -> str:
        """Describe the widget's state as HTML that needs no script."""
        raise NotImplementedError


def check_position(position: int, n: int, lowest: int = -1) -> int:
    """Give the position of one of n sequences, or of none (-1) where that is allowed; else raise a `TraitError`."""
    if not lowest <= position < n:
        raise TraitError(f"there is no sequence {position}: positions are {lowest} to {n - 1}.")
    return position


def label(value: Any, width: int = 120) -> str:
    """Give a value as a line of text: what is hidden in it is shown escaped, what is too long is cut."""
    text = str(value)
    return text if len(text) <= width and text.isprintable() else plain(text, width)


def lines(values: Iterable[Any]) -> bytes:
    """Pack labels for the front end's `lines`: UTF-8, one a line."""
    return "\n".join(label(value) for value in values).encode()


def packed(values: ArrayLike, dtype: str = "float32") -> bytes:
    """Pack numbers for the front end's `floats` ("float32"), `integers` ("int32") or `bytes` ("uint8")."""
    return np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()
