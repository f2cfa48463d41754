"""Settings of all tests: TensorFlow keeps quiet, and hypothesis takes fixed examples without a limit to their time."""

import os

from hypothesis import settings

# Before TensorFlow is imported anywhere: its start-up messages are no test output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

settings.register_profile("seqrec", deadline=None, derandomize=True)
settings.load_profile("seqrec")
