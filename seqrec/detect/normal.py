"""What a network has learned to be normal, and how odd each event is against it: whole sequences, or going on."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax

from seqrec.data.ends import Chain, close, distinct, end_code
from seqrec.data.fields import NOT_GIVEN, Fields
from seqrec.data.queries import seconds_until
from seqrec.data.sequences import Sequences
from seqrec.data.summary import count_events
from seqrec.data.vocabulary import UNKNOWN, Vocabulary, vocabulary
from seqrec.detect.counts import BagOfEvents
from seqrec.detect.parts import NumberParts, Parts, SurprisalParts
from seqrec.exceptions import InputError
from seqrec.network import mixtures
from seqrec.network.blueprint import Network, architecture_schema
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.state import State, take
from seqrec.network.tensorflow import tf
from seqrec.network.unseen import Unseen


class DetectorState(NamedTuple):
    """What is kept of n sequences, so that they can be read on.

    Attributes
    ----------
    network : State
    parts : tuple of SurprisalParts and NumberParts
        Of the events, the categories and the numbers.
    counts : (n, n_codes - 1) sparse array
        How often each kind of event occurred; the first column counts unknown ones.
    """

    network: State
    parts: tuple[Any, ...]
    counts: sparse.csr_array


class Findings(NamedTuple):
    """What a network says of n events.

    Attributes
    ----------
    surprisal : (n, 1 + n_fields) float32, nats
        Of the event, then of each field; 0 for a field that is not given.
    tails : (n, n_numbers) float32, nats
        ``-log p`` of each number, on its field's side; 0 where it is not given.
    normal_scores : (n, n_numbers) float32
        Standard normal if the network is right; NaN for a number that is not given, absent or 0.
    sizes : (n, n_numbers) float32
        Of the numbers, as `fields.Number` encodes them.
    no_likelier : (n, 1 + n_categories) float32
        Probability of all events, and of all values of a category, that are as likely as this one or less. This one and
        the next two only say something if the events were compared.
    ranks : (n,) float32
        1 for the likeliest event; ties share their average rank.
    likeliest : (n,) int32
        Code of the event that was expected most.
    """

    surprisal: NDArray[np.float32]
    tails: NDArray[np.float32]
    normal_scores: NDArray[np.float32]
    sizes: NDArray[np.float32]
    no_likelier: NDArray[np.float32]
    ranks: NDArray[np.float32]
    likeliest: NDArray[np.int32]

    @classmethod
    def none(cls, n: int, fields: Fields) -> Findings:
        """Know nothing yet of n events."""
        n_categories, n_numbers = len(fields.categories), len(fields.numbers)
        columns = (1 + n_categories + n_numbers, n_numbers, n_numbers, n_numbers, 1 + n_categories)
        arrays: list[Any] = [np.zeros((n, width), np.float32) for width in columns]
        arrays[2][:] = np.nan
        return cls(*[*arrays, np.zeros(n, np.float32), np.zeros(n, np.int32)])

    def p_values(self) -> NDArray[np.float64]:
        """P-value of each event and of each of its fields, (n, 1 + n_fields); 1 where a field is not given."""
        p_values = np.concatenate([self.no_likelier, np.exp(-self.tails.astype(np.float64))], axis=1, dtype=np.float64)
        return np.clip(p_values, np.finfo(np.float64).tiny, 1.0)


class Normal(NamedTuple):
    """What a fit has learned to be normal.

    Attributes
    ----------
    vocabulary : Vocabulary
    fields : Fields
    network : SequenceModel
    unseen : Unseen
        Of the events that training lacked.
    compositions : BagOfEvents
    history : dict of lists
        The losses of the training.
    """

    vocabulary: Annotated[Vocabulary, vocabulary("n_items")]
    fields: Fields
    network: Annotated[SequenceModel, Network(SequenceModel, architecture_schema("n_items + 3"))]
    unseen: Unseen
    compositions: BagOfEvents
    history: dict[str, list[float]]

    def start(self, n: int) -> DetectorState:
        """Know nothing yet of n sequences."""
        state = take(Reader.of(self.network).started, np.zeros(n, np.intp))
        counts = sparse.csr_array((n, 1 + len(self.vocabulary)), dtype=np.int64)
        return DetectorState(state, self._no_parts(n), counts)

    def read(
        self,
        X: Sequences,
        state: DetectorState | None = None,
        keep: bool = False,
        compare: bool = False,
        timed: bool = False,
    ) -> tuple[DetectorState, Findings]:
        """Read the next events of n sequences.

        Parameters
        ----------
        X : Sequences, n sequences
            In any codes, with the columns of the fields.
        state : DetectorState, optional
            What is kept of the n sequences; by default they start.
        keep : bool
            Whether the sequences are to be read on: without it the state knows nothing that only this needs.
        compare : bool
            Whether to compare each event with all that could have come.
        timed : bool
            Whether the time of each event counts as known before it.

        Returns
        -------
        state : DetectorState
            After these events.
        findings : Findings
            Of the events of X, in its order.
        """
        X = self.fields.encode(X.recode(self.vocabulary), None if state is None else state.network.time)
        going_on = state is not None and state.parts[0].lengths.any()
        if self.fields.names or going_on:
            return self._read(X, state, keep, compare, timed)
        rows, same_as = distinct(X)  # what recurs event by event is read once
        once = X[rows]
        after, found = self._read(once, None, keep, compare, timed)
        events = np.arange(X.n_events) + np.repeat(once.indptr[same_as] - X.indptr[:-1], X.lengths)
        return take(after, same_as), Findings(*(array[events] for array in found))

    def _read(
        self, X: Sequences, state: DetectorState | None, keep: bool, compare: bool, timed: bool
    ) -> tuple[DetectorState, Findings]:
        reader, found = Reader.of(self.network), Findings.none(X.n_events, self.fields)
        more = (reader.table, tf.constant(self._odds, tf.float32)) if compare else (reader.table,)

        def put(events: NDArray, surprisal: Any, parameters: Any, *compared: Any) -> None:
            found.surprisal[events] = surprisal
            self._put_tails(found, events, X.columns["numbers"][events], parameters.numpy())
            for array, values in zip(found[4:], compared, strict=False):
                array[events] = values

        before = None if state is None else state.network
        network = reader.read(X, before, keep, "score", put, more, timed=timed)
        found = self._with_unseen(found._replace(sizes=X.columns["numbers"][..., 1]), X.codes)
        parts, counts = self._no_parts(len(X)), count_events(X)
        if state is not None:
            parts, counts = state.parts, (state.counts + counts).tocsr()
        return DetectorState(network, self._updated(parts, found, X.indptr), counts), found

    def ends(self, state: DetectorState) -> Findings:
        """Give what would be found of the ends of n sequences, if they ended here."""
        reader, end = Reader.of(self.network), end_code(len(self.vocabulary))
        log_prob, no_likelier, likelier, likeliest = reader.judge(state.network.output, end, self._odds)
        found = Findings.none(len(log_prob), self.fields)
        found.surprisal[:, 0], found.no_likelier[:] = -log_prob, 1.0
        found.no_likelier[:, 0] = no_likelier
        return self._with_unseen(found._replace(ranks=likelier, likeliest=likeliest), np.full(len(log_prob), end))

    def read_closed(self, X: Sequences, compare: bool = False) -> tuple[Chain, Findings]:
        """Read whole sequences with their ends; what is found is in the order of the chain."""
        state, found = self.read(X, compare=compare)
        chain, ends = close(X), self.ends(state)
        closed = Findings.none(len(chain.codes), self.fields)
        for whole, of_events, of_ends in zip(closed, found, ends, strict=True):
            whole[chain.events], whole[chain.indptr[1:] - 1] = of_events, of_ends
        return chain, closed

    def parts(self, X: Sequences) -> Parts:
        """Give the parts of the score of whole sequences; higher is odder."""
        return self.parts_so_far(self.read(X)[0])

    def parts_so_far(self, state: DetectorState) -> Parts:
        """Give the parts of the score, as if the sequences ended here."""
        n = len(state.network.output)
        ended = self._updated(state.parts, self.ends(state), np.arange(n + 1))
        names = ["events", *self.fields.names]
        channels = zip(names, (part.parts() for part in ended), strict=True)
        parts = {f"{name} {part}": values for name, found in channels for part, values in found.items()}
        lengths = state.counts.sum(axis=1).astype(np.float64)
        unknown = state.counts[:, [0]].toarray()[:, 0].astype(np.float64)
        distances, _ = self.compositions.nearest_to(state.counts)
        return parts | {"new events": unknown, "long": lengths, "short": -lengths, "composition": distances}

    def next_events(self, X: Sequences, at: NDArray[np.datetime64] | None = None) -> NDArray[np.float64]:
        """Probability of each known kind of event after each sequence, (n, n_items + 1), the end last.

        At a given time, (n,), nothing ends: the last column is left out.
        """
        if at is not None and not self.network.architecture.asked:
            raise InputError("times can be asked about if the detector was fitted on sequences with timestamps.")
        reader, state = Reader.of(self.network), self.read(X)[0].network
        states = state.output
        if at is not None:
            states = reader.asked(states, *self.fields.encode_gaps(seconds_until(at, state.time)))
        n = len(self.vocabulary) + (at is None)
        probabilities = np.empty((len(states), n))
        for rows, logits in reader.scores(states):
            probabilities[rows] = softmax(logits[:, :n].astype(np.float64), axis=1)
        return probabilities

    @property
    def _odds(self) -> float:
        """Probability of an unknown kind of event, where all others have 1 together."""
        return self.unseen.probability / (1 - self.unseen.mass)

    def _no_parts(self, n: int) -> tuple[Any, ...]:
        surprisals = [SurprisalParts.start(n)] * (1 + len(self.fields.categories))
        return (*surprisals, *[NumberParts.start(n)] * len(self.fields.numbers))

    def _updated(self, parts: tuple[Any, ...], found: Findings, indptr: NDArray) -> tuple[Any, ...]:
        n = 1 + len(self.fields.categories)
        of_surprisal = [part.update(found.surprisal[:, i], indptr) for i, part in enumerate(parts[:n])]
        columns = (found.tails, found.normal_scores, found.sizes)
        of_numbers = [part.update(*(array[:, i] for array in columns), indptr) for i, part in enumerate(parts[n:])]
        return (*of_surprisal, *of_numbers)

    def _put_tails(self, found: Findings, events: NDArray, numbers: NDArray, parameters: NDArray) -> None:
        for column, field in enumerate(self.fields.numbers):
            given = numbers[:, column, 0] != NOT_GIVEN
            tails, scores = mixtures.tails(parameters[given, column], numbers[given, column], field.side)
            found.tails[events[given], column], found.normal_scores[events[given], column] = tails, scores

    def _with_unseen(self, found: Findings, codes: NDArray) -> Findings:
        """Leave to events that training lacked the probability that they have."""
        unknown, mass = codes == UNKNOWN, self.unseen.mass
        of_known = found.surprisal[:, 0] - np.log1p(-mass)
        found.surprisal[:, 0] = np.where(unknown, -np.log(self.unseen.probability), of_known)
        found.no_likelier[:, 0] = (1 - mass) * found.no_likelier[:, 0] + mass
        # A known event counts among those as likely as it.
        return found._replace(ranks=found.ranks + np.where(unknown, np.float32(1), np.float32(0.5)))
