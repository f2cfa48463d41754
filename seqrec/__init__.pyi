"""The types of what the package imports when it is first used."""

from seqrec import datasets as datasets
from seqrec import exceptions as exceptions
from seqrec import explore as explore
from seqrec import layers as layers
from seqrec import metrics as metrics
from seqrec import model_selection as model_selection
from seqrec import music as music
from seqrec import plots as plots
from seqrec.classify.baselines import SummaryClassifier as SummaryClassifier
from seqrec.classify.lstm import LSTMSequenceClassifier as LSTMSequenceClassifier
from seqrec.data.sequences import Sequences as Sequences
from seqrec.data.sessions import sessionize as sessionize
from seqrec.data.vocabulary import Vocabulary as Vocabulary
from seqrec.detect import thresholds as thresholds
from seqrec.detect.baselines import CombinedDetector as CombinedDetector
from seqrec.detect.baselines import CompositionDetector as CompositionDetector
from seqrec.detect.baselines import LengthDetector as LengthDetector
from seqrec.detect.baselines import NewEventDetector as NewEventDetector
from seqrec.detect.baselines import NGramDetector as NGramDetector
from seqrec.detect.lstm import LSTMAnomalyDetector as LSTMAnomalyDetector
from seqrec.detect.profiles import UserProfiles as UserProfiles
from seqrec.exceptions import ColdStartWarning as ColdStartWarning
from seqrec.exceptions import ModelFileError as ModelFileError
from seqrec.films.baselines import LastFrameForecaster as LastFrameForecaster
from seqrec.films.baselines import ShiftForecaster as ShiftForecaster
from seqrec.films.classifier import ConvLSTMClassifier as ConvLSTMClassifier
from seqrec.films.convlstm import ConvLSTMForecaster as ConvLSTMForecaster
from seqrec.forecast.baselines import NaiveForecaster as NaiveForecaster
from seqrec.forecast.baselines import SeasonalNaiveForecaster as SeasonalNaiveForecaster
from seqrec.forecast.baselines import ThetaForecaster as ThetaForecaster
from seqrec.forecast.lstm import LSTMForecaster as LSTMForecaster
from seqrec.generate import futures as futures
from seqrec.generate.baselines import NGramGenerator as NGramGenerator
from seqrec.generate.lstm import LSTMGenerator as LSTMGenerator
from seqrec.jobs.engines import ArrowScorer as ArrowScorer
from seqrec.model_selection import TimeSplit as TimeSplit
from seqrec.model_selection import UserSplit as UserSplit
from seqrec.model_selection import evaluate as evaluate
from seqrec.model_selection import leave_last_out as leave_last_out
from seqrec.network.gates import trace_gates as trace_gates
from seqrec.persistence import load as load
from seqrec.persistence import save as save
from seqrec.recommend.baselines import MarkovRecommender as MarkovRecommender
from seqrec.recommend.baselines import PopularityRecommender as PopularityRecommender
from seqrec.recommend.baselines import SequentialRulesRecommender as SequentialRulesRecommender
from seqrec.recommend.lstm import LSTMRecommender as LSTMRecommender

__version__: str
_MODULE_OF: dict[str, str]
