"""Sequences in, a distribution over the next event out."""

import seqrec.network.tensorflow  # noqa: F401 - before all else: it keeps TensorFlow's greetings from the user
