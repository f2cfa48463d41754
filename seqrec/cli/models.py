"""Which estimator a command makes for a task, and where the model file may be written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqrec.cli.console import start_tensorflow
from seqrec.exceptions import InputError

_ESTIMATORS = {  # the first is made if none is named
    "recommend": ("LSTMRecommender", "PopularityRecommender", "MarkovRecommender", "SequentialRulesRecommender"),
    "detect": ("LSTMAnomalyDetector",),
    "generate": ("LSTMGenerator", "NGramGenerator"),
    "classify": ("LSTMSequenceClassifier", "SummaryClassifier"),
    "forecast": ("LSTMForecaster", "ThetaForecaster", "SeasonalNaiveForecaster", "NaiveForecaster"),
}
_EVERYWHERE = ("verbose", "random_state")  # parameters that a command gives to estimators that have them


def check_places(output: Path, quarantine: Path, files: Iterable[Path], overwrite: bool) -> None:
    """Refuse places that cannot be written to, or hold what is read.

    Raises
    ------
    InputError
        If the model is there and is not to be replaced, or a file is to be written where there is no folder, or over
        what is read.
    """
    from seqrec.logs.tables import check_output

    inputs = {os.path.realpath(path) for path in files}
    check_output(quarantine)
    for path in (output, quarantine):
        if os.path.realpath(path) in inputs:
            raise InputError(f"{path} is a file of the log. Choose another name for what is written.")
        if path.is_dir():
            raise InputError(f"{path} is a folder. Give the name of a file, such as {path / 'model.seqrec'}.")
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent} to write into. Make it first.")
    if os.path.realpath(output) == os.path.realpath(quarantine):
        raise InputError(f"{output} is to hold both the model and the rows that cannot be used. Name two files.")
    if output.exists() and not overwrite:
        raise InputError(f"{output} is there already. Choose another name, or replace it: --overwrite.")


def make(task: str, name: str | None, parameters: Mapping[str, Any]) -> Any:
    """Make an estimator, and check its parameters before any work starts."""
    import seqrec
    from seqrec._checks import check_choice

    name = check_choice(name or _ESTIMATORS[task][0], f"--estimator for --task {task}", _ESTIMATORS[task])
    if name.startswith("LSTM"):
        start_tensorflow()
    kind = getattr(seqrec, name)
    known = kind().get_params()
    given = {one: value for one, value in parameters.items() if one in known or one not in _EVERYWHERE}
    for parameter in given:
        check_choice(parameter, f"a parameter of {name} (--set)", known)
    estimator = kind(**given)
    try:
        estimator._validate_params()
    except ValueError as error:  # scikit-learn's, of a value that a parameter cannot take
        raise InputError(str(error)) from None
    return estimator
