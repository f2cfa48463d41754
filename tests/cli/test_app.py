"""The command line as a whole: it answers at once, and says no more than it should."""

import os
import subprocess
import sys

import pytest
import typer
from command_line import assert_refused, command, make_log, run, write
from typer.testing import CliRunner

import seqrec
from seqrec.cli.app import app


def test_version_is_told():
    assert run("--version").stdout.strip() == f"seqrec {seqrec.__version__}"


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys; from seqrec.cli.app import app\n"
        "for name in ([], ['fit'], ['score'], ['recommend'], ['evaluate'], ['inspect'], ['verify'], ['demo']):\n"
        "    try: app([*name, '--help'])\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'numpy', 'pandas', 'pyarrow', 'duckdb', 'sklearn', 'rich'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("Usage:") == 8


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
    for name in ("user", "item", "timestamp", "time_unit", "drop_duplicates", "max_bad", "as_json", "quiet"):
        assert options["fit"][name] == options["score"][name] == options["recommend"][name] == options["evaluate"][name]
    shared = options["score"].keys() & options["recommend"].keys()
    assert len(shared) == 16
    assert all(options["score"][name] == options["recommend"][name] for name in shared)
