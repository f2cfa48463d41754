"""Classes of frames of numbers: what an `LSTMSequenceClassifier` does where events have no items."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from seqrec.classify.convolutions import Convolutions, RidgeRegression
from seqrec.classify.labels import Labels
from seqrec.classify.summaries import Regression, summaries
from seqrec.data.channels import Channels
from seqrec.data.sequences import Sequences
from seqrec.network.architectures import FrameArchitecture
from seqrec.network.augmentation import rows_of_alike
from seqrec.network.frame_training import FrameSet, FrameTrainer, Lesson, passes
from seqrec.network.frames import FrameModel
from seqrec.network.training import Course
from seqrec.storage.arrays import Array

_MOST_HELD_OUT = 3_000  # sequences, for each network
_N_STEPS, _EPOCHS = 1_500, (7, 40)  # of training, and fewest and most epochs
_BATCH_SIZES = (8, 128)  # sequences
_UNITS = (5, 6)  # powers of two
N_LAYERS = 2
_PIECES = 8  # into which a sequence is cut to say what spoke for its class
_VALUES_AT_ONCE = 2**22  # numbers of frames that are asked of together
_SHARPEST = 20.0  # factor of log-probabilities
_MOST_SUMMARISED = 5_000  # sequences from which a regression learns

_Regression = TypeVar("_Regression", Regression, RidgeRegression)


class Beside(NamedTuple):
    """What is asked beside the networks: regressions of summaries, and of random convolutions."""

    of_summaries: Regression
    convolutions: Convolutions
    of_convolutions: RidgeRegression

    def log_probabilities(self, frames: FrameSet) -> list[NDArray[np.float64]]:
        """Give what each says, (n_sequences, n_classes)."""
        of_convolutions = np.zeros((len(frames.lengths), len(self.of_convolutions.coef)))
        for rows, shares in self.convolutions.in_parts(frames):
            of_convolutions[rows] = self.of_convolutions.log_probabilities(shares)
        return [
            self.of_summaries.log_probabilities(summaries(frames.values, frames.indptr)),
            of_convolutions,
        ]

    def check_fits(self, n_classes: int, n_inputs: int) -> None:
        """Raise ValueError unless they are of so many classes and inputs of a network."""
        self.of_summaries.check_fits(n_classes, n_inputs)
        self.convolutions.check_fits(n_inputs)
        self.of_convolutions.check_fits(n_classes, self.convolutions.levels.size)


class FrameAnswers(NamedTuple):
    """How what is said of frames becomes a probability: by the networks, and by what is asked beside them.

    Attributes
    ----------
    shares : (n_classes,) float64
        Of the classes in the training data: the answer for a sequence without frames.
    class_weights : (n_classes,) float64
        What classes weighed in the training of networks, which is taken off again.
    beside : Beside, or None
    factors : (1 or 3,) float64
        Of the log-probabilities of the networks, of the summaries and of the convolutions, before they are added.
    """

    shares: Annotated[NDArray[np.float64], Array("float64", "n_classes", low=math.ulp(0.0))]
    class_weights: Annotated[NDArray[np.float64], Array("float64", "n_classes", low=math.ulp(0.0))]
    beside: Beside | None
    factors: Annotated[NDArray[np.float64], Array("float64", "n_told", low=0)]

    def log_probabilities(self, model: FrameModel, frames: FrameSet) -> NDArray[np.float64]:
        """Give log-probabilities, (n_sequences, n_classes) or (n_events, n_classes)."""
        told = _told(model, frames, np.arange(len(frames.lengths))).astype(np.float64).mean(axis=0)
        each = [told - np.log(self.class_weights)]
        each += [] if self.beside is None else self.beside.log_probabilities(frames)
        log_p = log_softmax(_added(self.factors, each), axis=1)
        if model.architecture.both_ways:
            log_p[frames.lengths == 0] = np.log(self.shares)
        return log_p

    def check_fits(self, architecture: FrameArchitecture) -> None:
        """Raise ValueError unless it is one of such a network."""
        if len(self.factors) != (1 if self.beside is None else 3):
            raise ValueError("there are not as many factors as there are answers.")
        if self.beside is not None:
            self.beside.check_fits(architecture.n_classes, architecture.n_inputs)


def frame_set(X: Sequences, channels: Channels) -> FrameSet:
    """Give X as a network reads it."""
    return FrameSet(channels.read(X), X.indptr, channels.extent)


def usual_units(n_events: int) -> int:
    """Give a third of the square root of the number of frames, as a power of two."""
    return 2 ** int(np.clip(round(math.log2(math.sqrt(n_events) / 3)), *_UNITS))


def usual_batch_size(n_sequences: int) -> int:
    """Give sequences of a batch: about the square root of how many there are, as a power of two."""
    return int(np.clip(2 ** round(math.log2(1.25 * math.sqrt(max(1, n_sequences)))), *_BATCH_SIZES))


def usual_epochs(n_sequences: int, batch_size: int) -> int:
    """Give so many epochs that there are some 1,500 steps, within limits."""
    n_batches = math.ceil(n_sequences / batch_size)
    return int(np.clip(math.ceil(_N_STEPS / (n_batches * passes(n_batches))), *_EPOCHS))


def usual_rate(batch_size: int) -> float:
    """Adam bears a rate in proportion to the square root of the batch (Malladi et al. 2022)."""
    return 0.003 * math.sqrt(batch_size / 64)


def most_held_out(share: float, n: int) -> float:
    """Give the share of n sequences that each network holds out: no more than tell when to stop."""
    return min(share, _MOST_HELD_OUT / max(1, n))


def learn(
    X: Sequences,
    channels: Channels,
    labels: Labels,
    out: NDArray[np.bool_],
    architecture: FrameArchitecture,
    course: Course,
    rng: np.random.Generator,
) -> tuple[FrameTrainer, dict[str, Any]]:
    """Train networks, each without what it holds out, and calibrate them by this.

    Returns
    -------
    trainer : FrameTrainer
    found : dict
        The attributes of an `LSTMSequenceClassifier` that it leaves.
    """
    model, frames, by_frame = FrameModel(architecture), frame_set(X, channels), labels.level == "event"
    of_told = np.repeat(out, X.lengths, axis=0) if by_frame else out
    weights = (labels.weights[:, None] * ~of_told).astype(np.float32)
    in_order = rows_of_alike(frames.values[:, : len(channels.mean)])  # noqa: PD011
    lesson = Lesson(frames, labels.numbers, weights, course.batch_size, course.longest, by_frame, in_order)
    judged = of_told & (labels.weights > 0)[:, None]
    ask = partial(_held_out_answers, model, frames, labels, judged)
    trainer = FrameTrainer(model)
    history = trainer.fit(lesson, course, rng, partial(_merit, ask) if judged.any() else None)
    beside, factors = None, np.ones(1)
    if judged.any():
        told = [ask()[0] - np.log(labels.class_weights)]
        if not by_frame:
            beside, more = _beside(frames, labels, out, judged, rng)
            told += more
        factors = _factors(told, labels.numbers[np.nonzero(judged)[0]])
    answers = FrameAnswers(labels.shares, labels.class_weights, beside, factors)
    return trainer, {"channels_": channels, "_frame_answers": answers, "model_": model, "history_": history}


def _beside(
    frames: FrameSet, labels: Labels, out: NDArray[np.bool_], judged: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Beside | None, list[NDArray[np.float64]]]:
    """Give regressions of all sequences, and what others say of what each network holds out.

    These, (n, n_classes) each, are log-probabilities in the order of `judged`. If a network holds out all of a class,
    there is no regression.
    """
    known = np.flatnonzero((labels.weights > 0) & (frames.lengths > 0))
    known = np.sort(rng.permutation(known)[:_MOST_SUMMARISED])
    parts = [known[~out[known, network]] for network in range(judged.shape[1])]
    if any(len(np.unique(labels.numbers[part])) < len(labels.classes) for part in [known, *parts]):
        return None, []
    weights = labels.weights / labels.class_weights[labels.numbers]
    read = np.union1d(known, np.flatnonzero(judged.any(axis=1)))

    def learned(kind: type[_Regression], features: NDArray, rows: NDArray) -> _Regression:
        return kind.fit(features[np.searchsorted(read, rows)], labels.numbers[rows], weights[rows])

    def of_held_out(kind: type[_Regression], features: NDArray) -> NDArray[np.float64]:
        log_p = np.zeros((len(read), judged.shape[1], len(labels.classes)))
        for network, part in enumerate(parts):
            asked = judged[read, network]
            log_p[asked, network] = learned(kind, features, part).log_probabilities(features[asked])
        return log_p[judged[read]]

    convolutions, some = Convolutions.draw(frames, rng), frames.of(read)
    summarised, shares = summaries(some.values, some.indptr), convolutions.shares(some)
    told = [of_held_out(Regression, summarised), of_held_out(RidgeRegression, shares)]
    whole = learned(Regression, summarised, known), convolutions, learned(RidgeRegression, shares, known)
    return Beside(*whole), told


def _added(factors: NDArray[np.float64], told: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Add log-probabilities with a factor each: the logarithmic pool, but for its scale."""
    return np.add.reduce([factor * each for factor, each in zip(factors, told, strict=True)])


def _factors(told: list[NDArray[np.float64]], known: NDArray) -> NDArray[np.float64]:
    """Give the factors of log-probabilities, each (n, n_classes), with which their sum makes the labels likeliest.

    References
    ----------
    Guo et al. (2017), "On calibration of modern neural networks", section 4.2: one factor. Genest & Zidek (1986),
    "Combining probability distributions": the logarithmic pool.
    """
    stacked, rows = np.stack(told), np.arange(len(known))

    def loss(factors: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_p = log_softmax(_added(factors, told), axis=1)
        expected = (np.exp(log_p) * stacked).sum(axis=2) - stacked[:, rows, known]
        weak = factors / len(known)  # the gradient of a normal prior, without which what is never wrong has no limit
        return -log_p[rows, known].mean() + (factors * weak).sum() / 2, expected.mean(axis=1) + weak

    start = np.full(len(told), 1 / len(told))
    found: NDArray = minimize(loss, start, jac=True, bounds=[(0, _SHARPEST)] * len(told)).x
    return found


def _told(model: FrameModel, frames: FrameSet, rows: NDArray) -> NDArray[np.float32]:
    """Give what each network says, (n_networks, n_told, n_classes); 0 of what is not among the rows."""
    architecture = model.architecture
    n_told = len(frames.lengths) if architecture.both_ways else len(frames.values)
    log_p = np.zeros((architecture.n_networks, n_told, architecture.n_classes), np.float32)
    for part, arrays, events, here in frames.in_parts(rows):
        told = model.tell(*arrays)
        if architecture.both_ways:
            log_p[:, part] = told[:, :, 0]
        else:
            log_p[:, events] = told[:, here]
    return log_p


def _held_out_answers(
    model: FrameModel, frames: FrameSet, labels: Labels, judged: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray, NDArray]:
    """Give the log-probabilities of what networks hold out, (n, n_classes), with labels and weights."""
    rows: NDArray = np.any(judged, axis=1)
    if labels.level == "event":
        rows = frames.any_of(rows)
    log_p = _told(model, frames, np.flatnonzero(rows))
    told, network = np.nonzero(judged)
    return log_p[network, told].astype(np.float64), labels.numbers[told], labels.weights[told]


def _merit(ask: Any) -> float:
    """Mean log-probability of the labels, weighted, nats."""
    log_p, known, weights = ask()
    return float(np.average(log_p[np.arange(len(known)), known], weights=weights))


def evidence(tell: Any, frames: FrameSet, channels: Channels, n_stretches: int) -> pd.DataFrame:
    """Say what log-probability the likeliest class loses without each of some stretches, and without each channel.

    Parameters
    ----------
    tell : callable
        Gives log-probabilities, (n_sequences, n_classes), of frames.
    frames : FrameSet
    channels : Channels
    n_stretches : int
        Most stretches, and most channels, of a sequence.

    Returns
    -------
    found : DataFrame
        `sequence` and `class` as numbers, and the columns of `LSTMSequenceClassifier.explain` that follow.
    """
    lengths, rows = frames.lengths, np.arange(len(frames.lengths))
    row_of = np.repeat(rows, lengths)
    place = np.arange(len(row_of)) - frames.indptr[row_of]
    ends = np.arange(_PIECES + 1)[:, None] * lengths // _PIECES  # (n_pieces + 1, n_sequences)
    stretches = [((start <= place) & (place < stop))[:, None] for start, stop in pairwise(ends[:, row_of])]
    of_channels = [np.isin(np.arange(channels.n_inputs), channels.inputs_of(at)) for at in range(len(channels.names))]
    told = _without(tell, frames, [np.zeros(1, bool), *stretches, *of_channels])
    best = told[0].argmax(axis=1)
    lost = told[0, rows, best] - told[1:, rows, best]
    names = [None] * _PIECES + list(channels.names)
    spans = [*pairwise(ends), *[(ends[0], lengths)] * len(channels.names)]
    tables = [
        pd.DataFrame({"start": start, "stop": stop, "channel": name, "evidence": evidence}, index=rows)
        for name, (start, stop), evidence in zip(names, spans, lost, strict=True)
    ]
    parts = [pd.concat(tables[:_PIECES]), pd.concat(tables[_PIECES:])]
    parts = [each[each["stop"] > each["start"]] for each in parts]
    strongest = [
        part.sort_values("evidence", ascending=False, kind="stable").groupby(level=0).head(n_stretches)
        for part in parts
    ]
    found = pd.concat(strongest).rename_axis("sequence").reset_index()
    found = found.sort_values(["sequence", "evidence"], ascending=[True, False], kind="stable", ignore_index=True)
    found.insert(1, "class", best[found["sequence"]])
    return found


def _without(tell: Any, frames: FrameSet, left_out: list[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Ask without numbers, each (n_events or 1, n_inputs or 1), as many questions at once as there is room for.

    Log-probabilities are (n_questions, n_sequences, n_classes).
    """
    n_at_once, told = max(1, _VALUES_AT_ONCE // max(1, frames.values.size)), []  # noqa: PD011
    for start in range(0, len(left_out), n_at_once):
        values = [np.where(out, np.float32(0), frames.values) for out in left_out[start : start + n_at_once]]
        indptr = np.concatenate([[0], np.cumsum(np.tile(frames.lengths, len(values)))])
        asked = frames._replace(values=np.concatenate(values), indptr=indptr)
        told.append(tell(asked).reshape(len(values), len(frames.lengths), -1))
    return np.concatenate(told)
