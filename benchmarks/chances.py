"""Does what is told to come with a chance of 20 % come one time in five?

    python benchmarks/chances.py --log helpdesk bpi_12_w stackoverflow bank --seeds 0 1 2 --data FOLDER

Sequences in the order of their first events: the first two thirds are learned from. Of the events of the last third
some are drawn, last ones among them, and what comes after each is asked. (Not one of each sequence: events of short
sequences would be drawn more often, so that what is asked would tell that the end is near.) Of each of the commonest
events: `chance(within)` so many events, `chance(within)` so long (quartiles of the times that were waited for it in
training), and `chance(before)` each of the others. Nothing is asked that the log stops too early to tell: of a time,
what lies behind its end; of events, logs whose sequences go on when it stops ("stackoverflow").

Figures, by kind of question: the expected calibration error of Guo et al. (2017), equation 3, in ten bins of equal
width; and the Brier score, which also sees how much was told apart. "share" tells what share of the same questions was
answered yes in training; "Markov" the same after that last event, for which twenty answers of "share" count too.
"""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from harness import make_parser, read_settings, read_table, write_result
from synthetic import LOGS

from seqrec import LSTMGenerator, Sequences, futures

N_EVENTS = (1, 3, 10)
_COMMONEST = 4  # events that are asked about
_PRIOR = 20  # answers of any last event, beside those of one
_BINS = 10


def bpi_12_w(folder: str | None) -> Sequences:
    events = read_table(folder, "process-logs", "bpi_12_w")
    events["CompleteTimestamp"] = pd.to_datetime(events["CompleteTimestamp"])
    return Sequences.from_frame(events, user="CaseID", item="ActivityID", timestamp="CompleteTimestamp")


ALL_LOGS = LOGS | {"bpi_12_w": bpi_12_w}
CENSORED = {"stackoverflow"}


class Asked(NamedTuple):
    """Histories, and what came after each."""

    X: Sequences  # whole
    rows: np.ndarray  # (n,) which sequence
    cuts: np.ndarray  # (n,) events of its history

    def history(self) -> Sequences:
        """Give what is known when it is asked."""
        return self.X.between(0, self.cuts, self.rows)

    def last(self) -> np.ndarray:
        """Code of the last event of each history, (n,)."""
        return self.X.codes[self.X.indptr[self.rows] + self.cuts - 1]

    def until(self, code: int) -> tuple[np.ndarray, np.ndarray]:
        """Events and seconds until an event, (n,) each; infinite where it never comes."""
        X, first = self.X, self.X.indptr[self.rows] + self.cuts
        places = np.append(np.where(X.codes == code, np.arange(X.n_events), X.n_events), X.n_events)
        place = np.minimum.accumulate(places[::-1])[::-1][first]
        comes = place < X.indptr[self.rows + 1]
        waited = X.timestamps[np.minimum(place, X.n_events - 1)] - X.timestamps[first - 1]
        return np.where(comes, place - first + 1, np.inf), np.where(comes, waited / np.timedelta64(1, "s"), np.inf)

    def left(self) -> np.ndarray:
        """Seconds from each question to the end of the log, (n,)."""
        end = self.X.timestamps.max()
        return (end - self.X.timestamps[self.X.indptr[self.rows] + self.cuts - 1]) / np.timedelta64(1, "s")


class Question(NamedTuple):
    """One question to all histories: how it is put, what came true, and of which histories this is known."""

    kind: str
    options: dict[str, Any]  # with a list of spans, of which paths tell all at once
    place: int  # of this one among them
    truth: Callable[[Asked], np.ndarray]
    known: Callable[[Asked], np.ndarray]


def ask(X: Sequences, rng: np.random.Generator, n: int) -> Asked:
    events = np.sort(rng.choice(X.n_events, min(n, X.n_events), replace=False))
    rows = np.searchsorted(X.indptr, events, side="right") - 1
    return Asked(X, rows, events - X.indptr[rows] + 1)


def questions_of(training: Asked, is_censored: bool) -> list[Question]:
    """Give what is asked of the commonest events; spans are those that were waited for in training."""
    vocabulary, counts = training.X.vocabulary, np.bincount(training.X.codes)
    codes = np.argsort(-counts, kind="stable")[:_COMMONEST]
    asked = []
    for code, event in zip(codes, vocabulary.decode(codes), strict=True):
        waits = training.until(code)[1]
        spans = np.unique(np.quantile(waits[np.isfinite(waits) & (waits > 0)], [0.25, 0.5, 0.75]).round())
        options = {"event": event, "within": [pd.Timedelta(span, "s") for span in spans]}
        asked += [Question("within a time", options, at, *_within_time(code, span)) for at, span in enumerate(spans)]
        if is_censored:
            continue
        options = {"event": event, "within": list(N_EVENTS)}
        asked += [
            Question("within events", options, at, _within_events(code, n), _always) for at, n in enumerate(N_EVENTS)
        ]
        for rival, other in zip(codes, vocabulary.decode(codes), strict=True):
            if rival != code:
                options = {"event": event, "before": other}
                asked.append(Question("before", options, 0, lambda of, pair=(code, rival): _first(of, *pair), _always))
    return asked


def _within_events(code: int, n: int) -> Callable[[Asked], np.ndarray]:
    return lambda of: of.until(code)[0] <= n


def _within_time(code: int, span: float) -> tuple[Callable[[Asked], np.ndarray], Callable[[Asked], np.ndarray]]:
    return lambda of: of.until(code)[1] <= span, lambda of: of.left() >= span


def _first(of: Asked, code: int, rival: int) -> np.ndarray:
    return of.until(code)[0] < of.until(rival)[0]


def _always(of: Asked) -> np.ndarray:
    return np.ones(len(of.rows), bool)


def calibration_error(chances: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of chances from how often it came true, over bins of equal width."""
    bins = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    return float(np.abs(np.bincount(bins, chances - truth, _BINS)).sum() / len(chances))


def judge(answer: Callable[[Question], np.ndarray], asked: Asked, questions: list[Question]) -> dict[str, Any]:
    """Give the figures of each kind of question, all events together."""
    found: dict[str, list[np.ndarray]] = {}
    for question in questions:
        known = question.known(asked)
        pair = np.stack([answer(question), question.truth(asked)])[:, known]
        found.setdefault(question.kind, []).append(pair)
    figures = {}
    for kind, pairs in found.items():
        chances, truth = np.concatenate(pairs, axis=1)
        brier = float(np.mean((chances - truth) ** 2))
        figures[kind] = {"calibration error": calibration_error(chances, truth), "Brier": brier, "n": len(truth)}
    return figures


def by_share(training: Asked, asked: Asked, after_last: bool) -> Callable[[Question], np.ndarray]:
    """Answer by how often it came true in training: over all, or after the last event."""

    def answer(question: Question) -> np.ndarray:
        known = question.known(training)
        truth, last = question.truth(training)[known], training.last()[known]
        share, n_codes = truth.mean(), max(training.X.codes.max(), asked.X.codes.max()) + 1
        if not after_last:
            return np.full(len(asked.rows), share)
        counts, came = np.bincount(last, minlength=n_codes), np.bincount(last, truth, n_codes)
        return ((came + _PRIOR * share) / (counts + _PRIOR))[asked.last()]

    return answer


def by_paths(generator: Any, asked: Asked, n_paths: int, seed: int) -> Callable[[Question], np.ndarray]:
    history = asked.history()

    @functools.cache
    def told(event: Any, **options: Any) -> np.ndarray:
        options = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
        chances = futures.chance(generator, history, event, **options, n_paths=n_paths, random_state=seed)
        return chances["chance"].to_numpy().reshape(len(history), -1)

    def answer(question: Question) -> np.ndarray:
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in question.options.items()}
        return told(**options)[:, question.place]

    return answer


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--log", nargs="*", choices=ALL_LOGS, default=list(ALL_LOGS))
    parser.add_argument("--questions", type=int, default=2_000, help="histories that are asked about")
    parser.add_argument("--paths", type=int, default=50, help="of each")
    arguments = parser.parse_args()
    for log in arguments.log:
        X = ALL_LOGS[log](arguments.data)
        X = X[np.argsort(X.timestamps[X.indptr[:-1]], kind="stable")]
        learned = X[: 2 * len(X) // 3].compact()
        later, rng = X[2 * len(X) // 3 :].recode(learned.vocabulary), np.random.default_rng(0)
        training, asked = ask(learned, rng, learned.n_events), ask(later, rng, arguments.questions)
        questions = questions_of(training, log in CENSORED)
        counted = {"share": by_share(training, asked, False), "Markov": by_share(training, asked, True)}
        figures: dict[str, Any] = {name: judge(answer, asked, questions) for name, answer in counted.items()}
        figures |= {"log": log, "runs": []}
        print(figures, flush=True)
        for seed in arguments.seeds:
            start = time.perf_counter()
            generator = LSTMGenerator(**read_settings(arguments.set), random_state=seed).fit(learned)
            fitted = time.perf_counter()
            run = judge(by_paths(generator, asked, arguments.paths, seed), asked, questions)
            seconds = {"fit": fitted - start, "questions": time.perf_counter() - fitted}
            figures["runs"].append({"seed": seed, "figures": run, "seconds": seconds})
            print(figures["runs"][-1], flush=True)
        write_result(f"chances-{log}", arguments, figures)


if __name__ == "__main__":
    main()
