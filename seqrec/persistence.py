"""Fitted estimators on disk, as model files: data that no code is in, and that are read whole or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from sklearn.utils.validation import NotFittedError

from seqrec import _MODULE_OF
from seqrec._files import write_bytes
from seqrec.data.summary import HISTORY, TRAINING_DATA
from seqrec.detect.base import OFFSET
from seqrec.exceptions import InputError
from seqrec.forecast.base import FORECASTS
from seqrec.storage import container
from seqrec.storage.arrays import Array, Ids, Sparse
from seqrec.storage.columns import Columns
from seqrec.storage.container import Tensors
from seqrec.storage.estimator import COLUMNS, LIBRARIES, Storable, is_fitted, kind_of, read, to_bytes
from seqrec.storage.parameters import PARAMETER
from seqrec.storage.schemas import Choice, Optional, Schema, check_keys

__all__ = ["inspect", "load", "save"]

# The names that a file may hold. What is imported is looked up here, never in the file.
_OF_SERIES = ("target_", "step_", "season_lengths_")
_KINDS = ("Recommender", "Detector", "Generator", "Forecaster", "Classifier", "Profiles")
_ESTIMATORS = tuple(name for name in _MODULE_OF if name.endswith(_KINDS))


def save(estimator: Any, path: str | Path, columns: dict[str, Any] | None = None, keep_examples: bool = False) -> None:
    """Write a fitted estimator to a model file.

    The file is a safetensors file, whatever its name; ``.seqrec`` is usual. It is there whole or not at all: if the
    machine stops in between, an older file at `path` is as it was. What a user has set beside parameters and fitted
    attributes is not kept; a pickle keeps it.

    Parameters
    ----------
    estimator : fitted estimator of seqrec
    path : str or Path
        A file that exists is replaced.
    columns : dict, optional
        Names of the columns of the log that the model was made from, for the command line: "user", "item", and where
        there are such "timestamp" and "fields" (a list). "form" (`LogForm`) says how a new log is to be written, and
        "sound" (`LogMel`) how sounds became frames.
    keep_examples : bool
        Keep the keys of training sequences in the file, which are often ids of persons, so that a loaded detector can
        name the `nearest` one in `explain`. `inspect` tells how many ids a file holds.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If this is no estimator of seqrec, or of a subclass: a file would forget what the subclass adds.
    ValueError
        If a parameter or an id cannot be kept in a model file, or `columns` are not as described.
    OSError
        If the folder does not exist, or cannot be written.

    Examples
    --------
    >>> import tempfile, seqrec
    >>> recommender = seqrec.PopularityRecommender().fit([["tea", "milk"], ["tea", "cake", "tea"]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     seqrec.save(recommender, folder + "/drinks.seqrec")
    ...     seqrec.load(folder + "/drinks.seqrec").predict([["cake"]]).tolist()
    ['tea']
    """
    path = Path(path)
    kind = type(estimator)
    if not isinstance(estimator, Storable) or kind is not kind_of(estimator):
        names = ", ".join(_ESTIMATORS)
        raise InputError(f"save takes an estimator of seqrec ({names}), got {kind.__name__}. Pickle keeps subclasses.")
    if not is_fitted(estimator):
        raise NotFittedError(f"this {kind.__name__} is not fitted yet: call fit before save.")
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder. Give save the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to save into. Make it first.")
    write_bytes(path, to_bytes(estimator, None if columns is None else _check_columns(columns), keep_examples))


def load(path: str | Path) -> Any:
    """Read an estimator from a model file; it gives the very numbers that the one that was saved gave.

    Nothing in the file is run. It is refused unless all of it is as `save` wrote it: a digest tells whether the file is
    damaged, but not who made it, so a model of a stranger can be as wrong as its maker likes.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    estimator : fitted estimator
        It can be asked, trained on, and fitted anew.

    Raises
    ------
    ModelFileError
        If there is no such file, or it is not a whole model file that this release of seqrec reads.
    """
    with container.opened(path) as file:
        return read(file, _find)


def inspect(path: str | Path) -> dict[str, Any]:
    """Tell what a model file holds, without building the model.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    description : dict
        "estimator" (its name), "parameters", "n_items", "training_data" (`TrainingData`), "validation" (best score),
        "loss" (of the last epoch, nats), "n_held_out" (scores that thresholds are made of), "offset" (the threshold),
        "columns" (`Columns`), "series" (of a forecaster: "target", "step", "season_lengths", "horizon" and the
        "coverage" that its intervals attained of what was held out), "n_ids" (of users or training sequences, which may
        be of persons), "n_compositions" (training sequences whose counts of events it holds), "field_values" (how many
        of each field of text it holds), and "versions" of "format", "seqrec" and its libraries. What the model lacks is
        None.

    Raises
    ------
    ModelFileError
        As in `load`, as far as it can be told without looking at the arrays.
    """
    with container.opened(path) as file:
        return _describe(container.read_document(file))


class ModelFile:
    """A model file that is open: looked at before it is loaded, and read through only then.

    Attributes
    ----------
    digest : str
        What tells it from other model files.
    description : dict
        As `inspect` gives it; whether the file is whole is known once it is loaded.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        document = container.read_document(file, compare=False)
        self.digest, self.description = document.digest, _describe(document)

    def load(self) -> Any:
        """Give the model, as `load` does."""
        return read(self._file, _find)


@contextmanager
def opened(path: str | Path) -> Iterator[ModelFile]:
    """Open a model file once, to look at it and to load it; errors of the block are those of `load`."""
    with container.opened(path) as file:
        yield ModelFile(file)


def _describe(document: container.Document) -> dict[str, Any]:
    content = document.content
    check_keys(content, ("estimator", "model", "libraries", "columns"), "the document")
    check_keys(content["model"], ("parameters", "fitted"), "the model")
    Choice(*_ESTIMATORS).table(content["estimator"], "estimator", {})
    fitted = content["model"]["fitted"]
    parts = {**_if_dict(fitted), **_if_dict(_if_dict(fitted).get("normal_"))}
    history = _read(Optional(HISTORY), parts.get("history_", parts.get("history"))) or {}
    return {
        "estimator": content["estimator"],
        "parameters": {name: _shown(value, name) for name, value in _if_dict(content["model"]["parameters"]).items()},
        "n_items": _size(Ids(), parts.get("vocabulary_", parts.get("vocabulary"))),
        "training_data": _read(Optional(TRAINING_DATA), parts.get("training_data_")),
        "validation": max(history.get("validation", []), default=None),
        "loss": next(reversed(history.get("loss", [])), None),
        "n_held_out": _size(Array("float64", None), parts.get("held_out_scores_")),
        "offset": _read(OFFSET, parts["offset_"]) if "offset_" in parts else None,
        "columns": _read(Optional(COLUMNS), content["columns"]),
        "series": _series(parts, _if_dict(content["model"]["parameters"])) if "target_" in parts else None,
        "n_ids": _count(fitted, Ids(), "keys", "users_"),
        "n_compositions": _count(fitted, Sparse("float64", None, None), "roots"),
        "field_values": _values(_if_dict(parts.get("fields_", parts.get("fields"))).get("categories"), "vocabulary")
        | _values(parts.get("_covariates"), "values"),
        "versions": {"format": document.format, "seqrec": document.seqrec, **_read(LIBRARIES, content["libraries"])},
    }


def _series(fitted: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Tell what a forecaster forecasts, and what its intervals have held of what was held out."""
    told = {name.removesuffix("_"): _read(FORECASTS[name], fitted.get(name)) for name in _OF_SERIES}
    step = told["step"] and str(told["step"])
    coverage = _read(Optional(HISTORY), fitted.get("coverage_"))
    return told | {"step": step, "horizon": _shown(parameters.get("horizon"), "horizon"), "coverage": coverage}


def _count(plain: Any, schema: Schema, *names: str) -> int:
    """Count the rows of all arrays of these names."""
    if isinstance(plain, list):
        return sum(_count(one, schema, *names) for one in plain)
    found = _if_dict(plain).items()
    return sum((_size(schema, value) or 0) if name in names else _count(value, schema, *names) for name, value in found)


def _values(columns: Any, of: str) -> dict[str, int]:
    """Count the values of each column of text or truth values."""
    found = [_if_dict(one) for one in (columns if isinstance(columns, list) else [])]
    return {str(one.get("name")): _size(Ids(), one.get(of)) or 0 for one in found if one.get(of) is not None}


def _if_dict(plain: Any) -> dict[str, Any]:
    return plain if isinstance(plain, dict) else {}


def _read(schema: Schema, plain: Any) -> Any:
    """Read what needs no arrays."""
    schema.table(plain, "the document", {})
    return schema.unpack(plain, "the document", Tensors())


def _size(schema: Schema, plain: Any) -> int | None:
    """Give the length of an array without the array."""
    Optional(schema).table(plain, "the document", {})
    return None if plain is None else plain[1]


def _shown(plain: Any, name: str) -> Any:
    """Give a parameter, or the word for a random state, whose numbers are arrays."""
    needs_arrays = bool(PARAMETER.table(plain, name, {}))
    return "RandomState" if needs_arrays else PARAMETER.unpack(plain, name, Tensors())


def _check_columns(columns: dict[str, Any]) -> Columns:
    try:
        given = Columns(**columns)
    except TypeError:
        known = ", ".join(map(repr, Columns._fields))
        raise InputError(f"columns names 'user' and 'item' at least, of {known}; got {list(columns)}.") from None
    if isinstance(given.fields, str):
        raise InputError(f"columns['fields'] must be a list of names, got {given.fields!r}.")
    return given


def _find(name: str) -> type[Storable] | None:
    return getattr(import_module(f"seqrec.{_MODULE_OF[name]}"), name) if name in _ESTIMATORS else None
