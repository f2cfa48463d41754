"""`{unreleased}`: what has changed since the last release, from the fragments that wait in `changes/`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


class Unreleased(SphinxDirective):
    """List the fragments, kind by kind, as towncrier will when a release is made."""

    def run(self) -> list[nodes.Node]:
        """Give a section for each kind of change."""
        self.env.note_reread()
        return self.parse_text_to_nodes("\n".join(_sections()), allow_section_headings=True)


def _sections() -> Iterator[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    for kind in settings["type"]:
        fragments = sorted((ROOT / settings["directory"]).glob(f"*.{kind['directory']}.md"))
        if fragments:
            yield f"\n### {kind['name']}\n"
        for fragment in fragments:
            lines = fragment.read_text(encoding="utf-8").strip().splitlines()
            yield "- " + "\n  ".join(lines)


def setup(app: Any) -> dict[str, Any]:
    """Give Sphinx the directive."""
    app.add_directive("unreleased", Unreleased)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
