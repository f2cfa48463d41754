"""What the site says holds: its Python runs, its tables are whole, and everything public is described."""

import re
import warnings
from importlib.util import find_spec
from inspect import isclass, isfunction
from pathlib import Path
from typing import NamedTuple

import pytest
import typer.main

import seqrec
from seqrec.cli import exits
from seqrec.cli.app import app
from seqrec.logs.values import CODES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SUBMODULES = ("datasets", "explore", "futures", "layers", "metrics", "model_selection", "music", "thresholds")
BLOCK = re.compile(r"^(?:% needs: ([^\n]*)\n)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not (DOCS / "index.md").exists(), reason="the site's sources are not here")


class Example(NamedTuple):
    """Blocks of a page that run one after another; those that need other packages stand alone."""

    page: str
    needs: tuple[str, ...]
    code: str

    @property
    def marks(self):
        """Networks take their time."""
        return [pytest.mark.slow] if "LSTM" in self.code else []


def examples():
    for path in sorted(DOCS.rglob("*.md")):
        if "_build" in path.parts:
            continue
        page, text = path.relative_to(DOCS).as_posix(), path.read_text(encoding="utf-8")
        blocks = [(tuple(needs.split()), code) for needs, code in BLOCK.findall(text)]
        if together := [code for needs, code in blocks if not needs]:
            yield Example(page, (), "\n".join(together))
        yield from (Example(page, needs, code) for needs, code in blocks if needs)


EXAMPLES = [pytest.param(one, marks=one.marks, id="-".join([one.page, *one.needs])) for one in examples()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_python_of_a_page_runs_as_it_stands(example, tmp_path, monkeypatch):
    missing = [name for name in example.needs if find_spec(name) is None]
    if missing:
        pytest.skip(f"it needs {' and '.join(missing)}")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        if example.needs:  # other packages' warnings are theirs
            warnings.simplefilter("default")
        exec(compile(example.code, example.page, "exec"), {"__name__": "__main__"})  # noqa: S102


def test_everything_public_is_in_the_reference():
    reference = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    described = set(re.findall(r"^   (seqrec\.\S+)$", reference, re.MULTILINE))
    names = {f"seqrec.{name}" for name in seqrec.__all__ if is_described(getattr(seqrec, name))}
    for module in SUBMODULES:
        names |= {f"seqrec.{module}.{name}" for name in getattr(seqrec, module).__all__}
    names |= {f"seqrec.plots.{name}" for name in dir(seqrec.plots) if name.startswith("plot_")}
    again = {f"seqrec.model_selection.{name}" for name in seqrec.__all__}  # stands under its shorter name
    assert sorted(names - again - described) == []


def is_described(thing):
    return isclass(thing) or isfunction(thing)


def test_every_code_of_the_quarantine_is_explained():
    page = (DOCS / "how_to/dirty_logs.md").read_text(encoding="utf-8")
    assert [code for code in CODES if f"`{code}`" not in page] == []


def test_every_exit_code_is_explained():
    page = (DOCS / "how_to/every_night.md").read_text(encoding="utf-8")
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    codes = {code for code in codes if code <= 130}  # what processes end with
    assert [code for code in sorted(codes) if f"| {code} |" not in page] == []


def test_every_fragment_of_the_changelog_is_of_a_kind():
    names = [path.name for path in (ROOT / "changes").glob("*.md") if path.name != "README.md"]
    assert [name for name in names if not re.fullmatch(r"\S+\.(added|changed|fixed|removed)\.md", name)] == []


def commands():
    """Give the commands in all blocks of shell, each with its page and its words."""
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```(?:bash|console|\{code-block\} sh)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for command, rest in re.findall(r"\bseqrec ([a-z]+) ([^\n|;&#]*)", block):
                yield path.name, command, rest.split()


def test_every_command_of_a_page_knows_the_options_that_it_is_given():
    group = typer.main.get_command(app)
    context = group.make_context("seqrec", [], resilient_parsing=True)
    found = list(commands())
    assert found
    for page, name, words in found:
        command = group.get_command(context, name)
        assert command is not None, f"{page}: seqrec {name}"
        known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, f"{page}: seqrec {name}"
