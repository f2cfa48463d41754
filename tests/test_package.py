"""The house: what its folders may import, how long its functions are, and what an import costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import seqrec

PACKAGE, SOURCE = Path(seqrec.__file__).parent, Path(__file__).parents[1] / "seqrec"
MODULES = sorted(PACKAGE.rglob("*.py"))


def function_lengths(path):
    """Lines of each function of a module, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_functions_stay_as_short_as_they_are():
    lengths = sorted(length for path in MODULES for length in function_lengths(path))
    assert median(lengths) <= 5
    assert lengths[len(lengths) * 9 // 10] <= 14
    assert lengths[-1] <= 49


OF_EVERYBODY = {"_replace", "_asdict", "_fields", "_make"}  # of a NamedTuple


def names_defined(tree):
    """Underscored names that a module defines: functions, classes, variables, attributes of an object or class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def names_of_others(tree):
    """Line and name of each attribute of something else than `self`, and of what is imported from other folders."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls", "super()"):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqrec."):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            yield from ((node.lineno, text.value) for text in node.args[1:2] if isinstance(text, ast.Constant))


def folder_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def test_no_folder_uses_the_private_names_of_another():
    trees = {path: ast.parse(path.read_text()) for path in MODULES}
    own = {path: {name for name in names_defined(tree) if re.match("_[^_]", name)} for path, tree in trees.items()}
    owners = {name: {folder_of(path) for path in own if name in own[path]} for name in set().union(*own.values())}
    trespasses = [
        f"{path.relative_to(PACKAGE)}:{line} uses {name} of {', '.join(sorted(owners[name]))}"
        for path, tree in trees.items()
        for line, name in names_of_others(tree)
        if name in owners.keys() - own[path] - OF_EVERYBODY and owners[name] != {folder_of(path)}
    ]
    assert not trespasses


def test_a_test_stands_under_the_name_of_its_module():
    tests, of_many = Path(__file__).parent, {"test_dirty_input.py", "test_dirty_logs.py"}
    mirrored = [path for folder in PACKAGE.iterdir() for path in (tests / folder.name).glob("test_*.py")]
    modules = {str(path.relative_to(PACKAGE)) for path in MODULES}
    assert [
        str(path.relative_to(tests))
        for path in mirrored
        if path.name not in of_many
        and str(path.relative_to(tests).with_name(path.name.removeprefix("test_"))) not in modules
    ] == []


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_what_is_installed_is_the_source_whole_with_front_ends_and_types():
    assert PACKAGE != SOURCE or not sys.flags.safe_path, "this was to test the wheel: rm .make/wheel, and make test"
    installed, source = files_of(PACKAGE), files_of(SOURCE)
    assert installed.keys() == source.keys() >= {"py.typed", "explore/kit.js", "explore/kit.css"}
    assert [name for name, content in source.items() if installed[name] != content] == []


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, seqrec; sys.exit(','.join({'tensorflow', 'keras', 'pandas', 'numpy'} & set(sys.modules)) or 0)"
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_counting_and_judging_need_no_tensorflow():
    with_network = ("LSTM", "ConvLSTM", "__", "trace_gates", "ArrowScorer")
    names = ", ".join(name for name in seqrec.__all__ if not name.startswith(with_network))
    code = f"import sys; from seqrec import {names}; sys.exit('tensorflow' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_every_public_name_is_there_and_listed():
    assert set(seqrec.__all__) <= set(dir(seqrec))
    assert all(hasattr(seqrec, name) for name in seqrec.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'LSTMRecomender'"):
        seqrec.LSTMRecomender  # noqa: B018
