"""From each older format of model files to the next one: a function a change, and none of these is ever removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from seqrec._checks import show

_FITTED = ("model", "fitted")
_NETWORKS = {  # whose they are, where they lie, and the names of the network and its fields there
    "LSTMRecommender": (_FITTED, "model_", "fields_"),
    "LSTMSequenceClassifier": (_FITTED, "model_", "fields_"),
    "LSTMAnomalyDetector": ((*_FITTED, "normal_"), "network", "fields"),
}
_SILENT = ("parameters", "fitted")  # parts of the document that the names of tensors leave out


class Older(NamedTuple):
    """A file of an older format, which each change brings nearer to today's.

    What is not as that format has it is a ValueError; the rest of the file is checked afterwards, as one of today's.

    Attributes
    ----------
    content : dict
        Of the document.
    tensors : dict of str
        Under the name that a tensor has by now, its name in the file.
    """

    content: dict[str, Any]
    tensors: dict[str, str]

    @property
    def estimator(self) -> str:
        """Its name."""
        return str(self.content.get("estimator"))

    def part(self, *path: str | int) -> dict[str, Any]:
        """Give the object under a path of keys, and of places in lists."""
        part: Any = self.content
        for key in path:
            part = part[key] if isinstance(key, int) else part.get(key) if isinstance(part, dict) else None
        if not isinstance(part, dict):
            raise ValueError(f"it lacks {show('.'.join(map(str, path)))}")
        return part

    def add(self, value: Any, *path: Any) -> None:
        """Put a value under a path of keys, and of places in lists."""
        owner = self.part(*path[:-1])
        if path[-1] in owner:
            raise ValueError(f"it holds {show('.'.join(map(str, path)))}")
        owner[path[-1]] = value

    def rename(self, *path: str, to: str) -> None:
        """Give what lies under a path of keys another last key, and its tensors the names that follow from that."""
        new = [*path[:-1], to]
        value, tensors = self.drop(*path)
        if to in self.part(*path[:-1]) or self._tensors(*new):
            raise ValueError(f"it holds {show('.'.join(new))}")
        self.part(*path[:-1])[to] = value
        self.tensors.update({_tensor(*new) + end: name for end, name in tensors.items()})

    def rename_tensor(self, *path: str, to: str) -> None:
        """Give the array under a path of keys another last key."""
        *owner, old = path
        if _tensor(*path) not in self.tensors or _tensor(*owner, to) in self.tensors:
            raise ValueError(f"it lacks the array {show(old)}, or holds {show(to)}")
        self.tensors[_tensor(*owner, to)] = self.tensors.pop(_tensor(*path))

    def drop(self, *path: str) -> tuple[Any, dict[str, str]]:
        """Take out what lies under a path of keys, and its tensors by the ends of their names."""
        owner = self.part(*path[:-1])
        if path[-1] not in owner:
            raise ValueError(f"it lacks {show('.'.join(path))}")
        return owner.pop(path[-1]), {end: self.tensors.pop(_tensor(*path) + end) for end in self._tensors(*path)}

    def _tensors(self, *path: str) -> list[str]:
        """Give the ends of the names of its tensors."""
        start = _tensor(*path)
        return [name.removeprefix(start) for name in self.tensors if f"{name}.".startswith(f"{start}.")]


def _tensor(*path: str) -> str:
    return ".".join(key for key in path if key not in _SILENT)


def leave_out_profiles(file: Older) -> None:
    """Leave the profiles of users out of a detector: `UserProfiles` has a file of its own."""
    if file.estimator == "LSTMAnomalyDetector":
        file.drop("model", "fitted", "profiles_")


def call_pools_parts(file: Older) -> None:
    """Call the part of the score that a detector goes by what it is everywhere else."""
    if file.estimator.endswith("Detector"):
        file.rename("model", "parameters", "pool", to="part")


def publish_what_is_normal(file: Older) -> None:
    """Make public what a detector has learned to be normal."""
    if file.estimator.endswith("Detector"):
        file.rename("model", "fitted", "_model", to="normal_")


def publish_fields(file: Older) -> None:
    """Make the fields public that a classifier reads."""
    if file.estimator == "LSTMSequenceClassifier":
        file.rename("model", "fitted", "_fields", to="fields_")


def build_one_network(file: Older) -> None:
    """Let all estimators have one network, which differs in its heads; a recommender reads the gap as a field."""
    if file.estimator not in _NETWORKS:
        return
    is_detector = file.estimator == "LSTMAnomalyDetector"
    owner, name, name_of_fields = _NETWORKS[file.estimator]
    old = dict(file.part(*owner, name))
    fields: dict[str, Any] = {"categories": [], "numbers": []}
    if file.estimator != "LSTMRecommender":
        old |= file.part(*owner, name, "network")
        fields = file.part(*owner, name_of_fields)
    timed = old.pop("with_time", False) is True
    new = {
        "category_sizes": [40] if timed else [],
        "n_numbers": 0,
        "fields_dropped": 0.1 if timed else 0.0,
        "asked": "category" if timed else "",
        "share_asked": 0.5 if timed else 0.0,
        "predicts_fields": is_detector,
        "n_classes": 0,
    }
    old.pop("network", None)
    file.part(*owner).update({name: new | old, name_of_fields: fields | {"gap_in_buckets": timed}})
    if timed:
        renamed = {"gaps": "category 0", "next gap scale": "asked scale", "next gap shift": "asked shift"}
        for before, after in renamed.items():
            file.rename_tensor(*owner, name, before, to=after)


def know_no_clock(file: Older) -> None:
    """Say of fields that the clock which wrote the times of training is not known."""
    if file.estimator in _NETWORKS:
        owner, _, name_of_fields = _NETWORKS[file.estimator]
        file.add(None, *owner, name_of_fields, "clock")


def have_nothing_to_compare(file: Older) -> None:
    """Say of a detector that it kept nothing to compare a log with, and is calibrated for one clock."""
    if file.estimator.endswith("Detector"):
        file.add(None, "model", "fitted", "reference_")
        file.add([], "model", "fitted", "coarser_")


def let_values_be_absent(file: Older) -> None:
    """Say that training had no absent values of a field, which were refused: absence is none of a number's signs."""
    if file.estimator not in _NETWORKS:
        return
    owner, name, name_of_fields = _NETWORKS[file.estimator]
    file.add(3, *owner, name, "n_signs")
    for kind in ("categories", "numbers"):
        fields = file.part(*owner, name_of_fields).get(kind)
        for place in range(len(fields) if isinstance(fields, list) else 0):
            file.add(False, *owner, name_of_fields, kind, place, "missing")


def compare_by_cosines(file: Older) -> None:
    """Say of a network that it compares items by cosines, and drops outputs at each step anew, as all of them did."""
    if file.estimator in _NETWORKS:
        owner, name, _ = _NETWORKS[file.estimator]
        file.add(True, *owner, name, "cosines")
        file.add(False, *owner, name, "one_mask")


def know_no_form(file: Older) -> None:
    """Say that it is not known how the log was written that the model was made from."""
    if file.content.get("columns") is not None:
        file.add(None, "columns", "form")


def draw_by_four_components(file: Older) -> None:
    """Say of a network that numbers have four components, as all of them had."""
    owners = _NETWORKS | {"LSTMGenerator": (_FITTED, "model_", "fields_")}
    if file.estimator in owners:
        owner, name, _ = owners[file.estimator]
        file.add(4, *owner, name, "n_components")


def know_no_sounds(file: Older) -> None:
    """Say that a model was made from no sounds."""
    if file.content.get("columns") is not None:
        file.add(None, "columns", "sound")


def classify_events_alone(file: Older) -> None:
    """Say of a classifier that it has one network, which reads events and no frames."""
    if file.estimator == "LSTMSequenceClassifier":
        file.add(1, "model", "parameters", "n_networks")
        for name in ("channels_", "_frame_answers"):
            file.add(None, *_FITTED, name)


def know_no_motions(file: Older) -> None:
    """Say of a network for films that it tells no motions; its patches are as large as the estimator says."""
    if file.estimator in ("ConvLSTMForecaster", "ConvLSTMClassifier"):
        if file.estimator == "ConvLSTMForecaster":
            file.add(0, "model", "parameters", "n_motions")
        file.add(0, *_FITTED, "model_", "n_motions")
        file.add(file.part(*_FITTED).get("patch_"), *_FITTED, "model_", "patch")


MIGRATIONS: dict[int, tuple[Callable[[Older], None], ...]] = {
    1: (leave_out_profiles, call_pools_parts, publish_what_is_normal, publish_fields, build_one_network),
    2: (let_values_be_absent, know_no_clock, have_nothing_to_compare),
    3: (compare_by_cosines, know_no_form),
    4: (draw_by_four_components, classify_events_alone, know_no_sounds),
    5: (know_no_motions,),
}
FORMAT = 1 + len(MIGRATIONS)
