"""The house's plan: floors, sizes, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqrec

PACKAGE = Path(seqrec.__file__).parent
FLOORS = [
    {"_checks", "atomic", "escapes", "cards", "storage.model_file", "explore.front_end"},
    {"vocabulary", "times", "lists", "frames", "sequences", "sessions", "descriptions"}
    | {
        f"logs.{name}"
        for name in ("files", "blocks", "csv", "json", "parquet", "values", "columns", "chunks", "outputs")
    }
    | {f"storage.{name}" for name in ("schemas", "array_schemas", "parameters", "storable", "training_data")}
    | {"logs.outputs", "jobs.job", "jobs.staging", "explore.catalogue"},
    {"metrics", "thresholds", "base", "baselines", "model_selection", "datasets", "fraud", "profiles"}
    | {"chains", "pools", "counts", "ngrams", "fields", "calibration", "anomaly", "anomaly_baselines"}
    | {"questions", "ranking", "contributions"}
    | {"storage.architectures", "jobs.pieces", "jobs.recommending"},
    {"precision", "graphs", "layers", "heads", "losses", "batches", "recurrence", "model", "progress", "training"}
    | {"next_items", "mixtures", "event_encoder", "event_model", "class_model", "reading", "learning", "explanations"}
    | {"explore.training_curves"},
    {"lstm", "recommender", "detector", "classifier", "gates", "jobs.running"},
    {"demo", "demo_fraud", "plots", "storage.persistence", "distributed", "__main__"}
    | {f"jobs.{name}" for name in ("scoring", "states", "log_job", "detection", "recommendation")}
    | {f"commands.{name}" for name in ("cli", "exits", "console", "options", "fitting", "batch_commands", "evaluation")}
    | {f"commands.{name}" for name in ("verification", "model_logs", "whole_logs")}
    | {f"explore.{name}" for name in ("recommendations", "edited_history", "sides", "anomalies", "timelines")}
    | {f"explore.{name}" for name in ("gate_inspector", "item_map", "item_groups", "comparison")},
]
KERAS_FLOOR = 3
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
PATHS = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__init__"
}
MODULES = sorted(PATHS)


def imported_names(module):
    tree = ast.parse(PATHS[module].read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(module):
    """Modules of the package that a module imports."""
    names = (name for name in imported_names(module) if name.startswith("seqrec."))
    return {name.removeprefix("seqrec.") for name in names} & set(MODULES)


def test_every_module_has_a_floor():
    assert sorted(FLOOR_OF) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_from_its_own_floor_or_below(module):
    above = {name for name in imported_modules(module) if FLOOR_OF[name] > FLOOR_OF[module]}
    assert not above


def test_no_imports_go_in_a_circle():
    waiting = {module: imported_modules(module) for module in MODULES}
    while free := {module for module, needs in waiting.items() if not needs & waiting.keys()}:
        for module in free:
            del waiting[module]
    assert not waiting


@pytest.mark.parametrize("module", MODULES)
def test_keras_is_imported_only_from_its_floor_up(module):
    packages = {name.split(".")[0] for name in imported_names(module)}
    assert FLOOR_OF[module] >= KERAS_FLOOR or not packages & {"keras", "tensorflow"}


@pytest.mark.parametrize("module", MODULES)
def test_module_is_of_readable_size(module):
    assert len(PATHS[module].read_text().splitlines()) <= 400


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_of_readable_size(module):
    long = []
    for node in ast.walk(ast.parse(PATHS[module].read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            long += [f"{node.name}: {lines} lines"] * (lines > 40)
    assert not long


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, seqrec; sys.exit(','.join({'tensorflow', 'keras', 'pandas', 'numpy'} & set(sys.modules)) or 0)"
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_counting_and_judging_need_no_tensorflow():
    names = ", ".join(name for name in seqrec.__all__ if not name.startswith(("LSTM", "__")))
    code = f"import sys; from seqrec import {names}; sys.exit('tensorflow' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_every_public_name_is_there_and_listed():
    assert set(seqrec.__all__) <= set(dir(seqrec))
    assert all(hasattr(seqrec, name) for name in seqrec.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'LSTMRecomender'"):
        seqrec.LSTMRecomender  # noqa: B018
