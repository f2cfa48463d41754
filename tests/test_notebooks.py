import ast
import asyncio
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

# Imported where they are used: to import them takes seconds, in each process that tests.
NEEDED = ("jupytext", "nbformat", "nbclient", "ipykernel")
pytestmark = pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason='notebooks need more: pip install -e ".[dev]"')

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
MOST_CELLS, MOST_BYTES, MOST_SECONDS = 15, 400_000, 600
A_MACHINES_OWN = re.compile(r"(?<![\w.])/(home|root|tmp|work|usr|opt|var|mnt|Users)/|[A-Z]:\\\\|site-packages|\.venv")
# What C++ code says of a machine goes to the terminal, and into no notebook; `make notebooks` has it so, too.
KERNEL_ARGUMENTS = ["--IPKernelApp.capture_fd_output=False"]

of_each = pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)


def stored(source):
    import nbformat

    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def complaints(notebook):
    """What went wrong in a notebook, or was warned of, as text."""
    errors = [output.evalue for output in outputs(notebook) if output.output_type == "error"]
    return errors + [output.text for output in outputs(notebook) if output.get("name") == "stderr"]


def shows_something(cell):
    """Tell whether a cell prints, runs a shell, or ends in a value."""
    if cell.source.startswith("%%"):
        return True
    last = ast.parse(cell.source).body[-1]
    is_value = isinstance(last, ast.Expr) and not isinstance(last.value, ast.Call)
    return is_value or re.search(r"^(print|display)\(", cell.source, re.MULTILINE) is not None


def test_there_are_notebooks_and_none_lacks_its_other_half():
    assert NOTEBOOKS
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {path.stem for path in NOTEBOOKS}


@of_each
def test_text_and_notebook_hold_the_same_cells(source):
    import jupytext

    text, notebook = jupytext.read(source), stored(source)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in text.cells
    ], "run `make notebooks`"


@of_each
def test_it_is_short(source):
    assert len(stored(source).cells) <= MOST_CELLS
    assert source.with_suffix(".ipynb").stat().st_size < MOST_BYTES


@of_each
def test_it_was_run_from_top_to_bottom_without_a_complaint(source):
    notebook = stored(source)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [cell.source for cell in cells if shows_something(cell) and not cell.outputs] == []
    assert complaints(notebook) == []


@of_each
def test_it_tells_nothing_of_the_machine_that_ran_it(source):
    notebook = stored(source)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata  # copies of their scripts, which would grow old
    assert [cell.metadata.execution for cell in notebook.cells if "execution" in cell.metadata] == []  # times of day
    for output in outputs(notebook):
        for kind in [kind for kind in output.get("data", ()) if kind.startswith("image/")]:
            del output.data[kind]  # base64 may hold anything
    assert A_MACHINES_OWN.findall(json.dumps(notebook)) == []


@of_each
def test_its_links_lead_somewhere(source):
    prose = "\n".join(cell.source for cell in stored(source).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#\s]+)", prose)
    here = [link for link in links if not link.startswith("https://")]
    assert [link for link in here if not (FOLDER / link).exists()] == []
    assert set(here) & {path.with_suffix(".ipynb").name for path in NOTEBOOKS if path != source}  # where to read on


@pytest.mark.slow
@of_each
def test_it_runs_in_a_fresh_kernel(source, tmp_path):
    import jupytext
    import nbclient

    notebook = jupytext.read(source)
    client = nbclient.NotebookClient(
        notebook,
        timeout=MOST_SECONDS,
        kernel_name="python3",
        extra_arguments=KERNEL_ARGUMENTS,
        resources={"metadata": {"path": tmp_path}},
    )
    asyncio.run(client.async_execute())  # `execute` would leave a loop open
    assert complaints(notebook) == []
