"""The types of the widgets, which are imported when they are first used."""

from seqrec.explore.anomalies import AnomalyExplorer as AnomalyExplorer
from seqrec.explore.comparison import ModelComparison as ModelComparison
from seqrec.explore.films import FilmExplorer as FilmExplorer
from seqrec.explore.forecasts import ForecastExplorer as ForecastExplorer
from seqrec.explore.frames import FrameExplorer as FrameExplorer
from seqrec.explore.futures import FutureExplorer as FutureExplorer
from seqrec.explore.gate_inspector import GateInspector as GateInspector
from seqrec.explore.item_map import ItemMap as ItemMap
from seqrec.explore.playground import GeneratorPlayground as GeneratorPlayground
from seqrec.explore.recommendations import RecommendationExplorer as RecommendationExplorer
from seqrec.explore.training_curves import TrainingCurves as TrainingCurves
