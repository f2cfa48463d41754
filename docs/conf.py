"""The site: Markdown, the notebooks with what they showed when they ran, and docstrings. Nothing is run or fetched."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks"
sys.path.insert(0, str(HERE / "_extensions"))

import seqrec  # noqa: E402

# Attributes to users; autodoc imports what it describes.
sys.modules |= {f"seqrec.{name}": getattr(seqrec, name) for name in ("thresholds", "futures")}

project = "seqrec"
author = "The seqrec developers"
copyright = author  # noqa: A001
release = version = seqrec.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "command_line",
    "mathml",
    "unreleased",
]
exclude_patterns = ["_build", "_static", "images"]
templates_path = ["_templates"]
default_role = "py:obj"

# Docstrings are numpydoc and say the types themselves.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Notebooks are shown with their stored outputs; a widget's HTML table stands in for the widget.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, Any] = {}
nb_mime_priority_overrides = [("html", "text/html", 0)]
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "seqrec"
html_static_path = ["_static"]
html_css_files = ["seqrec.css"]
html_js_files = ["seqrec.js"]
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "seqrec", "image_light": "_static/icon.svg", "image_dark": "_static/icon.svg", "alt_text": ""},
    "github_url": "https://github.com/seqrec/seqrec",
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "header_links_before_dropdown": 8,
    "collapse_navigation": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
}
# Pages that stand alone have no navigation of a section.
html_sidebars: dict[str, list[str]] = {path.stem: [] for path in HERE.glob("*.md") if path.stem != "tutorials"}


def copy_notebooks(*_: Any) -> None:
    """Lay the notebooks where Sphinx looks for sources, as they are."""
    tutorials = HERE / "tutorials"
    tutorials.mkdir(exist_ok=True)
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy2(notebook, tutorials)


def lead_out(app: Any, page: str, source: list[str]) -> None:
    """Let links that lead out of this folder work here as they do in the repository: to tutorials, or to its pages."""

    def target(match: re.Match[str]) -> str:
        folder = os.path.dirname(page)
        path = os.path.normpath(os.path.join("notebooks" if folder == "tutorials" else f"docs/{folder}", match[1]))
        if path.startswith("docs/"):
            return f"]({path.removeprefix('docs')}"
        if path.startswith("notebooks/") and path.endswith(".ipynb"):
            return f"](/tutorials/{os.path.basename(path)}"
        return f"]({app.config.html_theme_options['github_url']}/blob/main/{path}"

    source[0] = re.sub(r"\]\((\.\./[^)#\s]+)", target, source[0])


def skip_what_is_inherited(_: Any, __: str, ___: str, member: Any, skip: bool, ____: Any) -> bool | None:
    """Leave out what scikit-learn, Keras and ipywidgets give: their own documents describe it."""
    module = getattr(member, "__module__", None) or getattr(getattr(member, "fget", None), "__module__", None)
    return True if module is not None and not module.startswith("seqrec") else (skip or None)


def unlink_figures(_: Any, tree: nodes.document) -> None:
    """Let NDCG@10 be text, which docutils takes for an address of mail."""
    for link in list(tree.findall(nodes.reference)):
        if link.get("refuri", "").startswith("mailto:"):
            link.replace_self(link.children)


def setup(app: Any) -> None:
    """Connect these."""
    app.connect("config-inited", copy_notebooks)
    app.connect("source-read", lead_out)
    app.connect("autodoc-skip-member", skip_what_is_inherited)
    app.connect("doctree-read", unlink_figures)
