"""Boards: what was asked in a benchmark, how each model did, and who is ahead.

Made from result files and published figures, with nothing but Python.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from markup import show, span
from published import MEASURES, PUBLISHED

AT_TIME = " at its time"  # as in harness.py, which cannot be imported without seqrec
COUNTED, PRINTED, STEP, OURS = "counted", "published", "step", "ours"

NEXT_ITEM = {
    "ml-1m": "MovieLens 1M, leave-last-out",
    "ml-1m-rating": "MovieLens 1M, leave-last-out, the rating of each event read as a field",
    "ml-1m-time": "MovieLens 1M, global temporal split, last target",
    "ml-1m-time-refit": "MovieLens 1M, the same, trained on all events before the cut-off",
    "beauty": "Beauty, leave-last-out",
    "beauty-5core": "Beauty 5-core, leave-last-out",
    "sports-5core": "Sports 5-core, leave-last-out",
    "diginetica": "Diginetica sessions",
    "yoochoose-1-64": "YooChoose 1/64 sessions",
    "shop": "Log of a shop, `make_shop_log`, kind of event and price read as fields",
    "shop-items-alone": "Log of a shop, the items alone",
    "helpdesk": "Helpdesk process",
    "bpi_12_w": "BPI 2012 W process",
}
SESSIONS = {"hdfs": "HDFS log", "fraud-log": "Log of an online bank, `make_fraud_log`"}
SESSION_MEASURES = [
    "AUROC",
    "average precision",
    "TPR at 0.1 % FPR",
    "TPR at 0.5 % FPR",
    "TPR at 1 % FPR",
    "F1",
    "precision",
    "recall",
    "FPR",
    "oracle F1",
]
TRADED = {"precision", "recall", "FPR"}  # one against another, so nothing is ahead by one of them alone
LOWER_IS_BETTER = {"cost"}
SAME = 0.0005  # less is no difference


class Row(NamedTuple):
    """A model and its figures; of ours, where they may lie."""

    name: str
    kind: str
    figures: dict[str, Any]  # measure: number, text as its source prints it, or None
    intervals: dict[str, tuple[float, float]] = {}  # noqa: RUF012 (a default, never changed)


class Board(NamedTuple):
    """One task: who was asked what, and how each did."""

    title: str
    size: str
    measures: list[str]
    rows: list[Row]


def n_seeds(seeds: list[Any]) -> str:
    return "one seed" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"


def printed(name: str) -> list[Row]:
    """Give the published rows of a board."""
    return [
        Row(
            f"{model} ({source})" if source else model,
            PRINTED,
            dict(zip(MEASURES[name], figures, strict=True)),
        )
        for model, source, figures in PUBLISHED.get(name, [])
    ]


def next_item_board(name: str, result: dict[str, Any]) -> Board:
    """Compare what `next_item.py` or `processes.py` measured."""
    measures = list(next(iter(result["baselines"].values())))
    rows = [Row(model, COUNTED, figures) for model, figures in result["baselines"].items()] + printed(name)
    for suffix in ("", AT_TIME):
        found = {measure: result["lstm"].get(measure + suffix) for measure in measures} if result["lstm"] else {}
        if found and all(found.values()):
            figures = {measure: part["mean"] for measure, part in found.items()}
            intervals = {measure: tuple(part["interval"]) for measure, part in found.items()}
            rows.append(Row(f"LSTMRecommender{suffix}, {n_seeds(result['seeds'])}", OURS, figures, intervals))
    seen = {True: ", seen items left out", False: ", nothing left out"}.get(result["protocol"].get("exclude_seen"), "")
    return Board(NEXT_ITEM[name], f"{result['protocol']['questions']:,} questions{seen}", measures, rows)


def sessions_board(name: str, result: dict[str, Any]) -> Board:
    """Compare what `sessions.py` measured."""
    protocol, lstm = result["protocol"], result["lstm"]
    rows = [Row(model, COUNTED, figures) for model, figures in result["baselines"].items()] + printed(name)
    if lstm:
        rows.append(_of_seeds("LSTMAnomalyDetector", lstm, result["seeds"], SESSION_MEASURES))
    prevalence = show(next(row.figures["prevalence"] for row in rows))
    size = f"{protocol['normal']:,} normal and {protocol['abnormal']:,} abnormal sessions; prevalence {prevalence}"
    return Board(SESSIONS[name], size, SESSION_MEASURES, rows)


def masquerades_board(name: str, result: dict[str, Any]) -> Board:
    """Compare what `masquerades.py` measured; the last step is UserProfiles as it is."""
    steps = [
        Row(model, STEP, figures)
        for model, figures in result["figures"].items()
        if "(" not in model and "LSTM" not in model  # older files hold published figures, with sources in brackets
    ]
    last = steps.pop()
    rows = [*printed(name), *steps, Row(last.name, OURS, last.figures)]
    return Board("Masquerades (Schonlau et al. 2001)", "50 users, 5,000 blocks", MEASURES[name], rows)


def card_fraud_boards(result: dict[str, Any]) -> dict[str, Board]:
    """Compare what `card_fraud.py` measured, without labels and with them."""
    protocol, measures = result["protocol"], ["AUROC", "AP", "CP@100"]
    size = f"{protocol['judged']:,} transactions, {protocol['frauds_judged']:,} frauds"
    size += f"; prevalence {show(protocol['prevalence'])}"
    boards = {}
    for labels in ("without labels", "with labels"):
        models = {name: model for name, model in result["one-liners"].items() if _takes_labels(name) == labels}
        models |= result[labels]
        rows = [Row(name, COUNTED, model["mean"]) for name, model in models.items()]
        rows += printed(f"card fraud, {labels}")
        rows += [
            _of_seeds(name, model["mean"], model["seeds"], measures)
            for name, model in result["lstm"].items()
            if _takes_labels(name) == labels
        ]
        boards[f"card fraud, {labels}"] = Board(f"Card fraud, {labels}", size, measures, rows)
    return boards


def _takes_labels(model: str) -> str:
    """Whether a model learns from labels; the risk of a terminal is made of them."""
    return "with labels" if model == "terminal's risk" or "Classifier" in model else "without labels"


def _of_seeds(name: str, mean: dict[str, Any], seeds: list[dict[str, Any]], measures: list[str]) -> Row:
    """Give a row of ours, with the range of its seeds."""
    values = {measure: [seed[measure] for seed in seeds] for measure in measures}
    ranges = {measure: (min(found), max(found)) for measure, found in values.items() if len(found) > 1}
    return Row(f"{name}, {n_seeds(seeds)}", OURS, mean, ranges)


def boards_of(results: dict[str, dict[str, Any]]) -> dict[str, Board]:
    """Collect all comparisons, by the name of the result file or of the part of it."""
    boards = {name: next_item_board(name, results[name]) for name in NEXT_ITEM if name in results}
    boards |= {name: sessions_board(name, results[name]) for name in SESSIONS if name in results}
    if "masquerades-test" in results:
        boards["masquerades-test"] = masquerades_board("masquerades-test", results["masquerades-test"])
    return boards | (card_fraud_boards(results["card-fraud"]) if "card-fraud" in results else {})


def best(rows: Iterable[Row], measure: str) -> Row | None:
    """Give the row that is ahead by a measure, if any of them has it."""
    having = [row for row in rows if row.figures.get(measure) not in (None, "")]
    sign = -1 if measure in LOWER_IS_BETTER else 1
    return max(having, key=lambda row: sign * float(row.figures[measure]), default=None)


def ours_of(board: Board) -> Row | None:
    """Give our row that knows no more than the others do."""
    return next((row for row in board.rows if row.kind == OURS and AT_TIME not in row.name), None)


def behind_rows(boards: dict[str, Board]) -> Iterator[list[str]]:
    """Say by which measures another is ahead of ours, or level."""
    for board in boards.values():
        ours = ours_of(board)
        others = [row for row in board.rows if row.kind in (COUNTED, PRINTED)]
        for measure in board.measures if ours else ():
            other = best(others, measure) if measure not in TRADED else None
            if ours is None or other is None or best([ours, other], measure) is ours:
                continue
            figure = float(other.figures[measure])
            low, high = ours.intervals.get(measure, (ours.figures[measure],) * 2)
            is_level = low <= figure <= high or abs(figure - ours.figures[measure]) < SAME
            mine = show(ours.figures[measure]) + (f" ({span((low, high))})" if low < high else "")
            verdict = "level" if is_level else "**behind**"
            yield [board.title, measure, mine, show(other.figures[measure]), other.name, verdict]
