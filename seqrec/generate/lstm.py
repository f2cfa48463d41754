"""Generate with an LSTM: samples from its distribution over the next event, with its time and its fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from seqrec.data.alignment import beside_sequences
from seqrec.data.censoring import ended
from seqrec.data.ends import Chain, end_code, with_ends
from seqrec.data.fields import EVENT, GAP, Fields
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, HISTORY, TrainingData
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.generate.base import GeneratorMixin
from seqrec.generate.event_walk import EventWalk, columns_of
from seqrec.generate.forms import NumberForm
from seqrec.generate.gaps import Timing
from seqrec.generate.held_out import COUNTS, hold_out, one_of_each
from seqrec.generate.kneser_ney import KneserNey, latest_events
from seqrec.generate.mixture import MixedWalk, Mixture
from seqrec.generate.paths import Events, Walks
from seqrec.network.batches import SEGMENT
from seqrec.network.blueprint import Network, architecture_schema
from seqrec.network.estimator import SOFTMAX_ITEMS, BaseLSTM
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.training import Course, History, Trainer
from seqrec.network.unseen import Unseen
from seqrec.storage.schemas import Integer, Mapped, Optional, Record, Schema

_READ = 24_000_000  # events in all, so that a small log is read often enough to be learned
_N_COMPONENTS = 20  # of a number: gaps come in spikes, of minutes, nights and weeks
_SOFTMAX = 2.5  # events that the probabilities of many kinds cost as much as, for each event
_MOST_FOR_LONG, _MOST_FOR_NGRAMS = 10_000_000, 30_000_000  # events of which n-grams are counted


class LSTMGenerator(GeneratorMixin, BaseLSTM):
    """Learn what usually follows what, and draw sequences that could have come: text, tunes, logs.

    An LSTM reads a sequence event by event and gives the probability of the next one, of its end, and of each further
    field of an event: categories, numbers, and the gap in time where X has timestamps. Sampling from these, one after
    another, gives whole sequences. Beside the network stand n-grams, which count as much as held-out events say.

    States are carried through sequences of any length, in training too: a text of a million characters is read from
    several places at once. A log that stops is no event: how likely a quiet sequence has ended is estimated from the
    gaps, and ends count as much as that.

    Parameters
    ----------
    units : int or "auto"
        Width of the recurrent state. "auto": 512 for a million events, less for fewer.
    n_layers : int or "auto"
        Recurrent layers; "auto": 1.
    cell : {"lstm", "peephole", "gru", "rnn"}
        As in `LSTMRecommender`.
    dropout : float
        Share of the outputs that is dropped in training, the same ones at all steps; of the recurrence's inputs, half
        of it.
    order : int or "auto"
        Events in an n-gram; 0: there are none. "auto": 7 up to ten million events, 5 up to thirty, none above.
    batch_size : int or "auto"
        Events (not sequences) in a batch.
    learning_rate : float or "auto"
        Height of the schedule: one epoch of warm-up, then a cosine. Halved, from the best weights so far on, where the
        loss rises and what is held out gets no likelier.
    max_epochs : int or "auto"
        Passes over the log. "auto": for 24 million events in all, fewer where there are many kinds,
        at least 3 and at most 100.
    patience : int
        Stop after so many epochs without a better likelihood of what is held out.
    validation_fraction : float
        Share of the events, at most 50,000, that is held out: whole sequences; of fewer than 20, stretches of a
        thousand events or the ends.
    precision : {"auto", "float32", "bfloat16"}
        Of the matrix products in training. What is said of sequences is always computed in float32.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine, on as many threads, gives the same weights; no global seed is touched.

    Attributes
    ----------
    model_ : SequenceModel
        The Keras model, in float32.
    mixture_ : Mixture or None
        The n-grams, and what they count.
    vocabulary_ : Vocabulary
        Kinds of events, n_items.
    fields_ : Fields
        The fields of an event beside its kind.
    unseen_ : Unseen
        What is left for kinds of events that training lacked; none is drawn.
    timing_ : Timing or None
        When sequences start, where training had times.
    forms_ : dict of NumberForm
        What the numbers of each numeric column look like.
    longest_ : int
        Events of the longest training sequence.
    history_ : dict of lists
        For each epoch the "loss" (nats an event with its fields, dropout on) and the "validation" (mean ``log p`` of a
        held-out event with its fields, by the network alone).
    training_data_ : TrainingData
        Size and dates of the training data.

    References
    ----------
    Graves (2013), "Generating sequences with recurrent neural networks".
    Mikolov et al. (2010), "Recurrent neural network based language model": networks mixed with n-grams.
    Du et al. (2016), "Recurrent marked temporal point processes": what comes next, and when.

    Examples
    --------
    >>> from seqrec import LSTMGenerator
    >>> generator = LSTMGenerator(units=8, max_epochs=2, random_state=0)
    >>> generator = generator.fit([["open", "read", "close"], ["open", "close"]] * 50)
    >>> generator.sample(3, prefix=["open"], length=1, random_state=0).lengths.tolist()
    [2, 2, 2]
    """

    _parameter_constraints: ClassVar[dict] = {
        name: rule for name, rule in BaseLSTM._parameter_constraints.items() if name != "max_length"
    } | {
        "n_layers": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "order": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    }
    _schema: ClassVar[dict[str, Schema]] = FITTED | {
        "vocabulary_": vocabulary("n_items"),
        "fields_": Record(Fields),
        "model_": Network(SequenceModel, architecture_schema("n_items + 3")),
        "mixture_": Optional(Record(Mixture)),
        "unseen_": Record(Unseen),
        "timing_": Optional(Record(Timing)),
        "forms_": Mapped(Record(NumberForm)),
        "longest_": Integer(1),
        "history_": HISTORY,
    }
    vocabulary_: Vocabulary
    fields_: Fields
    model_: SequenceModel
    mixture_: Mixture | None
    unseen_: Unseen
    timing_: Timing | None
    forms_: dict[str, NumberForm]
    history_: History

    def __init__(
        self,
        units: int | str = "auto",
        n_layers: int | str = "auto",
        cell: str = "lstm",
        dropout: float = 0.3,
        order: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        max_epochs: int | str = "auto",
        patience: int = 5,
        validation_fraction: float = 0.1,
        precision: str = "auto",
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.units, self.n_layers, self.cell, self.dropout, self.order = units, n_layers, cell, dropout, order
        self.batch_size, self.learning_rate, self.max_epochs = batch_size, learning_rate, max_epochs
        self.patience, self.validation_fraction = patience, validation_fraction
        self.precision, self.verbose, self.random_state = precision, verbose, random_state

    def fit(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Learn what follows what in the sequences X; y is ignored.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
            Times and further columns are learned, and drawn, with the events.
        groups : (n_sequences,) array-like, optional
            Sequences of one group are variants of one, such as transpositions of a tune: each epoch reads one of them,
            drawn at random, the n-grams count all, and what is held out is so with all its variants.

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is not as described; before any training.
        DivergenceError
            If the loss turns NaN; an earlier fit is kept.
        KeyboardInterrupt
            At Ctrl-C. If an epoch was over, the estimator is fitted first, with the weights of the best so far; if none
            was, an earlier fit is kept.
        """
        self._validate_params()
        X = as_sequences(X, allow_empty=False, estimator=self).compact()
        variants = None if groups is None else _numbered(beside_sequences(groups, X, "groups"), len(X))
        random, fields = check_random_state(self.random_state), Fields.learn(X)
        architecture = self._architecture(
            X,
            fields,
            int(random.randint(2**31)),
            n_codes=end_code(len(X.vocabulary)) + 1,
            n_layers=1 if self.n_layers == "auto" else int(self.n_layers),
            predicts_fields=True,
            cosines=False,
            one_mask=True,
            n_components=_N_COMPONENTS,
        )
        trainer, closed = Trainer(architecture, self._policy()), _closed(X, fields)
        known = closed.codes, closed.columns["categories"], closed.columns["numbers"]
        rng = np.random.default_rng(random.randint(2**31, size=4))
        history, mixture = self._learn(trainer, closed, variants, rng, lambda net: net.start_from_shares(*known))
        # Nothing before has touched the estimator, so a fit that fails changes nothing.
        self.model_, self.history_, self.mixture_ = trainer.network, history, mixture
        self.fields_, self.vocabulary_, self.unseen_ = fields, X.vocabulary, Unseen.estimate(X)
        self.timing_ = None if X.timestamps is None else Timing.of(X)
        numeric = [field.name for field in fields.numbers if field.name in X.columns]
        self.forms_ = {name: NumberForm.learn(X.columns[name]) for name in numeric}
        self.longest_, self.training_data_ = int(X.lengths.max()), TrainingData.of(X)
        trainer.raise_if_stopped()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn from new sequences, for one epoch; new kinds of events join. What was never fitted is fitted.

        The n-grams, and what they count, stay those of `fit`.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
            With the times and columns of the training data.

        Returns
        -------
        self : LSTMGenerator
        """
        if not hasattr(self, "model_"):
            return self.fit(X)
        self._validate_params()
        X = as_sequences(X, allow_empty=False, estimator=self, reset=False).compact()
        X = X.recode(self.vocabulary_.extend(X.vocabulary.items))
        before, after = end_code(len(self.vocabulary_)), end_code(len(X.vocabulary))
        old, architecture = self.model_.get_weights(), self.model_.architecture._replace(n_codes=after + 1)
        closed, random = _closed(X, self.fields_), check_random_state(self.random_state)
        course = self._course(X, 1, 1)._replace(learning_rate=self._learning_rate(X) / 10, warm_up=False)

        def start(network: SequenceModel) -> None:
            network.set_weights([_widened(*pair, before) for pair in zip(old, network.get_weights(), strict=True)])

        trainer, rng = Trainer(architecture, self._policy()), np.random.default_rng(random.randint(2**31, size=4))
        history = trainer.fit(closed, course, rng, start, draw=partial(_drawn, groups=None))
        self.model_, self.history_ = trainer.network, {"loss": self.history_["loss"] + history["loss"]}
        self.mixture_ = self.mixture_ and self.mixture_.with_end(before, after)
        self.vocabulary_, self.longest_ = X.vocabulary, max(self.longest_, int(X.lengths.max()))
        self.training_data_ = self.training_data_.followed_by(X, len(X.vocabulary))
        trainer.raise_if_stopped()
        return self

    def _learn(
        self,
        trainer: Trainer,
        X: Sequences,
        variants: NDArray[np.intp] | None,
        rng: np.random.Generator,
        start: Callable[[SequenceModel], None],
    ) -> tuple[History, Mixture | None]:
        """Train a network on closed sequences, and join n-grams with it by what is held out."""
        groups = np.arange(len(X)) if variants is None else variants
        learned, groups, held_out = hold_out(X, self.validation_fraction, groups, rng)
        counts = held_out.columns[COUNTS]

        def merit(reader: Reader) -> float:
            """Mean log-probability of the held-out events and their fields, nats."""
            return float(np.average(_log_prob(reader, held_out).sum(axis=1), weights=counts))

        read = learned if variants is None else learned[one_of_each(groups, rng)]
        course = self._course(read, self._n_epochs(read), self.patience)
        draw = partial(_drawn, groups=None if variants is None else groups)
        history = trainer.fit(learned, course, rng, start, merit if counts.any() else None, draw)
        n_codes, order = trainer.network.architecture.n_codes - N_RESERVED, self._order(X)
        if not order:
            return history, None
        mixture = Mixture.even(KneserNey.fit(_countable(learned), n_codes, order))
        if counts.any():
            log_p = _log_prob(Reader.of(trainer.network), held_out)[:, 0]
            mixture = mixture.learned(_chain(held_out), log_p.astype(np.float64), counts)
        return history, mixture._replace(ngrams=KneserNey.fit(_countable(X), n_codes, order))

    def _order(self, X: Sequences) -> int:
        """Look back far where this costs little memory: a context of each length is kept."""
        usual = 7 if X.n_events <= _MOST_FOR_LONG else 5 if X.n_events <= _MOST_FOR_NGRAMS else 0
        return usual if self.order == "auto" else int(self.order)

    def _n_epochs(self, X: Sequences) -> int:
        costs = X.n_events * (1 + _SOFTMAX * min(1.0, len(X.vocabulary) / SOFTMAX_ITEMS))
        usual = np.clip(round(_READ / costs), 3, 100)
        return int(usual if self.max_epochs == "auto" else self.max_epochs)

    def _batch_size(self, X: Sequences) -> int:
        usual = 2 ** round(math.log2(max(1, X.n_events) / 256))
        return int(np.clip(usual, 16 * SEGMENT, 64 * SEGMENT)) if self.batch_size == "auto" else int(self.batch_size)

    def _learning_rate(self, X: Sequences) -> float:  # noqa: ARG002
        return 0.004 if self.learning_rate == "auto" else float(self.learning_rate)

    def _course(self, X: Sequences, n_epochs: int, patience: int) -> Course:
        """Read long sequences from as many places at once as there are rows in a batch.

        Their windows, of which the first and the last are shorter, have to fit into one batch: a second one of a few
        rows would take as many steps, which tell too little for a step each. As padding costs as much as events,
        sequences that would make but one to three windows are read whole.
        """
        batch_size = self._batch_size(X)
        n_rows = max(1, batch_size // SEGMENT)
        longest = max(SEGMENT, math.ceil(X.n_events / n_rows))
        longest = max(longest, int(X.lengths.max())) if X.lengths.max() <= 3 * longest else longest
        long = X.lengths[X.lengths > longest]
        n_windows = int(np.sum(-(-long // longest) + 1))
        batch_size = max(batch_size, n_windows * SEGMENT) if len(long) <= n_rows else batch_size
        rate = self._learning_rate(X)
        return Course(longest, batch_size, rate, n_epochs, patience, self.verbose, averaged=True, steps_back=True)

    def _reads(self, begun: Sequences) -> bool:
        return not self.fields_.names or (
            (begun.timestamps is not None or self.timing_ is None)
            and {*self.fields_.names} - ({GAP} if self.timing_ else set()) <= begun.columns.keys()
        )

    def _field_names(self) -> list[str]:
        return [EVENT, *self.fields_.names]

    def _log_prob(self, X: Sequences) -> NDArray[np.float64]:
        X = with_ends(self.fields_.encode(X))
        log_p = _log_prob(Reader.of(self.model_), X).astype(np.float64)
        of_events = log_p[:, 0] if self.mixture_ is None else self.mixture_.log_prob(_chain(X), log_p[:, 0])
        of_events = np.log1p(-self.unseen_.mass) + of_events
        log_p[:, 0] = np.where(X.codes == UNKNOWN, np.log(self.unseen_.probability), of_events)
        return log_p

    def _walks(self, begun: Sequences) -> Walks:
        encoded = self.fields_.encode(begun, may_lack=not begun.n_events)
        state = Reader.of(self.model_).read(encoded, keep=True)
        plain = partial(EventWalk, self.model_, self.fields_, self.timing_, self.forms_, state)
        if (mixture := self.mixture_) is None:
            return plain
        latest = latest_events(begun, len(mixture.ngrams.levels) - 1)
        return lambda rows: MixedWalk(plain(rows), mixture, latest[rows])

    def _columns_of(self, events: Events) -> dict[str, NDArray]:
        return columns_of(events, self.fields_, self.forms_)

    def _sequences(self, events: Events, indptr: NDArray[np.int64], keys: NDArray[np.intp]) -> Sequences:
        drawn = replace(super()._sequences(events, indptr, keys), columns=self._columns_of(events))
        return drawn if self.timing_ is None else replace(drawn, timestamps=events.times, clock=self.timing_.tick)


def _widened(old: NDArray, new: NDArray, end: int) -> NDArray:
    """Give `new` with `old` in its first rows; the row of a sequence's `end` is the last one of both."""
    if len(old) == len(new):
        return old
    return np.concatenate([old[:end], new[end:-1], old[end:]])


def _closed(X: Sequences, fields: Fields) -> Sequences:
    """Encode sequences, with their ends; an end counts as much as it is likely to be one."""
    closed, counts = with_ends(fields.encode(X)), np.ones(X.n_events + len(X))
    counts[closed.indptr[1:] - 1] = ended(X)
    return replace(closed, columns={**closed.columns, COUNTS: counts})


def _drawn(X: Sequences, rng: np.random.Generator, groups: NDArray[np.intp] | None) -> Sequences:
    """Give what is read in an epoch: one sequence of each group, and ends as often as they are likely to be some."""
    X = X if groups is None else X[one_of_each(groups, rng)]
    counts, columns = X.columns[COUNTS], {name: X.columns[name] for name in ("categories", "numbers")}
    codes = np.where(rng.random(X.n_events) < counts, X.codes, UNKNOWN) if (counts < 1).any() else X.codes
    return replace(X, codes=codes, columns=columns)


def _chain(closed: Sequences) -> Chain:
    return Chain(closed.codes, closed.indptr, np.arange(closed.n_events))


def _countable(closed: Sequences) -> Chain:
    """Give closed sequences without the ends that are probably none."""
    return _chain(closed).only(closed.columns[COUNTS] >= 0.5)


def _log_prob(reader: Reader, closed: Sequences) -> NDArray[np.float32]:
    """``log p`` of each event and end, and of each field, by the network alone, (n, 1 + n_fields), nats."""
    architecture = reader.network.architecture
    log_p = np.zeros((closed.n_events, 1 + architecture.n_fields), np.float32)

    def put(events: NDArray, surprisal: Any, *_: Any) -> None:
        log_p[events] = -surprisal.numpy()

    reader.read(closed, step="score", put=put, more=(reader.table,))
    return log_p


def _numbered(groups: ArrayLike, n: int) -> NDArray[np.intp]:
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise InputError(f"groups must name one group for each of the {n:,} sequences; got shape {groups.shape}.")
    return np.unique(groups, return_inverse=True)[1]
