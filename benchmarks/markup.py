"""Figures and tables as Markdown."""

from collections.abc import Iterable


def show(figure: float | str | None) -> str:
    """Four digits, as tables of this field print them; a dash where there is no figure."""
    if figure is None or isinstance(figure, str):
        return figure or "-"
    return f"{figure:.1f}" if figure > 1 else f"{figure:.4f}".removeprefix("0")


def span(interval: Iterable[float]) -> str:
    return " to ".join(map(show, interval))


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(head: list[str], rows: Iterable[list[str]], left: int = 1) -> str:
    """Lay out a table whose first columns are text."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(line(*cells) for cells in [head, rule, *rows])
