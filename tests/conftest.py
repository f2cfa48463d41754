import os

# Set before anything imports TensorFlow: its greetings are no part of a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy or slow machine makes no test fail
settings.load_profile("any machine")
