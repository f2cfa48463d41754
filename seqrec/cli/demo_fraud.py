"""The second look, `seqrec demo` again: planted fraud is found in the log of a bank, and the log says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sklearn.metrics import roc_auc_score

import seqrec
from seqrec.data.sequences import Sequences
from seqrec.datasets import make_fraud_log

N_SESSIONS, N_EPOCHS = 3_000, 16
ALERTS = 0.01  # share of the normal sessions that may raise an alert


def find_fraud(console: Console) -> None:
    """Learn from a clean log, find the planted fraud in another, compare with counting, and show the reasons."""
    clean = make_fraud_log(N_SESSIONS, fraud_rate=0, random_state=1)
    log = make_fraud_log(N_SESSIONS, fraud_rate=0.05, random_state=2)
    X, asked = (_sessions(events) for events in (clean, log))
    kind = log.groupby("session_id")["kind"].first().loc[asked.keys].to_numpy()
    console.print(f"A log of {len(X):,} clean bank sessions to learn from, and one of {len(asked):,} in which")
    console.print(f"{np.count_nonzero(kind != ''):,} are fraud of {len(set(kind) - {''})} kinds. No label is used.\n")
    detectors = {
        "3-grams": seqrec.NGramDetector(order=3).fit(X),
        "all counts": seqrec.CombinedDetector().fit(X),
    }
    console.print("Training the LSTM, which takes about a minute ...")
    lstm = seqrec.LSTMAnomalyDetector(n_folds=1, max_epochs=N_EPOCHS, random_state=0).fit(X)
    detectors["LSTM"] = lstm.set_threshold(false_positive_rate=ALERTS)
    console.print(_comparison({name: detector.score_samples(asked) for name, detector in detectors.items()}, kind))
    flagged = lstm.predict(asked) < 0
    hits, alarms = flagged[kind != ""].mean(), flagged[kind == ""].mean()
    console.print(f"A threshold without labels, for {ALERTS:.0%} false alarms, flags {hits:.0%} of the fraud")
    console.print(f"and {alarms:.1%} of what is normal.\n")
    console.print(_reasons(lstm, asked, kind))


def _sessions(log: pd.DataFrame) -> Sequences:
    return Sequences.from_frame(log, user="session_id", item="event", columns=["amount", "channel"])


def _comparison(scores: dict[str, NDArray], kind: NDArray) -> Table:
    table = Table(title="How well each kind of fraud is told from normal sessions: AUROC, .5 is chance")
    kinds = sorted(set(kind) - {""})
    for name in ("", *kinds):
        table.add_column(name, justify="right" if name else "left")
    for name, values in scores.items():
        cells = [f"{_auroc(values, kind, which):.3f}" for which in kinds]
        table.add_row(name, *cells, style="bold green" if name == "LSTM" else "")
    return table


def _auroc(scores: NDArray, kind: NDArray, which: str) -> float:
    asked = (kind == which) | (kind == "")
    return roc_auc_score(kind[asked] == which, -scores[asked])


def _reasons(lstm: Any, asked: Sequences, kind: NDArray) -> Table:
    """Show why: the oddest session of each kind, and its oddest event."""
    table = Table(title="Why: the oddest session of each kind, by detector.explain")
    for name in ("session", "planted", "what fired", "event", "field", "value", "expected"):
        table.add_column(name)
    reasons = lstm.explain(asked, n_events=1, n_expected=2, only_flagged=False).set_index("sequence")
    planted = pd.Series(kind, index=asked.keys).loc[reasons.index]
    for which in sorted(set(kind) - {""}):
        session = planted.index[planted == which][0]
        reason = reasons.loc[session]
        value = f"{reason['value']:.4g}" if isinstance(reason["value"], float) else str(reason["value"])
        cells = (session, which, reason["fired"], reason["event"], reason["field"], value, reason["expected"])
        table.add_row(*map(escape, cells))
    return table
