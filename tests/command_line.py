"""A log, commands on it, and what they leave: what the tests of the command line share."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from seqrec.cli import exits
from seqrec.cli.app import app

SMALL = ["--set", "units=8", "--set", "max_epochs=2", "--seed", "0"]
ONE_FOLD = [*SMALL, "--set", "n_folds=1"]
ITEMS = ["tea", "milk", "cake", "bread", "jam"]
HOSTILE = "=cmd|' /C calc'!A0\x1b[31m\"\n,x"


def make_log(n_users=40, length=8, seed=0, first_user=0):
    random = np.random.default_rng(seed)
    n = n_users * length
    start = pd.Timestamp("2024-05-01")
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{number:03d}" for number in range(first_user, first_user + n_users)], length),
            "item_id": np.array(ITEMS, dtype=object)[(np.arange(n) + random.integers(0, 2, n)) % len(ITEMS)],
            "timestamp": [f"{start + pd.Timedelta(minutes=int(7 * row)):%Y-%m-%dT%H:%M:%S}" for row in range(n)],
            "amount": random.lognormal(3, 0.5, n).round(2),
        }
    )


def run(*arguments, code=0):
    """Run a command, whose exit code must be this one, without a traceback; 0 stands for 5, too."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output, result.output
    assert result.exit_code == code or (code, result.exit_code) == (0, exits.DRIFTED), result.output
    return result


def write(log, path):
    """Write a frame, or rows, in the format of the name's ending."""
    log = pd.DataFrame(log)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pandas(log, preserve_index=False), path)
    elif path.suffix == ".jsonl":
        rows = log.astype(object).where(log.notna(), None).to_dict("records")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        log.to_csv(path, index=False)
    return path


def read_results(folder, name):
    """Read all result files of one kind."""
    frames = [pd.read_parquet(path) for path in sorted(folder.glob(f"{name}*.parquet"))]
    return pd.concat(frames, ignore_index=True)


def command(home, task, *logs, output):
    """Give the arguments of a command on logs."""
    if task == "fit":
        return ["fit", *logs, "-o", output.with_suffix(".seqrec"), "--task", "detect", "--fields", "amount", *ONE_FOLD]
    return [task, home / f"{task}.seqrec", *logs, "-o", output]


def quarantined(task, output):
    """Read what a command has quarantined."""
    if task == "fit":
        return pd.read_csv(output.with_suffix(".seqrec.quarantine.csv"))
    return pd.read_parquet(output / "quarantine.parquet")


def assert_refused(home, tmp_path, line, text):
    """Run a command that is used wrongly: it says so in one line, and leaves nothing."""
    result = run(*line.format(home=home, new=tmp_path / "new").split(), code=exits.USAGE)
    assert text in result.stderr
    assert len(result.stderr.splitlines()) <= 3  # the others say which model and columns were found
    assert not list(tmp_path.iterdir())
    assert not result.stdout
