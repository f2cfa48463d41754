"""Errors and warnings of ours: all in one module, cheap to import, and caught as what users expect."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqrec
from seqrec._checks import check_integer
from seqrec.exceptions import InputError, SeqrecError

PACKAGE = Path(seqrec.__file__).parent


def test_errors_and_warnings_are_defined_in_one_module():
    homes = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Error", "Warning", "Exception"))
    }
    assert homes == {"exceptions.py"}


@pytest.mark.parametrize(
    "module",
    [
        "_checks",
        "data/sequences",
        "data/times",
        "data/vocabulary",
        "detect/thresholds",
        "logs/tables",
        "recommend/base",
    ],
)
def test_what_checks_input_raises_errors_of_ours(module):
    raised = {
        node.exc.func.id
        for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text()))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }
    assert not raised & {"ValueError", "TypeError"}  # the command line would take them for bugs


def test_importing_them_imports_nothing_else():
    code = (
        "import sys; before = {*sys.modules}; import seqrec.exceptions\n"
        "new = {name.partition('.')[0] for name in {*sys.modules} - before}\n"
        "sys.exit(','.join(new - {'seqrec'} - sys.stdlib_module_names) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("kind", [InputError, SeqrecError, ValueError, TypeError])
def test_wrong_input_is_caught_as_a_value_error_and_as_a_type_error(kind):
    with pytest.raises(kind, match="k must be at least 1, got 0"):
        check_integer(0, "k")
