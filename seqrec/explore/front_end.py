"""What all widgets share: their front end put together from source files, labels that are safe, a fallback in HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from numpy.typing import ArrayLike
from traitlets import TraitError

from seqrec._text import plain
from seqrec.exceptions import InputError

_FOLDER = Path(__file__).parent
_EXPORT = re.compile(r"^export (?=(?:const|function) (\w+))", re.MULTILINE)
_IMPORT = re.compile(r"""^import (\{[^}]*\}) from "\./(\w+)\.js";\n""", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=[;,]) )//.*")
_IDLE_SPACES = re.compile(r"""("[^"]*"|`[^`]*`)| ?(=>|!==?|[=,{}()?:;<>&|*/]|[+-](?= [^+-])) ?""")
_IDLE_END = re.compile(r"(?<=[,;{(\[=?:&|>])\n|\n(?=[)\]}.?:&|,])")
_IDLE_POINT = re.compile(r"[,;](?=\})|,(?=[)\]])")
_RULE = re.compile(r"([^{}]+)\{[^{}]*\}")


def source(name: str) -> str:
    """Give the ES module of a widget: what it imports of other scripts, with all that this needs, and its own."""
    script = _script(name)
    functions, imported = _functions(script), " ".join(names for names, _ in _IMPORT.findall(script))
    needed = _names(imported) & functions.keys()
    while more := set().union(*(_names(functions[one]) for one in needed)) & functions.keys() - needed:
        needed |= more
    return _tight("".join(text for function, text in functions.items() if function in needed) + _IMPORT.sub("", script))


def _script(name: str) -> str:
    return (_FOLDER / f"{name}.js").read_text(encoding="utf-8")


def _functions(script: str) -> dict[str, str]:
    """Give by name all that is exported by the scripts that a script imports from."""
    functions: dict[str, str] = {}
    for _, name in _IMPORT.findall(script):
        theirs = _script(name)
        _, *parts = _EXPORT.split(_IMPORT.sub("", theirs))
        functions |= _functions(theirs) | dict(zip(parts[::2], parts[1::2], strict=True))
    return functions


def style(script: str) -> str:
    """Give the rules of the kit's style sheet for what a widget's script names, without spaces that say nothing."""
    sheet = " ".join((_FOLDER / "kit.css").read_text(encoding="utf-8").split())
    tight = re.sub(r" ?([{}:;,]) ", r"\1", sheet).replace(";}", "}")
    return "\n".join(rule[0] for rule in _RULE.finditer(tight) if _concerns(rule[1], script))


def _concerns(selector: str, script: str) -> bool:
    """Whether a script names a selector's classes and attributes, and one of its elements if it has any."""
    attributes = re.findall(r"\[([a-z-]+)", selector)
    elements = re.findall(r"\.seqrec ([a-z]+\d?)", selector)
    classes = set(re.findall(r"sq-\w+", selector)) - {"sq-dark"}
    is_named = all(name in script for name in {*classes, *attributes})
    return is_named and (not elements or any(f'"{name}"' in script for name in elements))


def _names(script: str) -> set[str]:
    """Give the words of a script that are no properties, such as `select` of `input.select()`."""
    return set(re.findall(r"(?<!(?<!\.)\.)\b\w+", script))


def _tight(script: str) -> str:
    """Leave out comments, and spaces, line ends and points that say nothing."""
    lines = (_COMMENT.sub("", line.strip()) for line in script.splitlines())
    return _IDLE_POINT.sub("", _IDLE_END.sub("", "\n".join(_tight_line(line) for line in lines if line)))


def _tight_line(line: str) -> str:
    if re.search(r"['\\]|/(?! )", line) or line.count("`") not in (0, 2):
        return line  # of patterns, addresses, and text in text
    return _IDLE_SPACES.sub(r"\1\2", line)  # text stays as it is


def front_end(name: str) -> dict[str, str]:
    """Give the traits of a widget whose front end is another than that of its class."""
    script = source(name)
    return {"_esm": script, "_css": style(script), "_anywidget_id": f"seqrec.{name}"}  # the page keeps styles by the id


class Widget(anywidget.AnyWidget):
    """A widget of seqrec: Python holds the data, JavaScript draws.

    A subclass names its `script`, and gives `_fallback`.
    """

    def __init_subclass__(cls, script: str = "", **options: Any) -> None:
        """Give the widget its ES module, and the style sheet that this needs."""
        if script:  # ipywidgets, too, makes classes
            cls._esm = source(script)
            cls._css = style(cls._esm)
        super().__init_subclass__(**options)

    def _ipython_display_(self) -> None:
        """Show a table, which stays when the kernel has gone, and the widget, which hides it while it lives."""
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        data |= {"text/plain": ""}
        del data["text/html"]
        self._still_shown = display(self._still(), raw=True, display_id=True)
        display(data, metadata=metadata, raw=True)

    def _update_still(self) -> None:
        """Show in the table how things stand now."""
        self._still_shown.update(self._still(), raw=True)

    def _still(self) -> dict[str, str]:
        return {"text/html": f'<div class="seqrec-still">{self._fallback()}</div>', "text/plain": repr(self)}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add what a viewer without widgets shows."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | {"text/html": str(self._fallback())}, metadata  # marimo takes no subclass of text

    def _fallback(self) -> str:
        """Describe the widget's state as HTML that needs no script."""
        raise NotImplementedError


def check_proposal(proposal: Any, check: Callable[..., Any], *arguments: Any) -> Any:
    """Give what a check makes of a trait's new value and its name; what it refuses is a `TraitError`."""
    try:
        return check(proposal["value"], proposal["trait"].name, *arguments)
    except InputError as error:
        raise TraitError(str(error)) from None


def check_position(position: int, name: str, n: int, lowest: int = -1) -> int:
    """Give a position among n sequences or items, -1 for none where that is allowed; else raise a `TraitError`."""
    if not lowest <= position < n:
        raise TraitError(f"there is no {name} {position}: {name} must be from {lowest} to {n - 1}.")
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
