"""Print README's tables from the result files, beside the published figures.

python benchmarks/tables.py
"""

import json
from functools import partial
from typing import Any

from harness import AT_TIME, RESULTS
from masquerades import PUBLISHED as MASQUERADES

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
SESSION_METRICS = [
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
    return measured_table("Speed on MovieLens 1M", result, rows)


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


def sessions_table(title: str, result: dict[str, Any]) -> str:
    """Two or three markdown tables: what `sessions.py` measured."""
    protocol, baselines, lstm = result["protocol"], result["baselines"], result["lstm"]
    published = {f"*{name}*": as_published(figures) for name, figures in result["published"].items()}
    ours = {f"**LSTMAnomalyDetector**, {_seeds(result)}": lstm} if lstm else {}
    models = baselines | ours
    prevalence = show(next(iter(models.values()))["prevalence"])
    size = f"{protocol['normal']:,} normal and {protocol['abnormal']:,} abnormal sessions; prevalence {prevalence}"
    tables = [
        f"**{title}** ({size})\n",
        rows_of(baselines | published | ours, SESSION_METRICS),
        f"\nF1, precision, recall and FPR: requested FPR {protocol['requested_FPR']}; oracle F1 knows the labels.",
    ]
    if kinds := next(iter(models.values()))["kinds"]:
        found = {
            name: {kind: figures["AUROC"] for kind, figures in model["kinds"].items()} for name, model in models.items()
        }
        tables += ["\nAUROC of each kind against the normal sessions:\n", rows_of(found, list(kinds))]
    if lstm:
        tables += ["\n" + realised_table(lstm["realised FPR"])]
    return "\n".join(tables)


def realised_table(realised: dict[str, Any]) -> str:
    """One markdown table: false-positive rates, requested and realised."""
    lines = [row("FPR requested", "realised", "95 % of samples, if it holds"), row("---:", "---:", "---:")]
    lines += [
        row(rate, show(found["FPR"]), " to ".join(map(show, found["expected"]))) for rate, found in realised.items()
    ]
    return "\n".join(lines)


def card_fraud_tables(result: dict[str, Any]) -> str:
    """Two markdown tables: what `card_fraud.py` measured, without labels and with them."""
    protocol, metrics = result["protocol"], ["AUROC", "AP", "CP@100"]
    groups: dict[str, dict[str, Any]] = {"without labels": {}, "with labels": {}}
    for group in ("one-liners", "without labels", "with labels", "lstm"):
        for name, model in result[group].items():
            n_seeds = f", {_seeds(model)}" if group == "lstm" else ""
            shown = f"**{name}**{n_seeds}" if group == "lstm" else name
            groups["with labels" if _takes_labels(group, name) else "without labels"][shown] = model["mean"]
    for name, figures in result["published"].items():
        group = "with labels" if _takes_labels("published", name) else "without labels"
        groups[group][f"*{name} (published)*"] = as_published(dict(zip(metrics, figures, strict=True)))
    size = f"{protocol['judged']:,} transactions, {protocol['frauds_judged']:,} frauds"
    size += f"; prevalence {show(protocol['prevalence'])}"
    tables = [f"**Card fraud, {group}** ({size})\n\n{rows_of(models, metrics)}" for group, models in groups.items()]
    note = "Isolation forest, autoencoder and LSTMAnomalyDetector see the terminal's risk, and so labels of the past."
    return "\n\n".join([*tables, note])


def _takes_labels(group: str, name: str) -> bool:
    """Whether a model of `card_fraud.py` learns from labels; the risk of a terminal is made of them."""
    return group == "with labels" or name in ("XGBoost", "LSTM, supervised", "terminal's risk") or "Classifier" in name


def masquerades_table(result: dict[str, Any]) -> str:
    """One markdown table: what `masquerades.py` measured."""
    models = {}
    n_seeds = len(result["arguments"]["seeds"])
    for name, figures in result["figures"].items():
        if name in MASQUERADES:
            models[f"*{name}*"] = as_published(figures)
        elif name.startswith("LSTM"):
            models |= {} if ", seed" in name else {f"**{name}**, mean of {n_seeds} seeds": figures}
        else:
            models[name] = figures
    return "**Masquerades (Schonlau et al. 2001)**\n\n" + rows_of(models, ["AUC", "average precision", "cost"])


def detection_speed_table(result: dict[str, Any]) -> str:
    """One markdown table: what `detection_speed.py` measured."""
    long, sessions, memory = result["long"], result["hdfs"], result["memory"]
    cells = [
        ("matrix products, 4,096 square, float32", f"{long['matrix_gflops']:.0f} GFLOP/s"),
        (f"reading with {long['units']} units, {long['log']}", f"{long['gflops']:.0f} GFLOP/s"),
        ("... share of that rate", f"{long['share_of_matrix_rate']:.2f}"),
        ("... events a second", f"{long['events_a_second']:,.0f}"),
        *((f"hdfs, {name}, events a second", f"{n:,.0f}") for name, n in sessions["events_a_second"].items()),
        *((f"memory that scoring one sequence adds, {n}", f"{mib:.0f} MiB") for n, mib in memory["added_mib"].items()),
        ("... for each further event", f"{memory['bytes_an_event']:.0f} bytes"),
    ]
    return measured_table("Speed of detection", result, cells)


def model_files_table(result: dict[str, Any]) -> str:
    """One markdown table: what `model_files.py` measured."""
    hostile, kills = result["hostile"], result["kills"]
    mutations = result["mutations"].values()
    n_mutations = sum(sum(outcomes.values()) for outcomes in mutations)
    wrong = sum(outcomes["wrongly loaded"] for outcomes in mutations)
    cells = [
        ("hostile files that are refused", f"{hostile['refused']:,} of {hostile['files']:,}"),
        ("... other files, sockets, processes or code that a load touched", f"{len(hostile['foreign_events'])}"),
        ("... most memory over twice the file's size", f"{hostile['most_mib_over_twice_the_file']:.0f} MiB"),
        ("... longest time", f"{hostile['slowest_seconds']:.2f} s"),
        ("damaged files that are loaded with other values", f"{wrong:,} of {n_mutations:,}"),
        ("kills while saving that leave the old file or the new one", f"{kills['whole']} of {kills['kills']}"),
    ]
    return measured_table("Model files", result, cells)


def interruptions_table(result: dict[str, Any]) -> str:
    """One markdown table: what `interruptions.py` measured."""

    def total(figures: list[dict[str, Any]], name: str) -> int:
        return sum(part.get(name, 0) for part in figures)

    kills, faults, saved, refusals = (result[name] for name in ("kills", "faults", "save", "refusals"))
    stages = {stage for job in kills for stage in job["stages"]}
    when = ", ".join(f"{stage} {total([job['stages'] for job in kills], stage)}" for stage in sorted(stages))
    damage = ("runs_that_differ", "rows_lost", "rows_doubled", "rows_different")
    cells = [
        (f"{len(kills)} jobs killed by `kill -9`, times ({when})", f"{total(kills, 'kills'):,}"),
        ("... runs that were let finish, and compared", f"{total(kills, 'runs'):,}"),
        *((f"... {name.replace('_', ' ')}", f"{total(kills, name):,}") for name in damage),
    ]
    for job in faults:
        endings = ", ".join(f"{ending} {n}" for ending, n in sorted(job["endings"].items()))
        cells += [
            (f"{job['job']}: calls that change files", f"{job['calls']:,}"),
            (f"... made to fail, one in each run ({endings})", f"{job['failed']:,}"),
            *((f"... then {name.replace('_', ' ')}", f"{job[name]:,}") for name in damage[:1]),
        ]
    files = saved["files"]
    cells += [
        ("`seqrec.save`: calls made to fail", f"{saved['failed']:,}"),
        ("... the file is the old one, the new one", f"{files['old']:,}, {files['new']:,}"),
        ("... it is neither", f"{files.get('damaged', 0):,}"),
        ("second runs on output or states in use", f"{refusals['runs']:,}"),
        ("... refused", f"{refusals['refused']:,}"),
        *(
            (f"... seconds until then, {what}: median, most", f"{seconds['median']:.2f}, {seconds['most']:.2f}")
            for what, seconds in refusals["seconds"].items()
        ),
        ("... of a processor, median", f"{refusals['processor_seconds']:.2f}"),
    ]
    return measured_table("Interruptions", result, cells)


def bulk_scoring_tables(result: dict[str, Any]) -> str:
    """Two markdown tables: what `bulk_scoring.py` measured."""
    figures = result["figures"]
    cells = []
    for name, part in figures.get("throughput", {}).items():
        cells += [
            (f"`seqrec score`, {part['rows']:,} rows of CSV, {name}", f"{part['seconds']:.0f} s"),
            (
                f"... the network alone, {part['alone']['units']} units, on the same batches",
                f"{part['alone']['seconds']:.0f} s",
            ),
            ("... ratio", f"{part['ratio']:.2f}"),
            ("... rows a second, from start to end", f"{part['events_a_second']:,.0f}"),
        ]
    for times, part in figures.get("memory", {}).items():
        limit = f"limited to {part['budget_gib']} GiB by {part['enforced_by']}"
        peak = f"{part['report']['peak_mib']:,.0f} MiB in {part['seconds'] / 60:.0f} min"
        cells.append((f"peak memory, a log of {part['gib']:.1f} GiB ({times} x the budget), {limit}", peak))
    tables = [measured_table("Scoring logs in bulk", result, cells)]
    if "equality" in figures:
        part = figures["equality"]
        head = ("against one whole run in one piece", "surprisal", "score", "flags that differ", "rows lost or doubled")
        lines = [f"**The same {part['rows']:,} rows in other ways**, largest differences\n", row(*head)]
        lines += [row("---", *["---:"] * 4)]
        names = ("surprisal", "score", "flags_that_differ", "rows_lost_or_doubled")
        lines += [row(way, *(f"{found[name]:g}" for name in names)) for way, found in part["ways"].items()]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def explore_table(result: dict[str, Any]) -> str:
    """One markdown table: what `explore.py` measured."""
    sizes = result["front end, bytes"].values()
    cells = [
        ("front ends, script and style sheet: smallest, largest", f"{min(sizes):,}, {max(sizes):,} bytes"),
        *((f"first paint: {name}", f"{time:,.0f} ms") for name, time in result["first paint, ms"].items()),
        *(
            (
                f"{name.removesuffix(' a move')}: median, 95th percentile",
                "{median:.1f}, {95th percentile:.1f}".format(**part),
            )
            for name, part in result.items()
            if isinstance(part, dict) and "median" in part
        ),
        ("requests to another address", f"{result['foreign requests']}"),
    ]
    return measured_table("Widgets, in Chromium on JupyterLab", result, cells)


def measured_table(title: str, result: dict[str, Any], cells: list[tuple[str, str]]) -> str:
    """One markdown table of what was measured on a machine."""
    cores, cpu = result["machine"]["cores"], result["machine"]["cpu"]
    lines = [f"**{title}**, {cores} cores ({cpu})\n", row("", "measured"), row("---", "---:")]
    return "\n".join([*lines, *(row(*pair) for pair in cells)])


def as_published(figures: dict[str, float | None]) -> dict[str, str | None]:
    """Keep to the digits that the source gives."""
    return {name: None if figure is None else f"{figure:g}".lstrip("0") for name, figure in figures.items()}


def rows_of(models: dict[str, dict[str, Any]], metrics: list[str]) -> str:
    """One markdown table of figures; a dash where there is none."""

    def cell(figure: float | str | None) -> str:
        if figure is None or isinstance(figure, str):
            return figure or "-"
        return f"{figure:.1f}" if figure > 1 else show(figure)

    lines = [row("", *metrics), row("---", *["---:"] * len(metrics))]
    lines += [row(name, *(cell(figures.get(metric)) for metric in metrics)) for name, figures in models.items()]
    return "\n".join(lines)


def _seeds(result: dict[str, Any]) -> str:
    n_seeds = len(result["seeds"])
    return "one seed" if n_seeds == 1 else f"mean of {n_seeds} seeds"


def main() -> None:
    writers = {name: partial(table, title, published) for name, (title, published) in TABLES.items()}
    writers |= {
        "hdfs": partial(sessions_table, "HDFS log"),
        "fraud-log": partial(sessions_table, "Log of an online bank, `make_fraud_log`"),
        "masquerades-test": masquerades_table,
        "card-fraud": card_fraud_tables,
        "speed": speed_table,
        "detection-speed": detection_speed_table,
        "from_frame": from_frame_table,
        "bulk-scoring": bulk_scoring_tables,
        "interruptions": interruptions_table,
        "model-files": model_files_table,
        "explore": explore_table,
    }
    for name, write in writers.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text())
            print(write(result), end="\n\n")
            print(f"`{result['command']}`, revision {result['revision']}.\n")


if __name__ == "__main__":
    main()
