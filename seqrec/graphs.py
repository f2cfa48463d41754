"""TensorFlow functions with one graph for all shapes of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def one_graph(function: Callable, signature: Sequence[Any]) -> tf.types.experimental.PolymorphicFunction:
    """Compile a function for arguments of these specifications.

    A graph for each shape could round otherwise, and a loaded model would differ from the saved one.
    """
    compiled = tf.function(function, input_signature=signature, autograph=False)
    # Each network has a graph of its own, and several in a process are no mistake to warn of.
    compiled._omit_frequent_tracing_warning = True
    return compiled
