"""Print README's tables from the result files, beside the published figures.

python benchmarks/tables.py
"""

import json
from functools import partial
from typing import Any

from harness import AT_TIME, RESULTS

# Published figures: (model and source, figures). Same file and protocol as ours, unless the name says otherwise.
ML_1M = [
    ("SASRec, binary cross-entropy", ".2500", ".1341"),
    ("BERT4Rec", ".2843", ".1537"),
    ("GRU4Rec, cross-entropy: the best published RNN", ".2811", ".1648"),
    ("gSASRec", ".3003", ".1726"),
    ("SASRec+, 3,000 negatives: the best published", ".3159", ".1857"),
]
TIME_SPLIT = [
    ("GRU4Rec (Gusak et al. 2025)", ".1505", ".0830"),
    ("SASRec+ (Gusak et al. 2025)", ".1596", ".0948"),
]
BEAUTY = [("SASRec+", ".0533", ".0327"), ("SASRec of RecTools, softmax", ".0595", ".0359")]
DIGINETICA = [("NARM", ".497", ".162"), ("SR-GNN", ".507", ".176"), ("GCE-GNN", ".542", ".190")]
YOOCHOOSE = [("NARM", ".683", ".286"), ("SR-GNN", ".706", ".309"), ("NISER+", "", ".316")]

TABLES = {
    "ml-1m": ("MovieLens 1M, leave-last-out", ML_1M),
    "ml-1m-time": ("MovieLens 1M, global temporal split, last target", TIME_SPLIT),
    "ml-1m-time-refit": ("The same, trained on all events before the cut-off", []),
    "beauty": ("Beauty, leave-last-out", BEAUTY),
    "beauty-5core": ("Beauty 5-core, leave-last-out", [("SASRec+, sampled softmax", ".0921", ".0531")]),
    "sports-5core": ("Sports 5-core, leave-last-out", [("SASRec+, sampled softmax", ".0569", ".0323")]),
    "diginetica": ("Diginetica sessions", DIGINETICA),
    "yoochoose-1-64": ("YooChoose 1/64 sessions", YOOCHOOSE),
    "helpdesk": ("Helpdesk process", [("LSTM (Tax et al. 2017)", ".7123", "")]),
    "bpi_12_w": ("BPI 2012 W process", [("LSTM (Tax et al. 2017)", ".7600", "")]),
}


def show(figure: float) -> str:
    return f"{figure:.4f}".lstrip("0")


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(title: str, published: list[tuple[str, ...]], result: dict[str, Any]) -> str:
    """One markdown table: baselines, published models, ours with its interval."""
    metrics = list(next(iter(result["baselines"].values())))
    exclusion = {True: ", seen items left out", False: ", nothing left out"}.get(
        result["protocol"].get("exclude_seen"), ""
    )
    lines = [
        f"**{title}** ({result['protocol']['questions']:,} questions{exclusion})\n",
        row("", *metrics),
        row("---", *["---:"] * len(metrics)),
        *(row(name, *map(show, figures.values())) for name, figures in result["baselines"].items()),
        *(row(f"*{name}*", *figures) for name, *figures in published),
    ]
    if result["lstm"]:
        for suffix in ("", AT_TIME):
            ours = [result["lstm"].get(metric + suffix) for metric in metrics]
            if all(ours):
                figures = (
                    f"**{show(metric['mean'])}** ({' to '.join(map(show, metric['interval']))})" for metric in ours
                )
                lines.append(row(f"**LSTMRecommender**{suffix}, {_seeds(result)} (95 % interval)", *figures))
    return "\n".join(lines)


def speed_table(result: dict[str, Any]) -> str:
    """One markdown table: what `speed.py` measured."""
    rows = []
    for precision, figures in result["training"].items():
        rows += [
            (f"matrix products, 4,096 square, {precision}", f"{figures['matrix_gflops']:.0f} GFLOP/s"),
            (f"training in {precision}", f"{figures['gflops']:.0f} GFLOP/s"),
            ("... share of that rate", f"{figures['share_of_matrix_rate']:.2f}"),
            ("... events a second", f"{figures['events_a_second']:,.0f}"),
        ]
    rows += [
        ("peak memory of the process in training", f"{result['training_peak_memory_gib']:.2f} GiB"),
        (f"fit of {result['fit_epochs']} epochs, whole call", f"{result['fit_minutes']:.1f} min"),
        ("... NDCG@10 on the test part, leave-last-out", show(result["fit_ndcg@10"])),
        ("top 10 for all users, share of the float32 rate", f"{result['recommend_share_of_matrix_rate']:.2f}"),
        ("... users a second", f"{result['recommend_users_a_second']:,.0f}"),
    ]
    cores, cpu = result["machine"]["cores"], result["machine"]["cpu"]
    lines = [f"**Speed on MovieLens 1M**, {cores} cores ({cpu})\n", row("", "measured"), row("---", "---:")]
    return "\n".join([*lines, *(row(*cells) for cells in rows)])


def from_frame_table(result: dict[str, Any]) -> str:
    """One markdown table: what `from_frame.py` measured."""
    lines = [
        f"**`Sequences.from_frame`, {result['arguments']['events']:,} events with text ids**\n",
        row(
            "frame",
            "rows",
            "time, in those of polars' sort by user and time",
            "growth of memory, in sizes of the frame",
        ),
        row("---", "---", "---:", "---:"),
        *(
            row(case["frame"], case["rows"], f"{case['time_ratio']:.2f}", f"{case['memory_ratio']:.2f}")
            for case in result["results"]
        ),
    ]
    return "\n".join(lines)


def _seeds(result: dict[str, Any]) -> str:
    n_seeds = len(result["seeds"])
    return "one seed" if n_seeds == 1 else f"mean of {n_seeds} seeds"


def main() -> None:
    writers = {name: partial(table, title, published) for name, (title, published) in TABLES.items()}
    for name, write in (writers | {"speed": speed_table, "from_frame": from_frame_table}).items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text())
            print(write(result), end="\n\n")
            print(f"`{result['command']}`, revision {result['revision']}.\n")


if __name__ == "__main__":
    main()
