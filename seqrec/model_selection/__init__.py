"""How to split sequences so that a figure answers a question, and the figures of one recommender."""

from seqrec.model_selection.evaluate import evaluate
from seqrec.model_selection.splits import Holdout, TimeSplit, UserSplit, leave_last_out

__all__ = ["Holdout", "TimeSplit", "UserSplit", "evaluate", "leave_last_out"]
