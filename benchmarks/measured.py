"""What was measured on a machine: speed, memory, interruptions, damage. One function for each result file."""

from textwrap import fill
from typing import Any, NamedTuple

from markup import show, table


class Measured(NamedTuple):
    """The section of a result file."""

    title: str
    parts: list[str]  # paragraphs and tables


def on_machine(result: dict[str, Any], cells: list[tuple[str, str]]) -> list[str]:
    """Give the machine, and a table of what was measured on it."""
    cores, cpu = result["machine"]["cores"], result["machine"]["cpu"]
    return [f"{cores} cores ({cpu}).", table(["", "measured"], map(list, cells))]


def speed(result: dict[str, Any]) -> Measured:
    """Print what `speed.py` measured."""
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
    return Measured("Speed on MovieLens 1M", on_machine(result, rows))


def detection_speed(result: dict[str, Any]) -> Measured:
    """Print what `detection_speed.py` measured."""
    long, sessions, memory = result["long"], result["hdfs"], result["memory"]
    cells = [
        ("matrix products, 4,096 square, float32", f"{long['matrix_gflops']:.0f} GFLOP/s"),
        (f"reading with {long['units']} units, {long['log']}", f"{long['gflops']:.0f} GFLOP/s"),
        ("... share of that rate", f"{long['share_of_matrix_rate']:.2f}"),
        ("... events a second", f"{long['events_a_second']:,.0f}"),
        *((f"hdfs, {part}, events a second", f"{n:,.0f}") for part, n in sessions["events_a_second"].items()),
        *((f"memory that scoring one sequence adds, {n}", f"{mib:.0f} MiB") for n, mib in memory["added_mib"].items()),
        ("... for each further event", f"{memory['bytes_an_event']:.0f} bytes"),
    ]
    return Measured("Speed of detection", on_machine(result, cells))


def from_frame(result: dict[str, Any]) -> Measured:
    """Print what `from_frame.py` measured."""
    head = ["frame", "rows", "time, in those of polars' sort by user and time", "growth of memory, in frames"]
    rows = [
        [case["frame"], case["rows"], f"{case['time_ratio']:.2f}", f"{case['memory_ratio']:.2f}"]
        for case in result["results"]
    ]
    size = f"{result['arguments']['events']:,} events with text ids."
    return Measured("Speed of `Sequences.from_frame`", [size, table(head, rows, left=2)])


def forecast_speed(result: dict[str, Any]) -> Measured:
    """Print what `forecast_speed.py` measured."""
    arguments = result["arguments"]
    asked = f"{arguments['series']:,} series of {arguments['steps']} hours, 48 steps with their interval"
    cells = [
        (asked, f"{result['series_a_second']:,.0f} series/s"),
        ("... matrix products, as a share of the machine's rate", f"{result['share_of_matrix_rate']:.2f}"),
    ]
    return Measured("Forecasting", on_machine(result, cells))


def bulk_scoring(result: dict[str, Any]) -> Measured:
    """Print what `bulk_scoring.py` measured."""
    figures = result["figures"]
    cells = []
    for setting, part in figures.get("throughput", {}).items():
        alone = part["alone"]
        cells += [
            (f"`seqrec score`, {part['rows']:,} rows of CSV, {setting}", f"{part['seconds']:.0f} s"),
            (f"... the network alone, {alone['units']} units, on the same batches", f"{alone['seconds']:.0f} s"),
            ("... ratio", f"{part['ratio']:.2f}"),
            ("... rows a second, from start to end", f"{part['events_a_second']:,.0f}"),
        ]
    for times, part in figures.get("memory", {}).items():
        limit = f"limited to {part['budget_gib']} GiB by {part['enforced_by']}"
        peak = f"{part['report']['peak_mib']:,.0f} MiB in {part['seconds'] / 60:.0f} min"
        cells.append((f"peak memory, a log of {part['gib']:.1f} GiB ({times} x the budget), {limit}", peak))
    more = equality_parts(figures["equality"]) if "equality" in figures else []
    return Measured("Scoring logs in bulk", on_machine(result, cells) + more)


def equality_parts(part: dict[str, Any]) -> list[str]:
    """Print how far scores differ between ways to score one log."""
    names = ("surprisal", "score", "flags_that_differ", "rows_lost_or_doubled")
    head = ["against one whole run in one piece", *(name.replace("_", " ") for name in names)]
    rows = [[way, *(f"{found[name]:g}" for name in names)] for way, found in part["ways"].items()]
    return [f"The same {part['rows']:,} rows in other ways, largest differences:", table(head, rows)]


def interruptions(result: dict[str, Any]) -> Measured:
    """Print what `interruptions.py` measured."""
    kills, saved, refusals = (result[part] for part in ("kills", "save", "refusals"))
    damage = ("runs_that_differ", "rows_lost", "rows_doubled", "rows_different")
    counts = {stage: total([job["stages"] for job in kills], stage) for job in kills for stage in job["stages"]}
    when = ", ".join(f"{stage} {n}" for stage, n in sorted(counts.items()))
    cells = [
        (f"{len(kills)} jobs killed by `kill -9`, times ({when})", f"{total(kills, 'kills'):,}"),
        ("... runs that were let finish, and compared", f"{total(kills, 'runs'):,}"),
        *((f"... {what.replace('_', ' ')}", f"{total(kills, what):,}") for what in damage),
    ]
    for job in result["faults"]:
        endings = ", ".join(f"{ending} {n}" for ending, n in sorted(job["endings"].items()))
        cells += [
            (f"{job['job']}: calls that change files", f"{job['calls']:,}"),
            (f"... made to fail, one in each run ({endings})", f"{job['failed']:,}"),
            ("... then runs that differ", f"{job['runs_that_differ']:,}"),
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
    return Measured("Interruptions", on_machine(result, cells))


def total(parts: list[dict[str, Any]], name: str) -> int:
    return sum(part.get(name, 0) for part in parts)


def model_files(result: dict[str, Any]) -> Measured:
    """Print what `model_files.py` measured."""
    hostile, kills, mutations = result["hostile"], result["kills"], result["mutations"].values()
    wrong = sum(outcomes["wrongly loaded"] for outcomes in mutations)
    cells = [
        ("hostile files that are refused", f"{hostile['refused']:,} of {hostile['files']:,}"),
        ("... other files, sockets, processes or code that a load touched", f"{len(hostile['foreign_events'])}"),
        ("... most memory over twice the file's size", f"{hostile['most_mib_over_twice_the_file']:.0f} MiB"),
        ("... longest time", f"{hostile['slowest_seconds']:.2f} s"),
        (
            "damaged files that are loaded with other values",
            f"{wrong:,} of {sum(sum(outcomes.values()) for outcomes in mutations):,}",
        ),
        ("kills while saving that leave the old file or the new one", f"{kills['whole']} of {kills['kills']}"),
    ]
    if writers := result.get("writers"):  # measured since two processes may save to one path
        cells += [
            ("damaged readings while two processes save to one path", f"{writers['damaged']} of {writers['reads']:,}"),
            ("... saves that failed", f"{writers['failed']} of {writers['saves']:,}"),
        ]
    return Measured("Model files", on_machine(result, cells))


def false_alarms(result: dict[str, Any]) -> Measured:
    """Print what `false_alarms.py` measured."""
    rates = ["0.01", "0.05", "0.1", "discoveries"]

    def lay_out(head: list[str], keys: list[str], rows: list[dict[str, Any]]) -> str:
        shown = [
            [
                *(str(row[key]) for key in keys),
                *(f"{show(row['mean'][rate])} ± {show(row['standard error'][rate])}" for rate in rates),
            ]
            for row in rows
        ]
        return table([*head, *rates], shown)

    zipf, drift, n_logs = result["figures"]["zipf"], result["figures"]["drift"], result["arguments"]["logs"]
    kept = sum(not row["not kept"] for row in zipf)
    parts = [
        fill(
            "Share of normal sequences that is flagged where that of the column's head was asked for, and share of "
            f"logs in which `discoveries(0.1)` finds anything among normal ones: means of {n_logs} logs drawn by "
            f"Zipf's law, ± one standard error. All rates are kept in {kept} of {len(zipf)} rows.",
            120,
        ),
        lay_out(["detector", "kinds", "sequences", "folds"], ["detector", "kinds", "sequences", "folds"], zipf),
        "On logs whose habits drift, learned from the older sequences and asked about the newest:",
        lay_out(["detector", "folds", "they follow"], ["detector", "folds", "follow"], drift),
    ]
    if schonlau := result["figures"].get("schonlau"):
        parts += [
            "On the commands of each of Schonlau's 50 users that are their own, by tens, the first 350 learned from:",
            lay_out(["detector", "folds", "they follow"], ["detector", "folds", "follow"], schonlau),
        ]
    return Measured("False alarms", parts)


def explore(result: dict[str, Any]) -> Measured:
    """Print what `explore.py` measured."""
    sizes = result["front end, bytes"].values()
    timed = {key: part for key, part in result.items() if isinstance(part, dict) and "median" in part}
    cells = [
        ("front ends, script and style sheet: smallest, largest", f"{min(sizes):,}, {max(sizes):,} bytes"),
        *((f"first paint: {widget}", f"{time:,.0f} ms") for widget, time in result["first paint, ms"].items()),
        *(
            (
                f"{key.removesuffix(' a move')}: median, 95th percentile",
                f"{part['median']:.1f}, {part['95th percentile']:.1f}",
            )
            for key, part in timed.items()
        ),
        ("requests to another address", f"{result['foreign requests']}"),
    ]
    return Measured("Widgets, in Chromium on JupyterLab", on_machine(result, cells))


def chances(result: dict[str, Any]) -> Measured:
    """Print what `chances.py` measured."""
    names, rows = ("calibration error", "Brier"), []
    for kind, counted in result["share"].items():
        models = {"share": [counted], "Markov": [result["Markov"][kind]]}
        models["**LSTMGenerator**"] = [run["figures"][kind] for run in result["runs"]]
        for model, runs in models.items():
            rows.append([kind, model, *(show(_mean(run[name] for run in runs)) for name in names)])
    asked = (
        "Whether what is told to come with a chance of 20 % comes one time in five: sequences later than those learned."
    )
    title = f"Chances of what will happen: {LOGS[result['log']]}"
    return Measured(title, [asked, table(["question", "", *names], rows, left=2)])


LOGS = {  # of what could follow
    "bank": "a generated bank log",
    "helpdesk": "Helpdesk",
    "bpi_12_w": "BPI 2012 W",
    "stackoverflow": "StackOverflow badges",
}


LIKELIHOODS = {  # task: (title, what the figures are)
    "tiny_shakespeare": ("Tiny Shakespeare", "nats a character"),
    "ptb_characters": ("Penn Treebank, characters", "bits a character"),
    "ptb_words": ("Penn Treebank, words", "perplexity of a word"),
    "jsb": ("JSB chorales", "nats a quarter-note frame"),
    "nottingham": ("Nottingham tunes", "nats a quarter-note frame"),
    "stories": ("Stories of `datasets.make_text`", "nats a character or end"),
}


def likelihood(result: dict[str, Any]) -> Measured:
    """Print what `likelihoods.py` measured: the lower, the better."""
    title, unit = LIKELIHOODS[result["arguments"]["task"]]
    runs = result["runs"]
    cells = [(f"NGramGenerator, {result['order']}-grams", f"{result['ngrams']:.4f}")]
    for figure, name in (("network alone", "LSTMGenerator, its network alone"), ("figure", "**LSTMGenerator**")):
        cells.append((name, ", ".join(f"{run[figure]:.4f}" for run in runs)))
    if result.get("truth") is not None:
        cells.append(("what drew them", f"{result['truth']:.4f}"))
    cells.append(("... training, minutes", ", ".join(f"{run['seconds'] / 60:.0f}" for run in runs)))
    return Measured(f"{title}: {unit}", on_machine(result, cells))


def synthetic(result: dict[str, Any]) -> Measured:
    """Print what `synthetic.py` measured."""
    runs = result["runs"]
    cells = [(name, f"{result[name]:.3f}") for name in ("real", "n-grams")]
    cells.append(("**LSTMGenerator**", f"**{_mean(run['AUC'] for run in runs):.3f}**"))
    for name in ("copied whole", "of real", "longer copies than real"):
        cells.append((f"... {name}, share", f"{_mean(run[name] for run in runs):.3f}"))
    told = "AUC of a gradient boosting that tells drawn sequences from real ones: .5 is as good as real."
    return Measured(f"Synthetic log beside the real one: {LOGS[result['log']]}", [told, *on_machine(result, cells)])


def next_event(result: dict[str, Any]) -> Measured:
    """Print what `next_event.py` measured."""
    head = ["", "accuracy of the badge", "mean absolute error, days", "root mean squared error, days"]
    names = ("accuracy", "days", "rmse")
    rows = [[name, *(f"{found[one]:.3f}" for one in names)] for name, found in result["baselines"].items()]
    rows.append(["**LSTMGenerator**", *(f"{_mean(run[one] for run in result['runs']):.3f}" for one in names)])
    return Measured("StackOverflow badges: what comes next, and when", [table(head, rows)])


FORECASTS = {
    "m4-hourly": "M4, hourly series",
    "m4-weekly": "M4, weekly series",
    "etth1": "ETTh1, 96 steps",
    "exchange_rate": "Exchange rates, 96 steps",
    "generated": "Demand that `datasets.make_series` draws, 48 hours",
}


def forecasts(result: dict[str, Any]) -> Measured:
    """Print what `forecasts.py` measured."""
    runs, lines = result["runs"], result["lines"]
    measures = [name for name in next(iter(lines.values())) if name != "seconds"]
    official = {name: found for name, found in result["official"].items() if found.get("OWA")}
    best = sorted(official, key=lambda name: official[name]["OWA"])[:3]
    rows = [[f"{name}, official", *(_figure(official[name].get(one)) for one in measures), ""] for name in best]
    rows += [
        [name, *(f"{found[one]:.3f}" for one in measures), f"{found['seconds'] / 60:.1f}"]
        for name, found in lines.items()
    ]
    for model in dict.fromkeys(run["model"] for run in runs):
        own = [run for run in runs if run["model"] == model]
        minutes = _mean(run["seconds of fit"] for run in own) / 60
        figures = [f"**{_mean(run[one] for run in own):.3f}**" for one in measures]
        rows.append([f"**{model}**, mean of {len(own)} seeds", *figures, f"{minutes:.1f}"])
    head = ["", *measures, "minutes"]
    return Measured(FORECASTS[result["arguments"]["task"]], [table(head, rows)])


FRAMES = {
    "japanese_vowels": "Japanese vowels: who speaks",
    "spoken_digits": "Spoken digits, by speakers who were not learned from",
    "gtzan5": "Five genres of GTZAN, folds of whole songs",
    "mnist": "MNIST, read row by row",
    "acl18": "Shares of ACL18: up or down",
}


def frames(result: dict[str, Any]) -> Measured:
    """Print what `frames.py` measured."""
    runs, task = result["runs"], result["arguments"]["task"]
    measures = ["accuracy", "MCC"] if task == "acl18" else ["accuracy", "log-loss"]
    rows = [
        [name, *(_figure(found.get(one)) for one in measures), "", f"{found.get('seconds', 0) / 60:.1f}"]
        for name, found in result["lines"].items()
    ]
    if runs:
        spread = f"{min(run[measures[-1]] for run in runs):.3f} to {max(run[measures[-1]] for run in runs):.3f}"
        figures = [f"**{_mean(run[one] for run in runs):.3f}**" for one in measures]
        minutes = _mean(run["seconds"] for run in runs) / 60
        rows.append([f"**LSTMSequenceClassifier**, mean of {len(runs)} seeds", *figures, spread, f"{minutes:.1f}"])
    head = ["", *measures, f"{measures[-1]} by seed", "minutes"]
    return Measured(FRAMES[task], [table(head, rows)])


FILMS = {  # task: (title, what the figures are, their names)
    "moving_mnist": (
        "Moving MNIST, 10 images from 10",
        "Errors of an image, added up over its pixels: the lower, the better.",
        ("squared", "absolute", "squared, image 1", "squared, image 10"),
    ),
    "radar": (
        "Rain on a radar",
        "Critical success index at 1 mm/h: the higher, the better.",
        ("5 minutes", "15 minutes", "30 minutes"),
    ),
}

_FILM_VARIANTS = {"default": ""} | {name: f", no motions, peepholes: {name}" for name in ("place", "channel", "none")}


def films(result: dict[str, Any]) -> Measured:
    """Print what `films.py` measured; results that have a name of their own compare networks."""
    title, what, measures = FILMS[result["arguments"]["task"]]
    if result["arguments"]["name"]:
        settings = ", ".join(result["arguments"]["set"])
        title, what = f"{title}: what peepholes and convolutions give", f"{what} All are trained with {settings}."
    rows = [[name, *(f"{found[one]:.3f}" for one in measures), "", ""] for name, found in result["lines"].items()]
    for variant, found in result["variants"].items():
        runs = found["runs"]
        name = f"**ConvLSTMForecaster**{_FILM_VARIANTS.get(variant, f', no motions, {variant}')}"
        figures = [f"{_mean(run[one] for run in runs):.3f}" for one in measures]
        minutes = f"{_mean(run['seconds'] for run in runs) / 60:.1f}"
        rows.append([f"{name}, {_of_seeds(len(runs))}", *figures, f"{runs[0]['weights']:,}", minutes])
    return Measured(title, [what, table(["", *measures, "weights", "minutes"], rows)])


def layer_speed(result: dict[str, Any]) -> Measured:
    """Print what `layer_speed.py` measured."""
    head = ["size", "Keras, seconds", *(f"ours, peepholes: {name}" for name in ("place", "channel", "none"))]
    rows = [
        [size, f"{found['seconds']['Keras']:.3f}", *(f"{ratio:.2f}" for ratio in found["ratio"].values())]
        for size, found in result["sizes"].items()
    ]
    text = "A step of training with `PeepholeConvLSTM2D`, as a share of the time of `keras.layers.ConvLSTM2D`."
    return Measured("Convolutional LSTM", [text, table(head, rows)])


def _of_seeds(n: int) -> str:
    return "one seed" if n == 1 else f"mean of {n} seeds"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)


MEASURED = {
    "What could follow": {f"likelihood-{task}": likelihood for task in LIKELIHOODS}
    | {"next-event": next_event}
    | {f"forecasts-{task}": forecasts for task in FORECASTS}
    | {f"frames-{task}": frames for task in FRAMES}
    | {f"films-{task}-test": films for task in FILMS}
    | {"films-moving_mnist-variants": films}
    | {f"synthetic-{log}": synthetic for log in LOGS}
    | {f"chances-{log}": chances for log in LOGS},
    "What holds under load and damage": {
        "bulk-scoring": bulk_scoring,
        "interruptions": interruptions,
        "model-files": model_files,
        "explore": explore,
        "false-alarms": false_alarms,
        "false-alarms-lstm": false_alarms,
    },
    "Speed": {
        "speed": speed,
        "detection-speed": detection_speed,
        "from_frame": from_frame,
        "forecast-speed": forecast_speed,
        "layer-speed": layer_speed,
    },
}
