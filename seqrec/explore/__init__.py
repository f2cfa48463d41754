"""Widgets on a live, fitted model, for Jupyter: why this recommendation, why this alert."""

from importlib import import_module
from importlib.util import find_spec

from seqrec.exceptions import MissingExtraError

_MODULE_OF = {
    "RecommendationExplorer": "recommendations",
    "AnomalyExplorer": "anomalies",
    "GateInspector": "gate_inspector",
    "FutureExplorer": "futures",
    "ForecastExplorer": "forecasts",
    "FrameExplorer": "frames",
    "FilmExplorer": "films",
    "GeneratorPlayground": "playground",
    "ItemMap": "item_map",
    "ModelComparison": "comparison",
    "TrainingCurves": "training_curves",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'seqrec.explore' has no attribute {name!r}")
    if find_spec("anywidget") is None:
        raise MissingExtraError('the widgets need ipywidgets and anywidget: pip install "seqrec[jupyter]".')
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
