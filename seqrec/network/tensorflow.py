"""What TensorFlow can do here: one graph for all shapes of its arguments, and fast products of bfloat16 matrices.

It is imported here first, without its greetings. Who sets ``TF_CPP_MIN_LOG_LEVEL=0`` sees them.
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqrec.exceptions import ForkError


@contextmanager
def _quietly() -> Iterator[None]:
    """Send nowhere what C++ code writes to the error output, unless the user wants all of it."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _quietly():
    import keras
    import tensorflow as tf
    from keras import ops
    from keras.src.backend.common import global_state
    from tensorflow.python.framework.ops import gradient_registry

__all__ = ["bfloat16_is_fast", "check_process", "keras", "one_graph", "ops", "own_names", "tf"]

_GRADIENTS: dict[str, Any] = getattr(gradient_registry, "_registry", {})


def one_graph(function: Callable, signature: Sequence[Any]) -> tf.types.experimental.PolymorphicFunction:
    """Compile a function for arguments of these specifications.

    A graph for each shape could round otherwise, and a loaded model would differ from the saved one.
    """
    compiled = tf.function(function, input_signature=signature, autograph=False)
    # Each network has a graph of its own, and several in a process are no mistake to warn of.
    compiled._omit_frequent_tracing_warning = True
    _forget_gradients(compiled.get_concrete_function().graph)
    return compiled


def _forget_gradients(graph: Any) -> None:
    """Let a graph go when nobody needs it: TensorFlow registers its custom gradients, which hold it, for ever.

    They were needed while it was built. A public way to take them back there is none.
    """
    for operation in graph.get_operations():
        if operation.type == "IdentityN":
            _GRADIENTS.pop(operation.get_attr("_gradient_op_type").decode(), None)


@contextmanager
def own_names() -> Iterator[None]:
    """Let Keras count names from the start in here, so that what is built twice has the same names twice.

    TensorFlow keeps a kernel for each name of a variable, for ever; and the user's names go on as if nothing was built.
    """
    counts = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", counts)


def check_process() -> None:
    """Raise in a child that was forked after a network was at work: TensorFlow's threads did not come with it."""
    if os.getpid() != _process_at_work():
        raise ForkError(
            "this process was forked from one in which TensorFlow had run, so a network would wait here for ever. "
            "Load the model in each worker, or start workers by multiprocessing.get_context('spawn')."
        )


@functools.cache
def _process_at_work() -> int:
    """Give the process that was the first to ask; children that are forked from it remember."""
    return os.getpid()


@functools.cache
def bfloat16_is_fast() -> bool:
    """Tell whether the GPU, or without one the CPU, has instructions for bfloat16 products."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0)
    # oneDNN does these products; kept from AVX-512 that the processor has, it makes TensorFlow crash on them.
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL") != "ALL":
        return False
    processor = Path("/proc/cpuinfo")
    flags = processor.read_text() if processor.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags
