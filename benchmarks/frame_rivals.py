"""What MiniRocket says of frames, with its time; `frames.py --rivals PYTHON` runs this in an environment of its own.

    python frame_rivals.py QUESTIONS.npz ANSWERS.npz

The questions: `values` (n_events, n_channels), `lengths` and `labels` of sequences, of which the first `n_train` are to
be learned. The answers: `found`, the labels of the others, and the `seconds` that it took, compilation included.
MiniRocket takes sequences of one length, of nine frames at least: they are stretched to the longest of training, with
straight lines between frames, by which it does better on validation speakers than by repeating the last frame.
"""

import sys
import time

import numpy as np
from aeon.classification.convolution_based import MiniRocketClassifier

FEWEST = 9  # frames


def main(questions: str, answers: str) -> None:
    asked = np.load(questions)
    lengths, n_train = asked["lengths"], int(asked["n_train"])
    longest = max(FEWEST, int(lengths[:n_train].max()))
    at = np.linspace(0, np.maximum(lengths - 1, 0), longest, axis=1)
    before = np.minimum(at.astype(int), np.maximum(lengths[:, None] - 2, 0))
    share, first = (at - before)[..., None], (np.cumsum(lengths) - lengths)[:, None]
    after = first + np.minimum(before + 1, lengths[:, None] - 1)
    values = asked["values"]
    X = (values[first + before] * (1 - share) + values[after] * share).transpose(0, 2, 1).astype(np.float32)
    start = time.perf_counter()
    rocket = MiniRocketClassifier(random_state=0).fit(X[:n_train], asked["labels"][:n_train])
    found = rocket.predict(X[n_train:])
    np.savez(answers, found=found, seconds=time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
