# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Score logs every night, from the command line
#
# From raw files to alerts without a line of Python: `seqrec fit` once a month, `seqrec score` every night. Files may be
# CSV, JSON Lines or Parquet, also gzipped, and larger than memory. No row is lost without a word, and a run that is
# killed goes on where it stopped.
#
# Here are the logs of a made-up bank, a file a month, in a folder that is thrown away afterwards. October is dirty, as
# exports are.

# %%
import json
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd

from seqrec.datasets import make_catalogue, make_fraud_log, make_interactions

start, folder = Path.cwd(), tempfile.TemporaryDirectory()
os.chdir(folder.name)
# The commands below are those of this notebook's own environment, and need not colour what they say.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
os.environ.pop("FORCE_COLOR", None)  # which Jupyter sets

calm = make_fraud_log(2_500, fraud_rate=0, random_state=1)  # what is normal: January to September
busy = make_fraud_log(2_500, fraud_rate=0.05, random_state=2)  # to ask about: October, November
log = pd.concat([calm[calm["timestamp"] < "2024-10"], busy[busy["timestamp"].between("2024-10", "2024-12")]])
Path("logs").mkdir()
for month, rows in log.groupby(log["timestamp"].dt.strftime("%Y-%m")):
    rows.drop(columns=["account_id", "is_fraud", "kind"]).to_csv(f"logs/{month}.csv", index=False)

make_interactions(300, 100, 12_000, random_state=0).to_csv("views.csv", index=False)  # for later

lines = Path("logs/2024-10.csv").read_text().splitlines()
lines[500] = lines[500].replace("2024-", "20x4-")
lines[900] = lines[900].replace(",0.0,", ",n/a,")
lines[1500] += ",what is this?"
lines[2000:2000] = [lines[2000].split(",")[0]]  # a line that breaks off
Path("logs/2024-10.csv").write_text("\n".join(lines))
print(*lines[:3], "...", lines[500], sep="\n")

# %% [markdown]
# ## Learn, once a month
#
# The columns of users, items and times are found by their usual names, and said; `--user`, `--item` and `--timestamp`
# name others. `--set` passes any parameter of `LSTMAnomalyDetector`. The model file is data, never code, and `inspect`
# tells what it knows without loading it.

# %% language="bash"
# exec 2>&1  # show notes and progress too, which go to standard error
# seqrec fit 'logs/2024-0*.csv' -o bank.seqrec --task detect --fields amount,channel \
#     --set n_folds=1 --set max_epochs=10 --seed 0
# echo; seqrec inspect bank.seqrec

# %% [markdown]
# ## Score, every night
#
# `--fpr 0.01` flags what only 1 % of normal sessions would look like; `--alerts-per-day` and `--contamination` are
# other ways to say it. `--state` is for tomorrow, see below. The exit code is for your scheduler: 0 is clean, 3 is
# finished with rows that could not be used, and more than 1 % of these (`--max-bad`) is 4. Most of the time goes into
# starting TensorFlow; `docs/benchmarks.md` has rates for large logs.

# %% language="bash"
# exec 2>&1
# seqrec score bank.seqrec logs/2024-10.csv -o out/2024-10 --state state --fpr 0.01 --format csv
# echo "exit code $?"; echo; ls out/2024-10

# %% [markdown]
# `alerts.csv` is what a person reads in the morning: the oddest sequences first, with the part of the score that
# `fired` and their three oddest events. Since this log was made, we know what was planted; where `kind` is empty, it is
# a false alarm. `sequences-*.csv` has all sequences, and `events-*.csv` all rows of the log in their order.
#
# No row is dropped in silence: `report.json` accounts for all of them, and `quarantine.csv` has each that could not be
# used, with a stable code, the reason and the raw value. Look there when an alert puzzles you: session s01942 is odd
# only because one of its rows is in quarantine, which leaves a long gap.

# %%
alerts = pd.read_csv("out/2024-10/alerts.csv")
alerts["kind"] = alerts["session_id"].map(busy.groupby("session_id")["kind"].first())
pd.set_option("display.max_colwidth", None)
alerts[["session_id", "kind", "score", "fired", "top_events"]].round(1)

# %%
report = json.loads(Path("out/2024-10/report.json").read_text())
print("{rows:,} rows = {scored:,} scored + {quarantined} quarantined + {filtered} filtered".format(**report))
quarantine = pd.read_csv("out/2024-10/quarantine.csv", keep_default_na=False)
quarantine[["file", "row", "column", "code", "raw"]]

# %% [markdown]
# ## Tomorrow, and when things go wrong
#
# - **The next log** is read on from this one: `--state` keeps what the network remembers of each session, so one that
#   goes on over midnight gets the scores of a single run over both files.
# - **Interrupted?** After `kill -9`, a full disk or a power cut, give the same command again. It goes on where it
#   stopped and ends with the very files of an uninterrupted run. `verify` checks that a folder, or a model file, is
#   whole.
# - **More machines:** `--shard 1/4` to `4/4`, one on each, need no engine; `--dask ADDRESS`, or
#   `seqrec.jobs.engines.score_on`, uses a Dask cluster, and `seqrec.ArrowScorer` goes into Spark's
#   `mapInArrow`.

# %% language="bash"
# exec 2>&1
# seqrec score bank.seqrec logs/2024-11.csv -o out/2024-11 --state state --fpr 0.01 --format csv
# echo "exit code $?"; echo; seqrec verify out/2024-11

# %% [markdown]
# ## Recommendations, the same way
#
# `--task recommend` learns from users and items, and `seqrec recommend` writes a list for every user of a log, known or
# new.

# %% language="bash"
# exec 2>&1
# seqrec fit views.csv -o shop.seqrec --task recommend --set max_epochs=6 --seed 0
# echo; seqrec recommend shop.seqrec views.csv -o lists -k 3 --format csv

# %%
lists = pd.read_csv("lists/recommendations-00000.csv")
lists["title"] = lists["item_id"].map(make_catalogue(100).set_index("item_id")["title"])
os.chdir(start)
folder.cleanup()
lists[["user_id", "rank", "item_id", "title", "score"]].head(6)

# %% [markdown]
# `seqrec --help`, and `--help` after each command, says the rest. `--json` makes the commands speak to machines.
#
# Next: [recommending](01_recommend.ipynb) and [finding what is odd](02_detect_fraud.ipynb) from Python, where you
# choose the settings; [looking into a model](03_explore.ipynb) by hand; [how an LSTM
# remembers](05_how_an_lstm_remembers.ipynb); and [drawing a log that can be shared](06_generate.ipynb).
