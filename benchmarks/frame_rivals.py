"""What MiniRocket says of frames, with its time; `frames.py --rivals PYTHON` runs this in an environment of its own.

    python frame_rivals.py QUESTIONS.npz ANSWERS.npz padded|stretched

The questions: `values` (n_events, n_channels), `lengths` and `labels` of sequences, of which the first `n_train` are to
be learned. The answers: `found`, the labels of the others, and the `seconds` that it took, compilation included.
MiniRocket takes sequences of one length, of nine frames at least. Shorter ones than the longest of training are padded
by their last frame, and what is longer is cut; or all are stretched to that length, with straight lines between frames.
"""

import sys
import time

import numpy as np
from aeon.classification.convolution_based import MiniRocketClassifier

FEWEST = 9  # frames


def main(questions: str, answers: str, how: str) -> None:
    asked = np.load(questions)
    values, lengths, n_train = asked["values"], asked["lengths"], int(asked["n_train"])
    longest = max(FEWEST, int(lengths[:n_train].max()))
    last = np.maximum(lengths - 1, 0)
    at = np.linspace(0, last, longest, axis=1) if how == "stretched" else np.minimum(np.arange(longest), last[:, None])
    before, first = at.astype(int), (np.cumsum(lengths) - lengths)[:, None]
    after, share = np.minimum(before + 1, last[:, None]), (at - before)[..., None]
    X = (values[first + before] * (1 - share) + values[first + after] * share).transpose(0, 2, 1).astype(np.float32)
    start = time.perf_counter()
    rocket = MiniRocketClassifier(random_state=0).fit(X[:n_train], asked["labels"][:n_train])
    found = rocket.predict(X[n_train:])
    np.savez(answers, found=found, seconds=time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
