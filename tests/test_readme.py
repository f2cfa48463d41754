"""README's figures are those of the result files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLES = "benchmarks/tables.py"


def check(root):
    return subprocess.run(
        [sys.executable, "-S", ROOT / TABLES, "--check", "--root", root], capture_output=True, text=True, check=False
    )


def test_its_figures_are_those_of_the_results():
    assert check(ROOT).stderr == ""


@pytest.mark.parametrize("file", ["README.md", "docs/benchmarks.md"])
def test_a_figure_that_was_typed_is_found(tmp_path, file):
    shutil.copytree(ROOT / "benchmarks" / "results", tmp_path / "benchmarks" / "results")
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/benchmarks.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    text = (tmp_path / file).read_text(encoding="utf-8")
    (tmp_path / file).write_text(text.replace("| MovieLens 1M, split by time |", "| MovieLens |"), encoding="utf-8")
    checked = check(tmp_path)
    assert checked.returncode == 1
    assert f"{file}:" in checked.stderr
    assert "| MovieLens |" in checked.stderr
