import os

# Before TensorFlow is imported anywhere: its start-up messages are no test output, and a process uses two threads at most.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
