"""README runs as it stands, its links lead somewhere, and its figures are those of the result files."""

import gzip
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import seqrec
from seqrec import datasets
from seqrec.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINK = re.compile(r"\]\((?!https:)([^)\s]+)\)")  # inside of the repository
TABLES = "benchmarks/tables.py"
MOST_LINES = 130

has_docs = pytest.mark.skipif(not (ROOT / "docs" / "conf.py").exists(), reason="a source distribution has no docs")


def blocks(language):
    """Code of README in one language, in its order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands():
    """Arguments of the seqrec commands of README, as a shell would split them."""
    lines = "".join(blocks("bash")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("seqrec ")]


def run_python():
    scope = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), scope)  # noqa: S102
    return scope


def write_nightly_logs(folder, n_sessions):
    """Logs as README's commands name them: October in two files, and a today of one day."""
    log = datasets.make_fraud_log(n_sessions, 0.0, random_state=0).drop(columns=["account_id", "is_fraud", "kind"])
    start = log.groupby("session_id")["timestamp"].transform("min")
    october = pd.Timestamp("2026-10-01") + (start - start.min()) / 12 + (log["timestamp"] - start)
    log = log.assign(timestamp=october.dt.strftime("%Y-%m-%dT%H:%M:%S.%f"), half=log.index % 2)
    today = log.assign(timestamp=(october - october.dt.normalize() + pd.Timestamp("2026-11-24")).astype(str))
    (folder / "logs" / "october").mkdir(parents=True)
    files = {f"october/{half}.csv.gz": rows for half, rows in log.groupby("half")} | {"today.csv.gz": today}
    for name, rows in files.items():
        with gzip.open(folder / "logs" / name, "wt", encoding="utf-8") as file:
            rows.drop(columns="half").to_csv(file, index=False)


def test_it_is_one_screen():
    assert len(README.splitlines()) <= MOST_LINES


class _Counts(seqrec.CombinedDetector):
    def explain(self, X):
        return self.part_p_values(X)


COUNTS = {
    "LSTMRecommender": seqrec.MarkovRecommender,
    "LSTMAnomalyDetector": _Counts,
    "LSTMGenerator": seqrec.NGramGenerator,
    "LSTMForecaster": seqrec.ThetaForecaster,
}


@pytest.mark.filterwarnings("ignore::seqrec.exceptions.UnusedColumnsWarning")  # networks read the price
def test_its_python_runs_with_counts_in_place_of_networks(monkeypatch):
    for name, fast in COUNTS.items():
        slow = getattr(seqrec, name)

        def make(slow=slow, fast=fast, **given):
            inspect.signature(slow).bind(**given)
            taken = inspect.signature(fast).parameters
            return fast(**{name: value for name, value in given.items() if name in taken})

        monkeypatch.setattr(seqrec, name, make, raising=False)
    assert run_python()["items"].shape == (1_000, 10)


@pytest.mark.slow
def test_its_python_runs_as_it_stands():
    scope = run_python()
    score = scope["recommender"].score(scope["history"], scope["target"])
    told = float(re.search(r"NDCG@10 over all items: (\.\d+)", README).group(1))
    assert score == pytest.approx(told, abs=0.03)


def test_its_commands_have_the_options_that_it_gives_them():
    group = typer.main.get_command(app)
    assert [command for command, *_ in commands()] == ["fit", "inspect", "score", "verify"]
    for command, *arguments in commands():
        group.commands[command].make_context(command, arguments)


@pytest.mark.slow
def test_its_commands_run_on_a_log(tmp_path, monkeypatch):
    write_nightly_logs(tmp_path, 100)
    monkeypatch.chdir(tmp_path)
    for arguments in commands():
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "today" / "alerts.csv").exists()


def test_it_names_all_that_tensorflow_cpu_needs():
    needed = {re.match(r"[\w-]+", requirement).group() for requirement in PROJECT["project"]["dependencies"]}
    named = re.search(r"^pip install (tensorflow-cpu .+)$", README, re.MULTILINE).group(1).split()
    assert set(named) == needed - {"tensorflow"} | {"tensorflow-cpu"}


@has_docs
def test_its_links_lead_somewhere():
    assert [link for link in LINK.findall(README) if not (ROOT / link).exists()] == []


def test_its_links_lead_to_the_repository_when_pypi_shows_it():
    text = README
    for change in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    assert len(LINK.findall(README)) > 5
    assert LINK.findall(text) == []
    assert re.search(r"!\[.+\]\(https://raw\.", text)


def check(root):
    return subprocess.run(
        [sys.executable, "-ES", ROOT / TABLES, "--check", "--root", root], capture_output=True, text=True, check=False
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
