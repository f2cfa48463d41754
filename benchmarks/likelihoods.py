"""How likely is text, and how likely are tunes, that nobody has learned from?

    python benchmarks/likelihoods.py --task tiny_shakespeare --seeds 0 --data FOLDER

Each text is one sequence, read from its first symbol to its last with the state carried on. Figures are means over the
symbols of the part that is judged; of music, over its quarter-note frames, all tokens of a frame together, as those who
publish the likelihood of the set of notes count them.

- tiny_shakespeare: nats a character; the first 90 % is learned, the last 10 % judged.
- ptb_characters, ptb_words: bits a character and perplexity of a word; Mikolov's parts, an end symbol after each
  sentence, the sentences of a part as one sequence.
- jsb, nottingham: nats a frame; parts of Boulanger-Lewandowski et al. (2012); JSB in twelve transpositions.
- stories: nats a character or end of `datasets.make_text`, 8,000 texts learned and 1,000 judged, beside the truth.

Settings are those of `LSTMGenerator`, one set for all, chosen on the validation parts.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from harness import make_parser, read_settings, read_table, write_result

from seqrec import LSTMGenerator, NGramGenerator, Sequences, music
from seqrec.datasets import make_text

ORDERS = {"ptb_words": 5}  # of n-grams; 7 where nothing is said


class Task(NamedTuple):
    """What is learned and judged."""

    learned: Sequences
    judged: Sequences
    groups: np.ndarray | None
    n_units: int  # that the figure is a mean over
    told: Callable[[float], float]  # from nats a unit to the figure
    truth: float | None = None  # the figure of what drew the data


def shakespeare(folder: str | None, part: str) -> Task:
    """Of the training part the last tenth is judged in validation."""
    texts = read_table(folder, "text", "tiny_shakespeare").set_index("part")["text"]
    learned, judged = texts["train"], texts["valid"]
    if part == "validation":
        cut = len(learned) * 9 // 10
        learned, judged = learned[:cut], learned[cut:]
    return _of_symbols(list(learned), list(judged), lambda nats: nats)


def treebank(unit: str, folder: str | None, part: str) -> Task:
    table = read_table(folder, "text", "ptb")
    sentences = {name: rows["text"].tolist() for name, rows in table.groupby("part")}

    def symbols(of_part: str) -> list[str]:
        parts = (list(text.replace(" ", "_")) if unit == "character" else text.split() for text in sentences[of_part])
        return [symbol for each in parts for symbol in (*each, "\n")]

    told = (lambda nats: nats / np.log(2)) if unit == "character" else np.exp
    return _of_symbols(symbols("train"), symbols("valid" if part == "validation" else "test"), told)


def tunes(name: str, folder: str | None, part: str) -> Task:
    """Pieces as notes from high to low and the ends of frames; JSB is learned in all keys."""
    table = read_table(folder, "music", "pianoroll")
    table = table[table["set"] == name]

    def pieces(of_part: str) -> list[list[np.ndarray]]:
        rows = table[table["part"] == of_part].sort_values(["piece", "frame"])
        return [group["notes"].tolist() for _, group in rows.groupby("piece", sort=False)]

    learned, groups = music.from_pianorolls(pieces("train")), None
    if name == "JSB_Chorales":
        learned, groups = music.transposed(learned)
    judged = pieces("valid" if part == "validation" else "test")
    return Task(learned, music.from_pianorolls(judged), groups, sum(map(len, judged)), lambda nats: nats)


def stories(folder: str | None, part: str) -> Task:  # noqa: ARG001
    """Texts that a grammar draws, of which the likelihood is known; with their ends."""
    learned, judged = make_text(8_000, random_state=0), make_text(1_000, random_state=1 + (part == "validation"))
    X = Sequences.from_texts(judged["text"])
    n_units = X.n_events + len(X)
    truth = -judged["log_likelihood"].sum() / n_units
    return Task(Sequences.from_texts(learned["text"]), X, None, n_units, lambda nats: nats, truth)


def _of_symbols(learned: list[str], judged: list[str], told: Callable[[float], float]) -> Task:
    return Task(Sequences.from_lists([learned]), Sequences.from_lists([judged]), None, len(judged), told)


TASKS: dict[str, Callable[[str | None, str], Task]] = {
    "tiny_shakespeare": shakespeare,
    "ptb_characters": lambda *where: treebank("character", *where),
    "ptb_words": lambda *where: treebank("word", *where),
    "jsb": lambda *where: tunes("JSB_Chorales", *where),
    "nottingham": lambda *where: tunes("Nottingham", *where),
    "stories": stories,
}


def judge(generator: Any, task: Task) -> float:
    """Mean over the units of all that is judged; those who publish leave out the ends of sequences."""
    surprisal = generator.surprisal(task.judged, ends=task.truth is not None)
    return float(task.told(surprisal.sum() / task.n_units))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    arguments = parser.parse_args()

    task = TASKS[arguments.task](arguments.data, arguments.part)
    order = ORDERS.get(arguments.task, 7)
    ngrams = judge(NGramGenerator(order=order).fit(task.learned), task)
    print(f"{arguments.task}, {arguments.part}: {order}-grams {ngrams:.4f}", flush=True)
    records = []
    for seed in arguments.seeds:
        start = time.perf_counter()
        generator = LSTMGenerator(**read_settings(arguments.set), random_state=seed).fit(
            task.learned, groups=task.groups
        )
        seconds = time.perf_counter() - start
        together = judge(generator, task)
        generator.mixture_ = None
        alone = judge(generator, task)
        epochs, judged = len(generator.history_["loss"]), generator.history_.get("validation", [])
        records.append({"seed": seed, "figure": together, "network alone": alone, "epochs": epochs, "seconds": seconds})
        records[-1]["validation"] = judged
        print(f"seed {seed}: {together:.4f}, network alone {alone:.4f}, {epochs} epochs, {seconds:.0f} s", flush=True)
    name = f"likelihood-{arguments.task}" + ("-validation" if arguments.part == "validation" else "")
    figures = {"order": order, "ngrams": ngrams, "truth": task.truth, "runs": records, "units": task.n_units}
    write_result(name, arguments, figures)


if __name__ == "__main__":
    main()
