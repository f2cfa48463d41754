"""Next items and anomalies from event logs, by LSTMs, with scikit-learn's manners.

Everything public is here, imported when it is first used: `import seqrec` is quick and leaves TensorFlow alone.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULE_OF = {
    "Vocabulary": "vocabulary",
    "Sequences": "sequences",
    "sessionize": "sessions",
    "leave_last_out": "model_selection",
    "TimeSplit": "model_selection",
    "UserSplit": "model_selection",
    "evaluate": "model_selection",
    "PopularityRecommender": "baselines",
    "MarkovRecommender": "baselines",
    "SequentialRulesRecommender": "baselines",
    "LSTMRecommender": "recommender",
    "ColdStartWarning": "base",
    "LSTMAnomalyDetector": "detector",
    "LSTMSequenceClassifier": "classifier",
    "UserProfiles": "profiles",
    "NewEventDetector": "anomaly_baselines",
    "LengthDetector": "anomaly_baselines",
    "CompositionDetector": "anomaly_baselines",
    "NGramDetector": "anomaly_baselines",
    "CombinedDetector": "anomaly_baselines",
    "save": "storage.persistence",
    "load": "storage.persistence",
    "ModelFileError": "storage.model_file",
}
_SUBMODULES = ("datasets", "explore", "metrics", "model_selection", "plots", "thresholds")

__all__ = ["__version__", *_MODULE_OF, *_SUBMODULES]


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'seqrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
