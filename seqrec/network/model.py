"""The network: an encoder that reads events, and heads that tell what comes next, or what it is, from its state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqrec.data.fields import NOT_GIVEN
from seqrec.data.vocabulary import N_RESERVED, PADDING
from seqrec.network.architectures import Architecture
from seqrec.network.batches import TILE, Batch
from seqrec.network.blueprint import Rebuilt
from seqrec.network.encoder import Encoder
from seqrec.network.heads import CategoricalHead, ClassHead, FieldHeads
from seqrec.network.tensorflow import check_process, keras, own_names, tf


class SequenceModel(Rebuilt, keras.Model):
    """The one network of all estimators, which differ in their heads.

    Parameters
    ----------
    architecture : Architecture
    dtype : {"float32", "mixed_bfloat16"}
        Keras' policy for matrix products; weights are float32.
    """

    @own_names()
    def __init__(self, architecture: Architecture, dtype: str = "float32") -> None:
        check_process()
        super().__init__(dtype=dtype)
        self.architecture = architecture
        of_items, of_asked = np.random.SeedSequence([architecture.seed, 2]).generate_state(2).tolist()
        self.encoder = Encoder(architecture, dtype)
        compared = architecture.n_negatives, architecture.cosines
        self.head = CategoricalHead(self.encoder.items, *compared, of_items, name="head")
        self.fields: Any = FieldHeads(architecture, self.encoder) if architecture.predicts_fields else None
        self.classes: Any = ClassHead(architecture) if architecture.n_classes else None
        self._asked_seeds = keras.random.SeedGenerator(of_asked)
        self.reader: Any = None  # the one that `Reader.of` gives
        self._make_weights()

    def _make_weights(self) -> None:
        """Read one event with all layers, which makes their weights."""
        specs = self.event_signature
        codes, categories, numbers = (np.ones([1, 1, *spec.shape[2:]], spec.dtype.name) for spec in specs)
        states, _ = self.encoder.read(self.encoder.start(1), codes, categories, numbers)
        self.encoder.ask(states, categories, numbers)
        if self.fields is not None:
            list(self.fields.parameters(states[0], codes[0], categories[0], numbers[0]))
        if self.classes is not None:
            self.class_logits(states, codes, categories, numbers)
        self.built = True

    def set_weights(self, weights: Any) -> None:
        """Set the weights, in the order of `get_weights`; what was made of others is forgotten."""
        super().set_weights(weights)
        if self.reader is not None:
            self.reader.stale = True

    @property
    def event_signature(self) -> list[tf.TensorSpec]:
        """Of events: codes, categories and numbers, (batch, time, ...)."""
        shapes = (), (len(self.architecture.category_sizes),), (self.architecture.n_numbers, 2)
        dtypes = tf.int32, tf.int32, tf.float32
        return [tf.TensorSpec((None, None, *shape), dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]

    @property
    def guessing(self) -> float:
        """Loss of guessing at random, in nats an event; a number in units of its spread has about 2."""
        sizes = [self.architecture.n_codes, max(1, self.architecture.n_classes)]
        if self.fields is not None:
            sizes += self.architecture.category_sizes
        return sum(map(math.log, sizes)) + 2.0 * self.architecture.n_numbers * (self.fields is not None)

    def start_from_shares(self, events: np.ndarray, categories: np.ndarray, numbers: np.ndarray) -> None:
        """Let training start from how often each event, each category and each sign of a number occurs.

        Arguments are those of the training data: (n,), (n, n_categories) and (n, n_numbers, 2).
        """
        counts = np.bincount(events, minlength=self.architecture.n_codes)
        self.head.start_from_popularity(counts[N_RESERVED:])
        if self.fields is not None:
            self.fields.start_from_shares(categories, numbers)

    # -- training

    @property
    def training_signature(self) -> list[Any]:
        """Of the arguments of `loss_of`."""
        memory = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in self.encoder.start(1)]
        events = self.event_signature
        labels = [events[0], tf.TensorSpec((None, None), tf.float32)] if self.classes is not None else []
        return [memory, *events, *events, *labels]

    def arrays_of(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Give the arrays that `loss_of` takes beside the memory."""
        categories, numbers, *labels = batch.input_columns
        return batch.inputs, categories, numbers, batch.targets, *batch.target_columns[:2], *labels

    def loss_of(self, memory: list[Any], *arrays: Any) -> tuple[Any, list[Any]]:
        """Mean ``-log p`` of the targets that are not padding, and of what else the heads tell; and the memory after.

        Parameters
        ----------
        memory : list of tensors
        arrays : (batch, time, ...) tensors
            Codes, categories and numbers of the inputs, and those of the targets, as `Encoder.read` takes them. Where
            there are classes: the class of each input, int32, and its weight, float32, 0 for one without a label.

        Returns
        -------
        loss : scalar, nats an event, with dropout on
        memory : list of tensors
        """
        inputs, targets, labels = arrays[:3], arrays[3:6], arrays[6:]
        states, memory = self.encoder.read(memory, *inputs, training=True)
        loss = self._item_loss(states, inputs[0], *targets)
        if self.fields is not None:
            known = _select(targets[0] != PADDING, states, *targets)
            parameters = list(self.fields.parameters(*known))
            loss = loss + sum(tf.reduce_mean(part) for part in self.fields.surprisal(parameters, *known[2:]))
        if self.classes is not None:
            loss = loss + self._class_loss(self.class_logits(states, *inputs, training=True), *labels)
        return loss, memory

    def _item_loss(self, states: Any, inputs: Any, targets: Any, categories: Any, numbers: Any) -> tf.Tensor:
        real = targets != PADDING
        if self.encoder.asked:
            shown = keras.random.uniform(tf.shape(targets), seed=self._asked_seeds) < self.architecture.share_asked
            gaps = categories[..., 0] if self.encoder.asked == "category" else tf.cast(numbers[..., 0, 0], tf.int32)
            # An end comes at no time that could be asked about: it is among what can come where nothing is asked.
            real = real & ((gaps != NOT_GIVEN) | (inputs == PADDING) | ~shown)
            shown_numbers = tf.where(shown[..., None, None], numbers, 0.0)
            states = self.encoder.ask(states, tf.where(shown[..., None], categories, NOT_GIVEN), shown_numbers)
        return self.head.loss(*_select(real, states, targets))

    @staticmethod
    def _class_loss(logits: tf.Tensor, labels: Any, weights: Any) -> tf.Tensor:
        surprisal = weights * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        n_labelled = tf.math.count_nonzero(weights, dtype=tf.float32)
        return tf.reduce_sum(surprisal) / tf.maximum(n_labelled, 1.0)

    # -- reading

    def read(
        self, memory: Any, state: Any, events: Any, lengths: Any, *more: Any, keep: bool, step: str, **options: Any
    ) -> tuple:
        """Read events, going on from what is remembered.

        Parameters
        ----------
        memory : list of (batch, ...) float32 tensors
        state : (batch, embedding_dim) float32
        events : list of (batch, time, ...) tensors
            Codes, categories, numbers, as `Encoder.read` takes them.
        lengths : (batch,) int32
            Events of each row.
        keep : bool
            Whether the memory will be gone on from, for which it has to be that of each row's own last event.
        step : {"follow", "expect", "classify", "score"}
            What is told of the events: the methods of these names say it, from where there are events, the states
            before and after each, and the events, (batch, time, ...) each.
        more, options
            What `step` takes beside these.

        Returns
        -------
        memory, state
            After the last event of each row.
        told
            What `step` gives of each event, row by row.
        """
        after, memory = self.encoder.read(memory, *events, lengths=lengths if keep else None)
        after = tf.cast(after, tf.float32)
        before = tf.concat([state[:, None], after[:, :-1]], axis=1)
        last = tf.gather(after, tf.maximum(lengths - 1, 0), batch_dims=1)
        state = tf.where(lengths[:, None] > 0, last, state)
        real = tf.sequence_mask(lengths, tf.shape(after)[1])
        told = getattr(self, step)(real, before, after, events, *more, **options)
        return [tf.cast(part, tf.float32) for part in memory], state, *told

    def follow(self, *_: Any) -> tuple:
        """Tell nothing."""
        return ()

    def expect(self, real: Any, before: Any, *_: Any) -> list[tf.Tensor]:
        """Give the states before the events, (n, embedding_dim)."""
        return _select(real, before)

    def classify(self, real: Any, _: Any, after: Any, events: list[Any]) -> tuple[tf.Tensor]:
        """Give the logits of the class of each event, (n, n_classes)."""
        known = _select(real, after, *events, whole_tiles=True)
        return (self.class_logits(*known)[: tf.math.count_nonzero(real, dtype=tf.int32)],)

    def class_logits(self, states: Any, codes: Any, *fields: Any, training: bool = False) -> tf.Tensor:
        """Give the logits of the classes of events, from the states after them."""
        vectors = sum(self.encoder.encode_fields(*fields), start=self.encoder.items(codes))
        return self.classes.logits(states, vectors, training)

    def score(
        self, real: Any, before: Any, _: Any, events: list[Any], table: Any, unknown: Any = None, timed: bool = False
    ) -> tuple[tf.Tensor, ...]:
        """Say how each event compares with what was expected.

        Parameters
        ----------
        table, unknown
            As `CategoricalHead.judge` takes them.
        timed : bool
            Whether the time of each event counts as known before it.

        Returns
        -------
        surprisal : (n, 1 + n_fields) float32, nats
            Of the event and of each field.
        parameters : (n, n_numbers, n_parameters) float32
            Of the distribution of each number.
        no_likelier : (n, 1 + n_categories) float32
            This one and the next two only with `unknown`. Probability of all events, and of all values of each
            category, that are as likely as this one or less.
        likelier, likeliest : (n,)
            As `CategoricalHead.judge` gives them.
        """
        states, codes, *fields = _select(real, before, *events, whole_tiles=True)
        asked = self.encoder.ask(states, *(fields if timed else ()))
        log_prob, *compared = self.head.judge(asked, codes, table, unknown)
        parameters = list(self.fields.parameters(states, codes, *fields))
        surprisal = tf.stack([-log_prob, *self.fields.surprisal(parameters, *fields)], axis=1)
        of_numbers = parameters[self.fields.n_categories :]
        stacked = tf.stack(of_numbers, axis=1) if of_numbers else tf.zeros((tf.shape(log_prob)[0], 0, 1))
        if compared:
            compared[0] = tf.stack([compared[0], *self.fields.no_likelier(parameters, fields[0])], axis=1)
        n = tf.math.count_nonzero(real, dtype=tf.int32)
        return tuple(part[:n] for part in (surprisal, stacked, *compared))


def _select(where: Any, *arrays: Any, whole_tiles: bool = False) -> list[tf.Tensor]:
    """Give the rows of arrays (batch, time, ...) where `where`, (batch, time), holds: (n, ...) each.

    With `whole_tiles`, further rows fill up the last tile (`batches.TILE`).
    """
    rows = tf.where(tf.reshape(where, (-1,)))[:, 0]
    if whole_tiles:
        rows = tf.pad(rows, [[0, -tf.size(rows) % TILE]])
    return [tf.gather(tf.reshape(array, (-1, *array.shape[2:])), rows) for array in arrays]
