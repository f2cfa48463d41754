"""Heads turn the network's state into a distribution over the next event; they own the output weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.data.fields import NOT_GIVEN
from seqrec.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqrec.network import mixtures
from seqrec.network.architectures import HIDDEN_UNITS, Architecture
from seqrec.network.batches import TILE
from seqrec.network.encoder import Encoder
from seqrec.network.layers import Dropout, dense
from seqrec.network.losses import sampled_cross_entropy, softmax_cross_entropy
from seqrec.network.tensorflow import keras, tf

_LOGITS_AT_ONCE = 2**20  # a block stays in the cache of a CPU
_LOG_SCALE = 1.2  # small, so that training starts out from popularity


class CategoricalHead(keras.layers.Layer):
    """The next item, as a softmax over the products of the state with the embedding of each item.

    A learned scale and a bias for each item complete the logits. Of catalogues the products are cosines: without the
    norms, frequent items grow long embeddings, which hide what rare items are like. Where the likelihood is all, as in
    generating, norms say how sure the network is.

    Parameters
    ----------
    embedding : keras.layers.Embedding
        (n_codes, embedding_dim); its rows are the output weights too.
    n_negatives : int
        Items that the loss compares each target with; 0 compares with the whole catalogue.
    cosines : bool
    seed : int
        Seeds the negatives.

    References
    ----------
    Press & Wolf (2017), "Using the output embedding to improve language models": tied weights.
    Gupta et al. (2019), "NISER: normalized item and session representations": cosines.
    """

    def __init__(
        self, embedding: keras.layers.Embedding, n_negatives: int, cosines: bool, seed: int, **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.embedding = embedding
        self.n_negatives = n_negatives
        self._normed: Callable[[Any], Any] = _unit if cosines else tf.identity
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.bias = self.add_weight(name="bias", shape=(embedding.input_dim,), initializer="zeros")
        log_scale = keras.initializers.Constant(_LOG_SCALE if cosines else 0.0)
        self.log_scale = self.add_weight(name="log_scale", shape=(1,), initializer=log_scale)

    def start_from_popularity(self, item_counts: NDArray[np.integer]) -> None:
        """Set the bias to the logarithm of the items' counts, (n_items,), which training would have to find first."""
        popularity = np.log(item_counts + 1.0)
        self.bias.assign(np.concatenate([np.zeros(N_RESERVED), popularity - popularity.mean()]))

    def loss(self, states: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Mean of ``-log p(target | state)``, in nats: states (n, embedding_dim), targets (n,) codes."""
        weights, bias = self.embedding.embeddings.value, self.bias.value
        states = tf.cast(self._scaled(states), states.dtype)
        if self.n_negatives:
            seed = self.seed_generator.next()
            return sampled_cross_entropy(
                states, lambda codes: self._normed(tf.gather(weights, codes)), bias, targets, self.n_negatives, seed
            )
        # Nothing comes next that is padding or unknown.
        closed = np.where(np.arange(bias.shape[0]) < N_RESERVED, -1e9, 0).astype(np.float32)
        return softmax_cross_entropy(states, self._normed(weights), bias + closed, targets)

    def table(self) -> tf.Tensor:
        """Give the items as the logits need them, (n_items, embedding_dim) float32: made once, not at each call."""
        return self._normed(self.embedding.embeddings.value[N_RESERVED:])

    def judge(
        self, states: tf.Tensor, targets: tf.Tensor, table: tf.Tensor, unknown: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, ...]:
        """``log p`` of what came next, and how that compares with all that could have.

        Parameters
        ----------
        states : (n, embedding_dim)
        targets : (n,) codes
        table : (n_items, embedding_dim)
            From `table`.
        unknown : scalar, optional
            Probability of an unknown item, where all others have 1 together. Without it only `log_prob` is computed.

        Returns
        -------
        log_prob : (n,) float32, nats
            Without meaning for reserved codes.
        no_likelier : (n,) float32
            Probability of all items that are as likely as the target or less.
        likelier : (n,) float32
            How many items are likelier; those as likely count half.
        likeliest : (n,) int32
            Code of the item that is likeliest of all.
        """
        states, bias, columns = self._scaled(states), self.bias.value[N_RESERVED:], tf.maximum(targets - N_RESERVED, 0)
        step = TILE * max(5, _LOGITS_AT_ONCE // bias.shape[0] // TILE)

        def block(start: tf.Tensor) -> tuple[tf.Tensor, ...]:
            rows = slice(start, start + step)
            logits = tf.matmul(states[rows], table, transpose_b=True) + bias
            log_total = tf.reduce_logsumexp(logits, axis=1)
            own = tf.gather(logits, columns[rows], batch_dims=1)
            if unknown is None:
                return (own - log_total,)
            own = tf.where(targets[rows] == UNKNOWN, tf.math.log(unknown) + log_total, own)[:, None]
            probabilities = tf.exp(logits - log_total[:, None])
            no_likelier = tf.reduce_sum(tf.where(logits <= own, probabilities, 0.0), axis=1)
            likelier = tf.reduce_sum(tf.cast(logits > own, tf.float32) + tf.cast(logits >= own, tf.float32), axis=1) / 2
            likeliest = N_RESERVED + tf.argmax(logits, axis=1, output_type=tf.int32)
            return own[:, 0] - log_total, no_likelier, likelier, likeliest

        dtypes = [tf.float32] if unknown is None else [tf.float32, tf.float32, tf.float32, tf.int32]
        return _by_blocks(block, tf.shape(states)[0], step, dtypes)

    def logits(self, states: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
        """Unnormalised log-probabilities of the items: states (n, embedding_dim) -> (n, n_items) float32."""
        return tf.matmul(self._scaled(states), table, transpose_b=True) + self.bias.value[N_RESERVED:]

    def _scaled(self, states: tf.Tensor) -> tf.Tensor:
        return self._normed(tf.cast(states, tf.float32)) * tf.exp(self.log_scale.value)


class FieldHeads(keras.layers.Layer):
    """The fields of the next event, one after another, each given the event and the fields before it.

    ``log p(event, fields | past) = log p(event | past) + sum of log p(field | past, event, fields before)``

    Parameters
    ----------
    architecture : Architecture
    encoder : Encoder
        Tells what is known of an event.
    """

    def __init__(self, architecture: Architecture, encoder: Encoder) -> None:
        super().__init__(dtype="float32")
        n_fields = architecture.n_fields
        seeds = iter(np.random.SeedSequence([architecture.seed, 1]).generate_state(2 * n_fields).tolist())
        self.encoder, self.n_categories = encoder, len(architecture.category_sizes)
        self.n_signs, self.n_components = architecture.n_signs, architecture.n_components
        self.hidden = [dense(HIDDEN_UNITS, next(seeds), activation="relu") for _ in range(n_fields)]
        sizes = [*architecture.category_sizes, *[architecture.n_mixture_parameters] * architecture.n_numbers]
        self.outputs = [dense(size, next(seeds)) for size in sizes]

    def start_from_shares(self, categories: NDArray, numbers: NDArray) -> None:
        """Set biases to what training would have to find first: how often each category and each sign occurs.

        Arguments are those of the training data: (n, n_categories) codes and (n, n_numbers, 2).
        """
        for column, layer in enumerate(self.outputs[: self.n_categories]):
            layer.bias.assign(_log_shares(categories[:, column], layer.units))
        for column, layer in enumerate(self.outputs[self.n_categories :]):
            signs = _log_shares(numbers[:, column, 0].astype(np.int32), 1 + self.n_signs)[1:]
            layer.bias.assign(mixtures.initial_bias(signs, self.n_components))

    def parameters(self, states: Any, events: Any, categories: Any, numbers: Any) -> Iterator[tf.Tensor]:
        """Give the parameters of each field's distribution, (n, n_parameters) float32, given the fields before it.

        Parameters
        ----------
        states : (n, embedding_dim)
        events : (n,) int32
        categories : (n, n_categories) int32
        numbers : (n, n_numbers, 2) float32
        """
        known = self.encoder.items(events)
        encoded = self.encoder.encode_fields(categories, numbers)
        for hidden, output in zip(self.hidden, self.outputs, strict=True):
            yield output(hidden(tf.concat([tf.cast(states, tf.float32), known], axis=-1)))
            known = known + next(encoded)

    def gap(self, states: Any, events: Any, categories: Any) -> tf.Tensor:
        """Give the parameters of the first number's distribution, as `parameters` does, given the categories."""
        nothing = tf.zeros((tf.shape(events)[0], len(self.outputs) - self.n_categories, 2))
        return next(islice(self.parameters(states, events, categories, nothing), self.n_categories, None))

    def draw(
        self, states: Any, events: Any, given: Any, uniforms: Any, known: Any, known_numbers: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw the fields of events, each given those before it.

        Parameters
        ----------
        states : (n, embedding_dim)
            Before the events.
        events : (n,) int32
        given : (n, n_fields) bool
            Which fields the events have: as no gap comes before a first event.
        uniforms : (n, n_fields, N_UNIFORMS) float32
            Numbers between 0 and 1 to draw by.
        known : (n, n_categories) int32
        known_numbers : (n, n_numbers, 2) float32
            Fields that are known already; 0 where one is to be drawn.

        Returns
        -------
        categories : (n, n_categories) int32
        numbers : (n, n_numbers, 2) float32
        """
        vector, categories, numbers = self.encoder.items(events), [], []
        for field, (hidden, output) in enumerate(zip(self.hidden, self.outputs, strict=True)):
            parameters = output(hidden(tf.concat([tf.cast(states, tf.float32), vector], axis=-1)))
            if field < self.n_categories:
                value = N_RESERVED + mixtures.choose(parameters[:, N_RESERVED:], uniforms[:, field, 0])
                value = tf.where(given[:, field], value, PADDING)
                categories.append(tf.where(known[:, field] == PADDING, value, known[:, field]))
                vector = vector + self.encoder.categories[field](categories[-1])
            else:
                own = known_numbers[:, field - self.n_categories]
                value = tf.where(given[:, field, None], mixtures.draw(parameters, uniforms[:, field]), 0.0)
                numbers.append(tf.where(own[:, :1] == NOT_GIVEN, value, own))
                vector = vector + self.encoder.encode_number(field - self.n_categories, numbers[-1])
        n = tf.shape(events)[0]
        of_categories = tf.stack(categories, axis=1) if categories else tf.zeros((n, 0), tf.int32)
        return of_categories, tf.stack(numbers, axis=1) if numbers else tf.zeros((n, 0, 2))

    def surprisal(self, parameters: list[tf.Tensor], categories: Any, numbers: Any) -> list[tf.Tensor]:
        """``-log p`` of each field by the parameters of its distribution, (n,) each, nats; 0 where it is not given."""
        n = self.n_categories
        of_categories = [_category_surprisal(p, categories[:, i]) for i, p in enumerate(parameters[:n])]
        return of_categories + [-mixtures.log_prob(p, numbers[:, i]) for i, p in enumerate(parameters[n:])]

    def no_likelier(self, parameters: list[tf.Tensor], categories: Any) -> list[tf.Tensor]:
        """Probability of all values of each category that are as likely as this one or less, (n,) each."""
        return [_no_likelier(logits, categories[:, i]) for i, logits in enumerate(parameters[: self.n_categories])]


class ClassHead(keras.layers.Layer):
    """The class of an event, from the event itself and all that came before it.

    Parameters
    ----------
    architecture : Architecture
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(dtype="float32")
        seeds = iter(np.random.SeedSequence([architecture.seed, 1]).generate_state(3).tolist())
        self.hidden = dense(HIDDEN_UNITS, next(seeds), activation="relu")
        self.dropout = Dropout(architecture.dropout, seed=next(seeds), dtype="float32")
        self.classes = dense(architecture.n_classes, next(seeds))

    def start_from_shares(self, shares: NDArray) -> None:
        """Let the classes start from their shares among the labels, (n_classes,), which training would find first."""
        self.classes.bias.assign(np.log(np.maximum(shares, 1e-6)))

    def logits(self, states: Any, events: Any, training: bool = False) -> tf.Tensor:
        """Give the classes' logits from the states after some events, and the events as vectors."""
        x = self.hidden(tf.concat([tf.cast(states, tf.float32), events], axis=-1))
        return self.classes(self.dropout(x, training=training))  # (..., n_classes)


def _by_blocks(block: Any, n: tf.Tensor, step: int, dtypes: list[tf.DType]) -> tuple[tf.Tensor, ...]:
    """Concatenate what `block` gives for the rows from 0, step, 2 step, ... on: all logits never exist at once."""
    n_blocks = (n + step - 1) // step
    arrays = [tf.TensorArray(dtype, n_blocks, infer_shape=False, element_shape=(None,)) for dtype in dtypes]

    def write(i: tf.Tensor, arrays: list[tf.TensorArray]) -> tuple[tf.Tensor, list[tf.TensorArray]]:
        return i + 1, [array.write(i, part) for array, part in zip(arrays, block(i * step), strict=True)]

    _, arrays = tf.while_loop(lambda i, _: i < n_blocks, write, (0, arrays), parallel_iterations=1)
    return tuple(array.concat() for array in arrays)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(vectors, axis=-1)


def _log_shares(codes: NDArray, n_codes: int) -> NDArray:
    """Logarithm of each code's share, (n_codes,); what is not given comes first and is never expected."""
    counts = np.bincount(codes, minlength=n_codes)[1:] + 0.5
    return np.concatenate([[-30.0], np.log(counts / counts.sum())]).astype(np.float32)


def _category_surprisal(logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    """``-log p`` of a categorical field, (n,), from logits (n, n_codes); 0 where it is not given.

    The code of unknown values takes part: training leaves it a small probability, which an unseen value then has.
    """
    surprisal = tf.nn.sparse_softmax_cross_entropy_with_logits(codes, logits)
    return tf.where(codes == PADDING, 0.0, surprisal)


def _no_likelier(logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    own = tf.gather(logits, codes, batch_dims=1)[:, None]
    # Not `softmax`: its last digit depends on the number of rows.
    mass = tf.reduce_sum(tf.where(logits <= own, tf.exp(tf.nn.log_softmax(logits)), 0.0), axis=1)
    return tf.where(codes == PADDING, 1.0, mass)  # a field that is not given is never odd
