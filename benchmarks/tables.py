"""Write docs/benchmarks.md whole, and README's table, from the result files and the published figures.

    python benchmarks/tables.py            # write both
    python benchmarks/tables.py --check    # say what would change first, and exit with 1

It needs nothing but Python, so every machine can check it.
"""

import json
import sys
from argparse import ArgumentParser
from itertools import zip_longest
from pathlib import Path
from textwrap import fill
from typing import Any

from boards import (
    COUNTED,
    NEXT_ITEM,
    OURS,
    PRINTED,
    SESSIONS,
    Board,
    Row,
    behind_rows,
    best,
    boards_of,
    ours_of,
)
from markup import line, show, span, table
from measured import MEASURED
from published import SOURCES

HERE = Path(__file__).parent
ROOT = HERE.parent
FIRST, LAST = "<!-- figures: python benchmarks/tables.py -->", "<!-- end of figures -->"

VALIDATION = {
    "card-fraud-validation",
    "films-moving_mnist-validation",
    "films-radar-validation",
}  # settings were chosen by these; they are no figures of ours
README_ROWS = {  # board: (as README names it, the measure that it shows)
    "ml-1m": ("MovieLens 1M, leave-last-out", "NDCG@10"),
    "ml-1m-time": ("MovieLens 1M, split by time", "NDCG@10"),
    "beauty-5core": ("Amazon Beauty, 5-core", "NDCG@10"),
    "diginetica": ("Diginetica sessions", "MRR@20"),
    "yoochoose-1-64": ("YooChoose 1/64 sessions", "MRR@20"),
    "bpi_12_w": ("BPI 2012 W, a process", "accuracy"),
    "hdfs": ("HDFS log, no labels", "oracle F1"),
    "card fraud, without labels": ("Card fraud, no labels", "AP"),
}

OPENING = """\
# Benchmarks

`python benchmarks/tables.py` writes this page from the files in `benchmarks/results/`, and `make lint` checks that it
still says what they say. `benchmarks/README.md` tells what each script asks, and reruns it.

- The whole catalogue is ranked, and ties get their average rank.
- **Bold** is seqrec, with the 95 % bootstrap interval over the questions; *italic* is published, on the same file and
  protocol, with its source, listed at the end; the rest is what counting reaches in seconds.
- "At its time": the model was told when the question is asked, which no published figure here was.
- What is odd is learned without labels, except where a table says otherwise. Thresholds are set without labels too; the
  oracle's, which the labels choose, stands apart."""

BEHIND = """\
## Where we are behind

Every measure by which a published model or a count is ahead of seqrec, or level: inside of its interval, which is the
bootstrap's over the questions, or the range of the seeds where there are no more than seeds; or less than .0005 ahead.
"""
NOT_COMPARED = """\
Higher, and not comparable: on MovieLens 1M, HSTU-large of RecTools prints HR@10 .3642 and NDCG@10 .2164, from the raw
file and knowing the time of the question. Not measured yet: session kNN (VSKNN, STAN) and the popularity of the last
days, which are near the graph networks on Diginetica."""

GRAPH_NETWORKS = (
    "Public codes of the graph networks keep the epoch that is best on the test part; ours is chosen on validation. "
    "Figures from a validation part that shares sessions with the training part are not quoted."
)
PROCESSES = (
    "Accuracy: whether the first guess is right, while the case goes on, so that a guess of its end is always wrong "
    "(Tax et al. 2017). With ends, the end of a case is asked for as well. Told it goes on: the end is no answer."
)
REMARKS = {
    "ml-1m": ["SASRec+ (tuned) is the best published without the target's time."],
    "beauty-5core": ["SASRec+ (tuned) has exactly these users; only ties within a day may differ."],
    "diginetica": [GRAPH_NETWORKS],
    "yoochoose-1-64": [
        GRAPH_NETWORKS,
        "On the last 5 % of the training sessions, held out, the same network has an MRR@20 of .318, and two networks "
        "averaged .319: so what changes from one day to the next is the larger part of the gap.",
    ],
    "shop": ["Made so that the kind of an event decides what comes next: what a model gains by reading fields."],
    "shop-items-alone": ["Its items alone are a chain of first order, so counts of pairs are their true model."],
    "helpdesk": [PROCESSES],
    "bpi_12_w": [
        PROCESSES,
        "Markov's lead is no better model: after each activity it has seen some other one more often than the end, so "
        "it never guesses an end, and is never wrong by one. Told that the case goes on, and asked about ends as well, "
        "the network is ahead.",
    ],
    "hdfs": [
        "The standard error of F1 near the top is .004, since a sample stands for the normal sessions: so the counters "
        "and the network are level, and `CombinedDetector` takes seconds.",
        "The test sessions were seen while the parts of a score were chosen, which gave label-free F1 from .959 to "
        ".990; the choice was then confirmed on generated logs.",
    ],
    "masquerades-test": [
        "Settings were chosen on blocks planted in the clean part of the log. The rows above the last are steps to it: "
        "forgetting costs some AUC, and lowers the cost.",
    ],
    "card-fraud": [
        "Isolation forest, autoencoder and LSTMAnomalyDetector see the terminal's risk, and so labels of the past.",
        "The setting with labels was changed by its validation week after one reading of the test week "
        "(.875 / .660 / .289).",
    ],
    "likelihood-tiny_shakespeare": [
        "Not blind: products in place of cosines, one mask of dropout and the learning rate were chosen by a few runs "
        "that were judged on this part. The training part ends with the first acts of the play that is judged.",
    ],
    "likelihood-stories": [
        "Not blind: how much is read in training was raised twice (from 10 to 16 to 24 million events), as runs that "
        "were judged on this part were still getting better on held-out texts at their end."
    ],
    "chances-helpdesk": [
        "An earlier protocol, of 1,000 histories and 200 paths, had been seen with seed 0: .029, .025 and .033. More "
        "histories are asked since, as what 1,000 of them show is half noise."
    ],
    "forecasts-exchange_rate": [
        "Not blind: that windows of a series, and of a time, count as alike was made after runs were seen on this "
        "part, which were 5.5 % and 3.9 % behind the last value, with 80 % in its interval of 90 %; how much they "
        "prove was chosen on four earlier periods and on share prices.",
    ],
    "frames-japanese_vowels": [
        "Not blind: runs without random convolutions, and with ones that were not stretched, had been seen (.989 and "
        ".992); these were chosen on validation parts and on generated sequences."
    ],
    "frames-gtzan5": [
        "Not blind: three runs with random convolutions that were not stretched had been seen (.914 to .924); that "
        "they are was chosen on validation parts.",
    ],
    "synthetic-stackoverflow": [
        "Not blind: that whole samples end when the log of training did was made after a run of .998, whose samples "
        "went on until 2045; and that training steps back where its loss rises, after one of .975 whose loss rose.",
    ],
    "likelihood-ptb_characters": [
        "Trained on one thread, beside eight other processes on the same two cores: the time is no measure of it.",
    ],
    "synthetic-helpdesk": [
        "The number of components of a gap, 20, was chosen by the likelihood of a third of the log, which holds "
        "sequences that are compared here, after 4 had given .662 and 12 two runs of .585 and .612.",
    ],
    "explore": ["Rendered by software, as the machine has no GPU. Chromium and the kernel share its two cores."],
    "detection-speed": [
        "The rate on hdfs profits from equal sessions, which are read once: 5,537 of the 27,951 differ."
    ],
    "speed": [
        "What keeps training from the rate of plain products lies between the products: element-wise arithmetic of "
        "gates, softmax and dropout, which bfloat16 does not speed up. So its share is smaller in that precision.",
    ],
}
OF_REVISION = {  # what is true of one run only, so it goes with its revision
    "40570f4": {
        "likelihood-ptb_words": "Trained on one thread, beside other trainings on the same two cores.",
        "next-event": "One seed, on the first of the five folds.",
    },
    "d107a22": {
        "bulk-scoring": "Measured in three runs, one after another; memory when up to 2^18 rows were scored at once, "
        "which are 2^17 now.",
    },
    "708534c with changes": {
        "interruptions": "The two endings with a traceback (a writer that complained once more after the message) were "
        "mended after this run. Refusals were timed in a run of their own, with another test on the machine.",
    },
}
BLIND = """\
## How far these figures are blind

Settings were chosen on validation data, except the default number of epochs: its rule was made after one reading of
Beauty's test part, its cap of 10 after one of MovieLens' (20 epochs, one seed: .3477 / .2036). Other exceptions stand
below their tables."""


def seeds_of(result: dict[str, Any]) -> list[int]:
    """Give the seeds of a result; none where nothing was drawn."""
    seeds = result.get("seeds", result.get("arguments", {}).get("seeds", []))
    return [seed["seed"] if isinstance(seed, dict) else seed for seed in seeds]


def board_table(board: Board, with_intervals: bool) -> str:
    """Print a board: ours bold, published figures italic."""
    style = {PRINTED: "*{}*", OURS: "**{}**"}
    rows = []
    for row in board.rows:
        cells = [show(row.figures.get(measure)) for measure in board.measures]
        if row.kind == OURS and with_intervals:
            cells = [
                f"**{cell}** ({span(row.intervals[measure])})" if measure in row.intervals else f"**{cell}**"
                for cell, measure in zip(cells, board.measures, strict=True)
            ]
        rows.append([style.get(row.kind, "{}").format(row.name), *cells])
    return table(["", *board.measures], rows)


def behind(boards: dict[str, Board]) -> str:
    head = ["data", "measure", "seqrec", "ahead", "by", ""]
    rule = ["---", "---", "---:", "---:", "---", "---"]
    found = sorted(behind_rows(boards), key=lambda cells: cells[-1] == "level")
    rows = "\n".join(line(*cells) for cells in [head, rule, *found])
    return f"{BEHIND}\n{rows}\n\n{NOT_COMPARED}"


def readme_table(boards: dict[str, Board]) -> str:
    """Print the eight rows of README; bold is what is ahead."""
    rows = []
    for name, (title, measure) in README_ROWS.items():
        board = boards[name]
        ours = ours_of(board)
        groups = [[row for row in board.rows if row.kind == kind] for kind in (COUNTED, PRINTED)]
        shown = [best(group, measure) for group in groups]
        ahead = best([row for row in (*shown, ours) if row], measure)
        cells = [_bold(row, measure, row is ahead) for row in (*shown, ours)]
        who = shown[1].name.partition(" (")[0] if shown[1] else ""
        cells[1] += f" {who}" * bool(who)
        if ours and measure in ours.intervals:
            cells[2] += f" ({span(ours.intervals[measure])})"
        rows.append([title, measure, *cells])
    return table(["data", "measure", "counting", "best published", "seqrec (interval)"], rows, left=2)


def _bold(row: Row | None, measure: str, is_ahead: bool) -> str:
    figure = show(row.figures[measure] if row else None)
    return f"**{figure}**" if is_ahead else figure


def section(name: str, result: dict[str, Any], title: str, *parts: str) -> str:
    """Print a heading, tables, remarks, and how the figures came about."""
    seeds = seeds_of(result)
    listed = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 9 else ", ".join(map(str, seeds))
    drawn = f"; seeds {listed}" if len(seeds) > 1 else f"; seed {seeds[0]}" if seeds else ""
    revision = result["revision"]
    remarks = [*REMARKS.get(name, []), OF_REVISION.get(revision, {}).get(name, "")]
    said = f"`{result['command']}`, revision {revision}{drawn}."
    return "\n\n".join([f"### {title}", *parts, said, *(fill(remark, 120) for remark in remarks if remark)])


def next_item_section(name: str, result: dict[str, Any], board: Board) -> str:
    size = board.size[0].upper() + board.size[1:]
    return section(name, result, board.title, f"{size}.", board_table(board, with_intervals=True))


def sessions_section(name: str, result: dict[str, Any], board: Board) -> str:
    """Print the board of a log of sessions, each kind of anomaly, and whether rates of false alarms hold."""
    protocol, lstm = result["protocol"], result["lstm"]
    parts = [
        f"{board.size}.",
        board_table(board, with_intervals=False),
        f"F1, precision, recall and FPR: requested FPR {protocol['requested_FPR']}; oracle F1 knows the labels.",
    ]
    models = [row for row in board.rows if row.kind != PRINTED]
    if kinds := models[0].figures["kinds"]:
        rows = [
            Row(row.name, row.kind, {kind: found["AUROC"] for kind, found in row.figures["kinds"].items()})
            for row in models
        ]
        by_kind = Board("", "", list(kinds), rows)
        parts += ["AUROC of each kind against the normal sessions:", board_table(by_kind, with_intervals=False)]
    if lstm:
        rates = [[rate, show(found["FPR"]), span(found["expected"])] for rate, found in lstm["realised FPR"].items()]
        parts.append(table(["FPR requested", "realised", "95 % of samples, if it holds"], rates, left=0))
    return section(name, result, board.title, *parts)


def masquerades_section(name: str, result: dict[str, Any], board: Board) -> str:
    """Print the board of masquerades, and what a network would add."""
    parts = [f"{board.size}; learned from 5,000 commands of each user.", board_table(board, with_intervals=False)]
    network = result["figures"].get("LSTMAnomalyDetector with profiles")
    if network:
        figures = ", ".join(f"{measure} {show(figure)}" for measure, figure in network.items())
        parts.append(f"A network's likelihood of all users in place of counts adds nothing: {figures}.")
    return section(name, result, board.title, *parts)


def card_fraud_section(name: str, result: dict[str, Any], boards: dict[str, Board]) -> str:
    chosen = [board for title, board in boards.items() if title.startswith("card fraud")]
    parts = [part for board in chosen for part in (f"**{board.title}**", board_table(board, with_intervals=True))]
    note = "In brackets, the range of the seeds."
    return section(name, result, "Card fraud", f"{chosen[0].size}.", *parts, note)


def page(results: dict[str, dict[str, Any]]) -> str:
    """Print docs/benchmarks.md."""
    boards = boards_of(results)
    parts = [OPENING, "## In eight rows", readme_table(boards), behind(boards), "## What comes next"]
    parts += [next_item_section(name, results[name], boards[name]) for name in NEXT_ITEM if name in results]
    parts += ["## What is odd"]
    parts += [sessions_section(name, results[name], boards[name]) for name in SESSIONS if name in results]
    if "masquerades-test" in results:
        name = "masquerades-test"
        parts.append(masquerades_section(name, results[name], boards[name]))
    if "card-fraud" in results:
        parts.append(card_fraud_section("card-fraud", results["card-fraud"], boards))
    for title, files in MEASURED.items():
        found = {name: write(results[name]) for name, write in files.items() if name in results}
        written = [section(name, results[name], part.title, *part.parts) for name, part in found.items()]
        parts += [f"## {title}", *written] if written else []
    return "\n\n".join([*parts, BLIND, provenance(results), sources()]) + "\n"


def provenance(results: dict[str, dict[str, Any]]) -> str:
    """Print what each result file was measured with."""
    packages = ("python", "tensorflow", "keras", "scikit-learn", "numpy", "pandas")
    rows = []
    for name, result in results.items():
        machine, versions = result["machine"], result["versions"]
        cores = f"{machine['cores']} cores, {machine['cpu']}, {machine['system'].split('-')[0]}"
        rows.append([name, result["revision"], cores, *(versions[package] for package in packages)])
    text = "The result files hold the rest: settings, the figures of each seed, losses by epoch, all versions."
    head = ["result file", "revision", "machine", *packages]
    return f"## Provenance\n\n{text}\n\n{table(head, rows, left=len(head))}"


def sources() -> str:
    return "## Sources\n\n" + "\n".join(f"- *{name}*: {text}" for name, text in SOURCES.items())


def with_figures(readme: str, figures: str) -> str:
    """Put the table between the two marks of README."""
    before, found, rest = readme.partition(FIRST)
    _, closed, after = rest.partition(LAST)
    if not found or not closed:
        sys.exit(f"README.md lacks the marks {FIRST} and {LAST}, between which the table stands.")
    return f"{before}{FIRST}\n\n{figures}\n\n{LAST}{after}"


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the result files, and refuse one that no table shows."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    measured = [name for files in MEASURED.values() for name in files]
    shown = {*NEXT_ITEM, *SESSIONS, *measured, "masquerades-test", "card-fraud"}
    unknown = results.keys() - shown - VALIDATION
    if unknown:
        sys.exit(f"benchmarks/results/{min(unknown)}.json: no table shows it. Add it to benchmarks/tables.py.")
    return {name: result for name, result in results.items() if name in shown}


def first_difference(name: str, committed: str, written: str) -> str:
    """Say where a file first differs from what would be written; empty where it does not."""
    pairs = zip_longest(committed.splitlines(), written.splitlines(), fillvalue="(nothing)")
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            return f"{name}:{number} is\n  {old}\nand the results say\n  {new}\nRun python benchmarks/tables.py."
    return ""


def main(arguments: list[str] | None = None) -> None:
    """Write the page and README's table, or compare them with what is there."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 at the first difference")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the repository")
    chosen = parser.parse_args(arguments)
    results = read_results(chosen.root / "benchmarks" / "results")
    readme = chosen.root / "README.md"
    texts = {
        chosen.root / "docs" / "benchmarks.md": page(results),
        readme: with_figures(readme.read_text(encoding="utf-8"), readme_table(boards_of(results))),
    }
    for path, text in texts.items():
        if not chosen.check:
            path.write_text(text, encoding="utf-8")
            continue
        committed = path.read_text(encoding="utf-8") if path.exists() else ""
        if said := first_difference(str(path.relative_to(chosen.root)), committed, text):
            sys.exit(said)


if __name__ == "__main__":
    main()
