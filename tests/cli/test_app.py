"""The command line as a whole: it answers at once, and says no more than it should."""

import json
import os
import subprocess
import sys

import pytest
import typer
from command_line import assert_refused, command, make_log, run, write
from typer.testing import CliRunner

import seqrec
from seqrec.cli.app import app
from seqrec.cli.options import Reading


def test_version_is_told():
    assert run("--version").stdout.strip() == f"seqrec {seqrec.__version__}"


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys; from seqrec.cli.app import app\n"
        "for name in ('', 'fit', 'score', 'recommend', 'generate', 'ask', 'evaluate', 'inspect', 'verify', 'demo'):\n"
        "    try: app([*name.split(), '--help'])\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'numpy', 'pandas', 'pyarrow', 'duckdb', 'sklearn', 'rich'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("Usage:") == 10


@pytest.mark.slow
def test_a_process_of_its_own_is_silent_but_for_its_own_lines(home, tmp_path):
    arguments = command(home, "recommend", home / "log.csv", output=tmp_path / "out")
    finished = subprocess.run(
        [sys.executable, "-m", "seqrec", *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert all(line.startswith("seqrec: ") for line in finished.stderr.splitlines())
    assert "320 = scored 320" in finished.stdout


def test_quiet_says_nothing(home, tmp_path):
    result = run("recommend", home / "recommend.seqrec", home / "log.csv", "-o", tmp_path / "out", "-k", 5, "--quiet")
    assert result.output == ""


@pytest.mark.parametrize("text", ["[red]x[/red]\x1b[31m", "\x1b]0;title\x07"])
def test_names_of_strangers_are_escaped_in_messages(home, tmp_path, text):
    log = make_log().rename(columns={"item_id": text})
    path = write(log, tmp_path / f"{text.replace('/', '')}.jsonl")
    for arguments in (
        ["score", home / "score.seqrec", path, "-o", tmp_path / "out"],
        ["score", home / "score.seqrec", path, "-o", tmp_path / "out", "--item", text],
        ["score", home / "score.seqrec", f"{text}.csv", "-o", tmp_path / "out"],
        ["score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out", f"--{text}"],
        ["fit", path, "-o", tmp_path / "m.seqrec", "--task", "detect", "--item", text, "--set", f"{text}=1"],
        [text],
    ):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert "\x1b" not in result.output
        assert "\x07" not in result.output
        assert "Traceback" not in result.output


def test_a_command_that_does_not_exist_is_refused(home, tmp_path):
    assert_refused(home, tmp_path, "skore", "skore")


def test_an_option_of_several_commands_is_the_same_in_each():
    commands = typer.main.get_command(app).commands
    options = {
        name: {one.name: (one.opts, one.default, one.help) for one in commands[name].params} for name in commands
    }
    for name in (*Reading._fields, "as_json", "quiet"):
        assert options["fit"][name] == options["score"][name] == options["recommend"][name] == options["evaluate"][name]
    shared = options["score"].keys() & options["recommend"].keys()
    assert len(shared) == 21
    assert all(options["score"][name] == options["recommend"][name] for name in shared)


def test_help_is_as_wide_as_the_terminal():
    arguments = [sys.executable, "-m", "seqrec", "fit", "--help"]
    told = subprocess.run(arguments, check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "140"})
    assert 100 < max(map(len, told.stdout.splitlines())) < 140


@pytest.mark.parametrize(
    "line", ["--help", "fit --help", "inspect {home}/score.seqrec", "inspect {home}/score.seqrec --json"]
)
@pytest.mark.slow
def test_a_pipe_that_nobody_reads_is_no_bug(home, line):
    arguments = [sys.executable, "-m", "seqrec", *line.format(home=home).split()]
    read, write_end = os.pipe()
    os.close(read)
    finished = subprocess.run(arguments, check=False, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert finished.returncode == 141
    assert finished.stderr == ""


@pytest.mark.parametrize(
    "line",
    [
        "score {home}/score.seqrec {home}/none.csv -o {new}",
        "score {home}/score.seqrec {home}/log.csv",
        "fit {home}/log.csv -o {new}.seqrec --task detect --set units=many",
        "evaluate {home}/none.seqrec {home}/log.csv",
        "inspect {home}/none.seqrec",
        "verify {home}/none",
        "state list {home}",
        "skore",
        "score --what",
    ],
)
def test_an_error_is_json_too_where_json_is_asked_for(home, tmp_path, line):
    result = run(*line.format(home=home, new=tmp_path / "new").split(), "--json", code=2)
    told = json.loads(result.stdout)
    assert told.keys() == {"error", "code"}
    assert told["code"] == 2
    assert told["error"][:40] in result.stderr


@pytest.mark.parametrize("command", ["fit {home}/log.csv --task detect", "score {home}/score.seqrec {home}/log.csv"])
def test_nothing_is_written_to_a_file_named_as_the_standard_output(home, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert_refused(home, tmp_path, f"{command} -o -", "standard output")


@pytest.mark.parametrize("role", ["log", "model", "output"])
def test_links_that_lead_in_a_circle_are_refused(home, tmp_path, role):
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    names = {"model": home / "score.seqrec", "log": home / "log.csv", "output": tmp_path / "out"}
    names[role] = tmp_path / "loop.csv"
    result = CliRunner().invoke(app, ["score", str(names["model"]), str(names["log"]), "-o", str(names["output"])])
    assert result.exit_code in (2, 74)
    assert "loop.csv" in result.stderr
    assert "Traceback" not in result.output
