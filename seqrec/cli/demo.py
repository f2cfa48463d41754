"""``seqrec demo``: a first look, with nothing but the package: it makes logs, recommends, and finds fraud."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seqrec.cli.console import start_tensorflow

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from rich.console import Console
    from rich.table import Table

    from seqrec.data.sequences import Sequences

_K = 10
_N_USERS, _N_ITEMS, _N_EVENTS = 3_000, 300, 150_000
_N_SESSIONS, _N_EPOCHS = 3_000, 16
_ALERTS = 0.01  # share of the normal sessions that may raise an alert
_METRICS = ("HR@10", "NDCG@10", "MRR@10")


def demo() -> None:
    """Recommend and find fraud, in logs that it makes."""
    from rich.console import Console

    started, screen = time.perf_counter(), Console(highlight=False)
    screen.rule("[bold]seqrec: a log in, next items out")
    with _step(screen, "Starting TensorFlow"):
        start_tensorflow()
    _recommend(screen)
    screen.rule("[bold]the same idea, asked how odd something is")
    _find_fraud(screen)
    screen.print(f"Done in {time.perf_counter() - started:.0f} s.", style="dim")


@contextmanager
def _step(screen: Console, text: str) -> Iterator[None]:
    """Show what goes on, and how long it took, while a block runs."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn("line", finished_text="*"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen) as progress:
        task = progress.add_task(text, total=1)
        yield
        progress.advance(task)


def _table(
    title: str, names: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True, caption: str | None = None
) -> Table:
    from rich.table import Table

    table = Table(title=title, caption=caption)
    for name in names:
        table.add_column(name, justify="right" if numbers and name else "left")
    for row in rows:
        table.add_row(*row, style="bold green" if row[0] == "LSTM" else "", end_section=row[0] == "LSTM")
    return table


def _recommend(screen: Console) -> None:
    """Learn from a log, compare with what must be beaten, and show one user's recommendations."""
    from seqrec.data.sequences import Sequences
    from seqrec.datasets import make_catalogue, make_interactions
    from seqrec.metrics import coverage, hit_rate, mrr, ndcg
    from seqrec.model_selection import leave_last_out

    with _step(screen, "Making the log of a streaming service"):
        log = make_interactions(_N_USERS, _N_ITEMS, _N_EVENTS, random_state=0)
    screen.print(log.head(3).to_string(index=False), style="dim")
    X = Sequences.from_frame(log)
    history, target = leave_last_out(X)
    screen.print(f"{X.n_events:,} events of {len(X):,} users. Each user's last event is hidden; it is the question.\n")
    recommenders = _fitted(screen, history)
    with _step(screen, "Ranking the whole catalogue for every user"):
        ranks = {name: one.rank(history, target) for name, one in recommenders.items()}
        lists = {name: one.recommend(history, k=_K)[0] for name, one in recommenders.items()}
    figures = {name: [metric(one, _K) for metric in (hit_rate, ndcg, mrr)] for name, one in ranks.items()}
    shares = {name: coverage(items, len(X.vocabulary)) for name, items in lists.items()}
    screen.print("", _comparison(figures, shares), "", sep="\n")
    hits, gains, _ = figures["LSTM"]
    user = _typical_user(history, gains)
    _show_user(screen, history, target, user, lists["LSTM"][user], make_catalogue(_N_ITEMS).set_index("item_id"))
    screen.print(f"It is among the ten for {hits.mean():.0%} of the users; this is one of them.")


def _fitted(screen: Console, history: Sequences) -> dict[str, Any]:
    from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender, SequentialRulesRecommender
    from seqrec.recommend.lstm import LSTMRecommender

    recommenders: dict[str, Any] = {
        "popularity": PopularityRecommender(),
        "Markov chain": MarkovRecommender(),
        "sequential rules": SequentialRulesRecommender(),
    }
    for name, recommender in recommenders.items():
        with _step(screen, f"Counting for the baseline: {name}"):
            recommender.fit(history)
    screen.print("Training the LSTM, which takes about a minute ...")  # with a bar of its own at a terminal
    return recommenders | {"LSTM": LSTMRecommender(max_epochs=6, random_state=0).fit(history)}


def _comparison(figures: Mapping[str, Sequence[NDArray]], shares: Mapping[str, float]) -> Table:
    """Compare the means of each figure of a user, and what the LSTM has over the best baseline."""
    from seqrec.metrics import bootstrap_difference

    rows = [(name, *(f"{values.mean():.3f}" for values in own), f"{shares[name]:.3f}") for name, own in figures.items()]
    leads = []
    for lstm, *others in zip(figures["LSTM"], *(own for name, own in figures.items() if name != "LSTM"), strict=True):
        best = max(others, key=lambda values: values.mean())
        leads.append(bootstrap_difference(lstm, best, random_state=0))
    rows.append(("LSTM ahead by", *(f"{estimate:+.3f}" for estimate, _, _ in leads), ""))
    rows.append(("95 % interval", *(f"{low:.3f}-{high:.3f}" for _, low, high in leads), ""))
    title = "The hidden next item, ranked in the whole catalogue (seen items left out)"
    caption = "ahead of the best baseline in each column; bootstrap over users"
    return _table(title, ("", *_METRICS, "coverage"), rows, caption=caption)


def _typical_user(history: Sequences, gains: NDArray) -> int:
    """Pick a user with a middling history for whom the LSTM is right, as far down the list as usual."""
    import numpy as np

    unusual = np.abs(gains - np.median(gains[gains > 0]))
    return int(np.lexsort((np.abs(history.lengths - np.median(history.lengths)), unusual))[0])


def _show_user(
    screen: Console, history: Sequences, target: NDArray, user: int, items: NDArray, catalogue: pd.DataFrame
) -> None:
    def label(item: str) -> str:
        title, genre = catalogue.loc[item, ["title", "genre"]]
        return f"{title} [dim]({genre})[/dim]"

    labels = [f"[bold green]{label(item)} <-[/]" if item == target[user] else label(item) for item in items]
    latest = map(label, history[user][-_K:])
    rows = [(seen, str(row), item) for row, (seen, item) in enumerate(zip(latest, labels, strict=True), 1)]
    title = f"User {history.keys[user]}: what the LSTM recommends after {history.lengths[user]} events"
    screen.print(_table(title, ("the latest of the history", "#", "recommended next"), rows, numbers=False))
    screen.print(f"What came next: [bold green]{label(target[user])}[/]")


def _find_fraud(screen: Console) -> None:
    """Learn from a clean log, find the planted fraud in another, compare with counting, and show the reasons."""
    from seqrec.data.sequences import Sequences
    from seqrec.datasets import make_fraud_log

    logs = [make_fraud_log(_N_SESSIONS, fraud_rate=rate, random_state=seed) for rate, seed in ((0, 1), (0.05, 2))]
    X, asked = (
        Sequences.from_frame(log, user="session_id", item="event", columns=["amount", "channel"]) for log in logs
    )
    kind = logs[1].groupby("session_id")["kind"].first().loc[asked.keys].to_numpy()
    fraud, kinds = kind != "", sorted(set(kind) - {""})
    screen.print(f"A log of {len(X):,} clean bank sessions to learn from, and one of {len(asked):,} in which")
    screen.print(f"{fraud.sum():,} are fraud of {len(kinds)} kinds. No label is used.\n")
    detectors = _detectors(screen, X)
    rows = [_aurocs(name, one.score_samples(asked), kind, kinds) for name, one in detectors.items()]
    title = "How well each kind of fraud is told from normal sessions: AUROC, .5 is chance"
    screen.print(_table(title, ("", *kinds), rows))
    flagged = detectors["LSTM"].predict(asked) < 0
    screen.print(
        f"A threshold without labels, for {_ALERTS:.0%} false alarms, flags {flagged[fraud].mean():.0%} of the"
    )
    screen.print(f"fraud and {flagged[~fraud].mean():.1%} of what is normal.\n")
    screen.print(_reasons(detectors["LSTM"], asked, kind, kinds))


def _detectors(screen: Console, X: Sequences) -> dict[str, Any]:
    from seqrec.detect.baselines import CombinedDetector, NGramDetector
    from seqrec.detect.lstm import LSTMAnomalyDetector

    events = replace(X, columns={})  # all that counting reads
    counting = {"3-grams": NGramDetector(order=3).fit(events), "all counts": CombinedDetector().fit(events)}
    screen.print("Training the LSTM, which takes about a minute ...")
    lstm = LSTMAnomalyDetector(n_folds=1, max_epochs=_N_EPOCHS, random_state=0).fit(X)
    return counting | {"LSTM": lstm.set_threshold(false_positive_rate=_ALERTS)}


def _aurocs(name: str, scores: NDArray, kind: NDArray, kinds: Iterable[str]) -> list[str]:
    from sklearn.metrics import roc_auc_score

    told = {which: (kind == which) | (kind == "") for which in kinds}
    return [name, *(f"{roc_auc_score(kind[rows] == which, -scores[rows]):.3f}" for which, rows in told.items())]


def _reasons(lstm: Any, asked: Sequences, kind: NDArray, kinds: Iterable[str]) -> Table:
    """Show why: the oddest session of each kind, and its oddest event."""
    from rich.markup import escape

    reasons = lstm.explain(asked, n_events=1, n_expected=2, only_flagged=False)
    reasons["planted"] = reasons["sequence"].map(dict(zip(asked.keys, kind, strict=True)))
    rows = []
    for which in kinds:
        reason = reasons[reasons["planted"] == which].iloc[0]
        value = f"{reason['value']:.4g}" if isinstance(reason["value"], float) else str(reason["value"])
        told = [reason[name] for name in ("sequence", "planted", "fired", "event", "field")]
        rows.append([escape(str(one)) for one in (*told, value, reason["expected"])])
    names = ("session", "planted", "what fired", "event", "field", "value", "expected")
    return _table("Why: the oddest session of each kind, by detector.explain", names, rows, numbers=False)
