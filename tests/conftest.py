import os

# Set before anything imports TensorFlow: its greetings are no part of a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
