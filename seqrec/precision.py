"""Whether this machine multiplies bfloat16 matrices faster than float32 ones."""

from __future__ import annotations

import functools
from pathlib import Path

import tensorflow as tf


@functools.cache
def bfloat16_is_fast() -> bool:
    """Tell whether the GPU, or without one the CPU, has instructions for bfloat16 products."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0)
    processor = Path("/proc/cpuinfo")
    flags = processor.read_text() if processor.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags
