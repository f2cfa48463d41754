"""A first look, with nothing but the package: `python -m seqrec.cli.demo` makes logs, recommends, and finds fraud."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import seqrec
from seqrec.cli.demo_fraud import find_fraud
from seqrec.data.sequences import Sequences
from seqrec.datasets import make_catalogue, make_interactions
from seqrec.metrics import bootstrap_difference, hit_rate, mrr, ndcg

K = 10
N_ITEMS = 300
METRICS = {"HR@10": hit_rate, "NDCG@10": ndcg, "MRR@10": mrr}
Figures = dict[str, NDArray[np.float64]]  # metric: one figure a user


def main() -> None:
    """Make a log, train on it, compare, show one user's recommendations; then find fraud in another."""
    started = time.perf_counter()
    console = Console(highlight=False)
    console.rule("[bold]seqrec: a log in, next items out")
    with _step(console, "Making the log of a streaming service"):
        log = make_interactions(n_items=N_ITEMS, n_events=150_000, random_state=0)
    console.print(log.head(3).to_string(index=False), style="dim")
    X = Sequences.from_frame(log)
    history, target = seqrec.leave_last_out(X)
    console.print(f"{X.n_events:,} events of {len(X):,} users. Each user's last event is hidden; it is the question.\n")

    recommenders = _recommenders()
    for name, recommender in recommenders.items():
        _fit(console, name, recommender, history)
    with _step(console, "Ranking the whole catalogue for every user"):
        figures = {name: _judge(recommender, history, target) for name, recommender in recommenders.items()}
        coverage = {name: _coverage(recommender, history) for name, recommender in recommenders.items()}
    console.print()
    console.print(_comparison(figures, coverage))
    console.print()
    lstm = recommenders["LSTM"]
    user = _typical_user(history, figures["LSTM"])
    _show_user(console, lstm, history, target, user, make_catalogue(N_ITEMS).set_index("item_id"))
    console.print(f"It is among the ten for {figures['LSTM']['HR@10'].mean():.0%} of the users; this is one of them.")
    console.rule("[bold]the same idea, asked how odd something is")
    find_fraud(console)
    console.print(f"Done in {time.perf_counter() - started:.0f} s.", style="dim")


def _recommenders() -> dict[str, Any]:
    return {
        "popularity": seqrec.PopularityRecommender(),
        "Markov chain": seqrec.MarkovRecommender(),
        "sequential rules": seqrec.SequentialRulesRecommender(),
        "LSTM": seqrec.LSTMRecommender(max_epochs=6, random_state=0),
    }


def _fit(console: Console, name: str, recommender: Any, history: Sequences) -> None:
    if name == "LSTM":  # it shows a bar of its own, where there is a terminal
        console.print("Training the LSTM, which takes about a minute ...")
        recommender.fit(history)
    else:
        with _step(console, f"Counting for the baseline: {name}"):
            recommender.fit(history)


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    """Show what goes on, and how long it took, while a block runs."""
    columns = (SpinnerColumn("line", finished_text="*"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(text, total=1)
        yield
        progress.advance(task)


def _judge(recommender: Any, history: Sequences, target: NDArray) -> Figures:
    ranks = recommender.rank(history, target)
    return {name: metric(ranks, K) for name, metric in METRICS.items()}


def _coverage(recommender: Any, history: Sequences) -> float:
    items, _ = recommender.recommend(history, k=K)
    return seqrec.metrics.coverage(items, len(recommender.vocabulary_))


def _comparison(figures: dict[str, Figures], coverage: dict[str, float]) -> Table:
    table = Table(title="The hidden next item, ranked in the whole catalogue (seen items left out)")
    table.add_column("")
    for name in (*METRICS, "coverage"):
        table.add_column(name, justify="right")
    for name, values in figures.items():
        cells = [f"{values[metric].mean():.3f}" for metric in METRICS]
        table.add_row(name, *cells, f"{coverage[name]:.3f}", style="bold green" if name == "LSTM" else "")
    table.add_section()
    for label, cells in zip(("LSTM ahead by", "95 % interval"), _lead(figures), strict=True):
        table.add_row(label, *cells, "")
    table.caption = "ahead of the best baseline in each column; bootstrap over users"
    return table


def _lead(figures: dict[str, Figures]) -> tuple[list[str], list[str]]:
    """Give what the LSTM has over the best baseline in each metric, and the intervals."""
    estimates, intervals = [], []
    for metric in METRICS:
        others = [values[metric] for name, values in figures.items() if name != "LSTM"]
        best = max(others, key=np.mean)
        estimate, low, high = bootstrap_difference(figures["LSTM"][metric], best, random_state=0)
        estimates.append(f"{estimate:+.3f}")
        intervals.append(f"{low:.3f}-{high:.3f}")
    return estimates, intervals


def _typical_user(history: Sequences, figures: Figures) -> int:
    """Pick a user with a middling history for whom the LSTM is right, as far down the list as usual."""
    gains = figures["NDCG@10"]
    unusual = np.abs(gains - np.median(gains[gains > 0]))
    return int(np.lexsort((np.abs(history.lengths - np.median(history.lengths)), unusual))[0])


def _show_user(
    console: Console, lstm: Any, history: Sequences, target: NDArray, user: int, catalogue: pd.DataFrame
) -> None:
    items, _ = lstm.recommend(history[[user]], k=K)
    table = Table(title=f"User {history.keys[user]}: what the LSTM recommends after {history.lengths[user]} events")
    table.add_column("the latest of the history")
    table.add_column("#", justify="right")
    table.add_column("recommended next")
    for row, (seen, item) in enumerate(zip(history[user][-K:], items[0], strict=True)):
        label = _label(catalogue, item)
        hit = f"[bold green]{label} <-[/]" if item == target[user] else label
        table.add_row(_label(catalogue, seen), str(row + 1), hit)
    console.print(table)
    console.print(f"What came next: [bold green]{_label(catalogue, target[user])}[/]")


def _label(catalogue: pd.DataFrame, item: str) -> str:
    title, genre = catalogue.loc[item, ["title", "genre"]]
    return f"{title} [dim]({genre})[/dim]"


def _mute_native_code() -> None:
    """Send what C++ code writes to standard error nowhere; what Python writes still gets there.

    TensorFlow greets with lines that mean nothing to a user, and no setting stops all of them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    _mute_native_code()
    main()
