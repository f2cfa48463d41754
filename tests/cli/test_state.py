"""``seqrec state``: the nights that are kept, and one taken back."""

import json

import pandas as pd
import pytest
from command_line import command, make_log, read_results, run, write

from seqrec.cli import exits


@pytest.fixture
def nights(home, tmp_path):
    """Two nights that were scored with one folder of states."""
    log = make_log(8, 8).sort_values("timestamp", ignore_index=True)
    log["timestamp"] = [f"{time:%Y-%m-%dT%H:%M:%S}" for time in pd.date_range("2024-05-01", periods=64, freq="7min")]
    log["user_id"] = [f"u{row % 8}" for row in range(64)]
    paths = [write(log[:32], tmp_path / "monday.csv"), write(log[32:], tmp_path / "tuesday.csv")]
    for path in paths:
        run(*command(home, "score", path, output=tmp_path / path.stem), "--state", tmp_path / "states", "-q")
    return paths


def listed(states):
    return json.loads(run("state", "list", states, "--json").stdout)["states"]


def test_nights_are_listed_the_newest_first(tmp_path, nights):
    assert [one["logs"] for one in listed(tmp_path / "states")] == [[str(path)] for path in reversed(nights)]
    shown = run("state", "list", tmp_path / "states").stdout
    assert shown.index("tuesday.csv") < shown.index("monday.csv")


def test_a_night_that_is_taken_back_can_be_scored_again_in_another_folder(home, tmp_path, nights):
    again = [*command(home, "score", nights[1], output=tmp_path / "again"), "--state", tmp_path / "states", "-q"]
    refused = run(*again, code=exits.USAGE)
    assert "was scored before with these states" in refused.stderr
    assert f"seqrec state rollback {tmp_path / 'states'}" in refused.stderr
    assert "tuesday.csv. Now those made" in run("state", "rollback", tmp_path / "states").stdout
    run(*again)
    for name in ("events", "sequences"):
        one, other = (read_results(tmp_path / folder, name) for folder in ("again", "tuesday"))
        pd.testing.assert_frame_equal(one, other)
    assert len(listed(tmp_path / "states")) == 2


def test_all_nights_can_be_taken_back(tmp_path, nights):
    for _ in nights:
        last = run("state", "rollback", tmp_path / "states")
    assert "nothing is known of any user" in last.stdout
    assert "no states are kept" in run("state", "list", tmp_path / "states").stdout
    assert "holds no states" in run("state", "rollback", tmp_path / "states", code=exits.USAGE).stderr


def test_so_many_nights_are_kept(home, tmp_path, nights):
    log = pd.read_csv(nights[1]).assign(timestamp="2024-06-01T00:00:00")
    path = write(log, tmp_path / "wednesday.csv")
    states = ["--state", tmp_path / "states", "--keep-states", 1, "-q"]
    run(*command(home, "score", path, output=tmp_path / "wednesday"), *states)
    assert [one["logs"] for one in listed(tmp_path / "states")] == [[str(path)]]
    assert "keeps no earlier states" in run("state", "rollback", tmp_path / "states", code=exits.USAGE).stderr


def test_a_night_in_another_form_stops_and_quiet_says_why_rows_are_left_out(home, tmp_path, nights):
    cut = write(pd.read_csv(nights[1])[:-3], tmp_path / "cut.csv")
    states = ["--state", tmp_path / "states", "-q"]
    result = run(*command(home, "score", cut, output=tmp_path / "cut"), *states, code=exits.TOO_MANY_BAD)
    assert "29 of 29 rows cannot be used (29 of them come too late)" in result.stderr
    assert len(listed(tmp_path / "states")) == 2
    few = write(pd.concat([pd.read_csv(nights[1])[:1], make_log(first_user=900)]), tmp_path / "few.csv")
    result = run(*command(home, "score", few, output=tmp_path / "few"), *states, code=exits.QUARANTINED)
    assert result.stdout == ""
    assert "warning: 1 of 321 rows cannot be used: 1 late_event; see" in result.stderr


@pytest.mark.parametrize("verb", ["list", "rollback"])
def test_a_folder_without_states_is_refused_in_one_line(tmp_path, verb):
    result = run("state", verb, tmp_path, code=exits.USAGE)
    assert "is no folder of states" in result.stderr
    assert len(result.stderr.splitlines()) == 1
