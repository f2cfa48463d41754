"""Next items and anomalies from event logs, by LSTMs, with scikit-learn's manners.

Everything public is here, imported when it is first used: `import seqrec` is quick and leaves TensorFlow alone.
"""

from importlib import import_module

from seqrec._version import __version__

_MODULE_OF = {
    "Vocabulary": "data.vocabulary",
    "Sequences": "data.sequences",
    "sessionize": "data.sessions",
    "leave_last_out": "model_selection",
    "TimeSplit": "model_selection",
    "UserSplit": "model_selection",
    "evaluate": "model_selection",
    "PopularityRecommender": "recommend.baselines",
    "MarkovRecommender": "recommend.baselines",
    "SequentialRulesRecommender": "recommend.baselines",
    "LSTMRecommender": "recommend.lstm",
    "ColdStartWarning": "exceptions",
    "LSTMAnomalyDetector": "detect.lstm",
    "LSTMSequenceClassifier": "classify.lstm",
    "SummaryClassifier": "classify.baselines",
    "UserProfiles": "detect.profiles",
    "NewEventDetector": "detect.baselines",
    "LengthDetector": "detect.baselines",
    "CompositionDetector": "detect.baselines",
    "NGramDetector": "detect.baselines",
    "LSTMGenerator": "generate.lstm",
    "NGramGenerator": "generate.baselines",
    "LSTMForecaster": "forecast.lstm",
    "ConvLSTMForecaster": "films.convlstm",
    "ConvLSTMClassifier": "films.classifier",
    "LastFrameForecaster": "films.baselines",
    "ShiftForecaster": "films.baselines",
    "NaiveForecaster": "forecast.baselines",
    "SeasonalNaiveForecaster": "forecast.baselines",
    "ThetaForecaster": "forecast.baselines",
    "CombinedDetector": "detect.baselines",
    "save": "persistence",
    "load": "persistence",
    "ModelFileError": "exceptions",
    "trace_gates": "network.gates",
    "ArrowScorer": "jobs.engines",
}
_SUBMODULES = {
    name: name
    for name in ("datasets", "exceptions", "explore", "layers", "metrics", "model_selection", "music", "plots")
}
_SUBMODULES |= {"thresholds": "detect.thresholds", "futures": "generate.futures"}

__all__ = ["__version__", *_MODULE_OF, *_SUBMODULES]


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{_SUBMODULES[name]}")
    raise AttributeError(f"module 'seqrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
