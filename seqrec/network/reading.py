"""A fitted network at work: it reads sequences, whole or going on, in memory that does not grow with their lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.data.queries import last_times
from seqrec.data.sequences import Sequences
from seqrec.network.batches import TILE, groups_to_read, in_whole_tiles, parts_in_time
from seqrec.network.model import SequenceModel
from seqrec.network.state import State
from seqrec.network.tensorflow import check_process, one_graph, tf

BATCH = 16_384  # events that are read together
_SCORES_AT_ONCE = 2**24  # scores in memory together: 64 MiB


class Reader:
    """Takes a network through sequences.

    Parameters
    ----------
    network : SequenceModel

    Attributes
    ----------
    blank : State of one sequence
        Nothing was read: what a network starts from in the middle of a sequence.
    started : State of one sequence
        The start of a sequence was read, and no event.
    table : (n_items, embedding_dim) tensor
        What the items' scores are made of.
    """

    def __init__(self, network: SequenceModel) -> None:
        self.network = network
        self._graphs: dict[Any, Callable] = {}
        self.refresh()

    @classmethod
    def of(cls, network: SequenceModel) -> Reader:
        """Give the reader of a network, which is made once; `set_weights` lets it look at the weights anew."""
        check_process()
        if network.reader is None:
            network.reader = cls(network)
        if network.reader.stale:
            network.reader.refresh()
        return network.reader

    def refresh(self) -> None:
        """Look at the network's weights anew."""
        self.stale = False
        encoder = self.network.encoder
        self.table = self.network.head.table()
        memory = tuple(np.asarray(tf.cast(part, tf.float32)) for part in encoder.start(1))
        nothing = np.zeros((1, self.network.architecture.embedding_dim), np.float32)
        self.blank = State(memory, nothing, np.full(1, "NaT", "datetime64[us]"))
        specs = self.network.event_signature
        start = [tf.zeros((TILE, 1, *spec.shape[2:]), spec.dtype) for spec in specs]
        before = self.tensors(self.blank, np.zeros(TILE, np.intp))  # read at once: a graph would cost more
        memory, output = self.network.read(*before, start, tf.ones(TILE, tf.int32), keep=False, step="follow")
        self.started = State(tuple(part.numpy()[:1] for part in memory), output.numpy()[:1], self.blank.time)

    def read(
        self,
        X: Sequences,
        state: State | None = None,
        keep: bool = False,
        step: str = "follow",
        put: Callable[..., None] = lambda *_: None,
        more: tuple[Any, ...] = (),
        **options: Any,
    ) -> State:
        """Read the next events of n sequences.

        Parameters
        ----------
        X : Sequences, n sequences
            Encoded, as `batches` describes.
        state : State, optional
            What is remembered of the n sequences, or of all of them alike if it is of one; by default they start.
        keep : bool
            Whether to give the memory, so that the sequences can be read on.
        step : str
            Method of `SequenceModel` that tells of the events: "follow", "expect", "classify" or "score".
        put : callable
            Takes the results of a step: which events of X they are of, (n_events,), and what the method gives of these.
        more : tuple of tensors
            Further arguments of the method.
        options
            Further arguments of the method that are no tensors.

        Returns
        -------
        state : State
            After these events; without memory unless it is kept.
        """
        state = self.started if state is None else state
        run, n = self._graph(step, keep, *more, **options), len(X)
        after = [np.empty((n, *part.shape[1:]), np.float32) for part in (*state.memory * keep, state.output)]
        for rows in groups_to_read(X.lengths, BATCH):
            memory, output = self.tensors(state, rows)
            for events, lengths, arrays in parts_in_time(X, rows):
                tiles = [tf.constant(in_whole_tiles(array)) for array in arrays[:3]]
                memory, output, *results = run(memory, output, tiles, tf.constant(in_whole_tiles(lengths)), *more)
                put(events, *results)
            for whole, part in zip(after, (*memory * keep, output), strict=True):
                whole[rows] = part[: len(rows)]
        return State(tuple(after[:-1]), after[-1], last_times(X, state.time))

    def step(self, memory: list[Any], output: Any, event: list[NDArray]) -> tuple[list[Any], Any]:
        """Read one event more of each sequence: codes (n,), categories and numbers, after tensors in whole tiles."""
        tiles = [tf.constant(in_whole_tiles(array[:, None])) for array in event]
        memory, output = self._graph("follow", keep=False)(memory, output, tiles, tf.ones(len(tiles[0]), tf.int32))
        return memory, output

    def scores(self, states: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Score all items for a few states at a time: slices of the rows, and (rows, n_items) float32."""
        step = TILE * max(1, _SCORES_AT_ONCE // self.network.architecture.n_codes // TILE)
        for start in range(0, len(states), step):
            rows = slice(start, min(start + step, len(states)))
            yield rows, self.logits(tf.constant(in_whole_tiles(states[rows]))).numpy()[: rows.stop - start]

    def logits(self, states: Any) -> Any:
        """Score all items after states that are a tensor in whole tiles: (n, n_items) float32 tensor."""
        return self.network.head.logits(states, self.table)

    def judge(self, states: NDArray[np.float32], code: int, unknown: float) -> list[NDArray]:
        """Compare one and the same next event with what was expected after each state: see `CategoricalHead.judge`."""
        found = []
        for start in range(0, max(1, len(states)), BATCH):
            part = states[start : start + BATCH]
            tiles = in_whole_tiles(part)
            codes, odds = tf.fill([len(tiles)], code), tf.constant(unknown, tf.float32)
            asked = tf.constant(tiles), codes, self.table, odds
            compared = self._compiled("judge", self.network.head.judge, asked)(*asked)
            found.append([array.numpy()[: len(part)] for array in compared])
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def draw(self, states: Any, codes: NDArray, given: NDArray, uniforms: NDArray) -> tuple[NDArray, NDArray]:
        """Draw the fields of events: `FieldHeads.draw` in whole tiles, after states that are in them already."""
        rest = [tf.constant(in_whole_tiles(array)) for array in (codes, given, uniforms)]
        found = self._compiled("draw", self.network.fields.draw, [states, *rest])(states, *rest)
        categories, numbers = (array.numpy()[: len(codes)] for array in found)
        return categories, numbers

    def asked(self, states: NDArray[np.float32], categories: NDArray, numbers: NDArray) -> NDArray[np.float32]:
        """Give the states that tell what comes when the next event's gap is known: `Encoder.ask` in whole tiles."""
        encoder = self.network.encoder
        if encoder.asked == "number" and not numbers[:, 0, 0].any():
            return states  # no gap is known, so nothing is asked
        arrays = [tf.constant(in_whole_tiles(array)) for array in (states, categories, numbers)]
        return self._compiled("ask", encoder.ask, arrays)(*arrays).numpy()[: len(states)]

    @staticmethod
    def tensors(state: State, rows: NDArray) -> tuple[list[Any], Any]:
        """Give memory and output of some sequences as tensors in whole tiles."""
        rows = rows if len(state.output) > 1 else np.zeros_like(rows)
        *memory, output = (tf.constant(in_whole_tiles(part[rows])) for part in (*state.memory, state.output))
        return memory, output

    def _compiled(self, name: str, function: Callable, examples: Iterable[Any]) -> Callable:
        """Give the graph of a function for arrays like these, of any number of rows."""
        if name not in self._graphs:
            specs = [tf.TensorSpec((None, *each.shape[1:]) if len(each.shape) else (), each.dtype) for each in examples]
            self._graphs[name] = one_graph(function, specs)
        return self._graphs[name]

    def _graph(self, step: str, keep: bool, *more: Any, **options: Any) -> Callable:
        """Give the network's compiled reading of a rectangle."""
        key = (step, keep, len(more), *options.items())
        if key not in self._graphs:
            memory = [tf.TensorSpec((None, *part.shape[1:]), tf.float32) for part in self.network.encoder.start(1)]
            output = tf.TensorSpec((None, self.network.architecture.embedding_dim), tf.float32)
            lengths = tf.TensorSpec((None,), tf.int32)
            self._graphs[key] = one_graph(
                lambda *arrays: self.network.read(*arrays, keep=keep, step=step, **options),
                [memory, output, self.network.event_signature, lengths, *(tf.TensorSpec.from_tensor(t) for t in more)],
            )
        return self._graphs[key]
