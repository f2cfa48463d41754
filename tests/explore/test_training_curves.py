import builtins
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import rich.console
from sklearn.exceptions import NotFittedError

from seqrec import LSTMRecommender, PopularityRecommender
from seqrec.explore import TrainingCurves, training_curves
from seqrec.network.progress import _curves, training_progress

HISTORY = {"loss": [3.0, 2.0, 1.5], "validation": [0.1, 0.3, 0.3]}


class Cell:
    """A notebook's cell without a notebook: what it displays, and its end."""

    def __init__(self):
        self.displayed, self.updated, self._callbacks = [], [], []
        self.events = SimpleNamespace(
            register=lambda _, callback: self._callbacks.append(callback),
            unregister=lambda _, callback: self._callbacks.remove(callback),
        )

    def display(self, shown, **options):
        if options.get("raw"):
            return SimpleNamespace(update=lambda still, **_: self.updated.append(still["text/html"]))
        self.displayed.append(shown)
        return shown._ipython_display_()

    def end(self):
        for callback in list(self._callbacks):
            callback()


@pytest.fixture
def cell(monkeypatch):
    import IPython
    import IPython.display

    cell = Cell()
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(IPython, "get_ipython", lambda: cell)
    monkeypatch.setattr(IPython.display, "display", cell.display)
    yield cell
    cell.end()


def train(max_epochs, losses, validations=(), error=None):
    """Report a training as `seqrec.network.training.train` does, ten events an epoch."""
    with training_progress(max_epochs, 10) as progress:
        history = {"loss": [], "validation": []} if validations else {"loss": []}
        for epoch, loss in enumerate(losses):
            progress.batch_done(epoch, 10)
            history["loss"].append(loss)
            if validations:
                history["validation"].append(validations[epoch])
            progress.epoch_done(history)
        if error:
            progress.batch_done(len(losses), 5)
            raise error


def test_a_history_is_shown_with_its_best_epoch():
    curves = TrainingCurves(HISTORY)
    assert (curves.epoch, curves.max_epochs, curves.best_epoch) == (3, 3, 2)
    assert curves.status == "3 epochs: the best was epoch 2."
    assert curves.frame.to_dict("list") == {"epoch": [1, 2, 3], **HISTORY}
    assert not curves.running


def test_a_history_may_lack_validation():
    curves = TrainingCurves({"loss": [3.0]})
    assert curves.best_epoch == 0
    assert curves.status == "1 epoch."
    assert curves.frame["validation"].isna().all()


def test_epochs_without_validation_are_found_at_the_right_end():
    interrupted = TrainingCurves({"loss": [3.0, 2.0, 1.0], "validation": [0.2, 0.1]})
    assert interrupted.best_epoch == 1
    went_on = TrainingCurves({"loss": [3.0, 2.0, 1.0], "validation": [0.2]})
    assert went_on.best_epoch == 3


def test_figures_that_are_not_finite_are_kept():
    curves = TrainingCurves({"loss": [3.0, np.nan, np.inf], "validation": [np.nan] * 3})
    assert curves.best_epoch == 0
    assert curves._fallback()


def test_a_fitted_estimator_gives_its_history():
    estimator = SimpleNamespace(fit=None, history_=HISTORY)
    assert TrainingCurves(estimator).frame["loss"].tolist() == HISTORY["loss"]


def test_what_has_no_history_is_refused():
    with pytest.raises(NotFittedError):
        TrainingCurves(LSTMRecommender())
    with pytest.raises(TypeError, match="PopularityRecommender keeps no history"):
        TrainingCurves(PopularityRecommender().fit([["tea", "milk"]]))
    with pytest.raises(TypeError, match="got list"):
        TrainingCurves([3.0, 2.0])
    with pytest.raises(ValueError, match='holds a list "loss"'):
        TrainingCurves({"accuracy": [1.0]})
    with pytest.raises(ValueError, match="must be a list of numbers"):
        TrainingCurves({"loss": ["a"]})
    with pytest.raises(ValueError, match="2 epochs were validated, but there were 1"):
        TrainingCurves({"loss": [1.0], "validation": [1.0, 2.0]})


def test_traits_cannot_be_set_from_outside():
    with pytest.raises(Exception, match="read-only"):
        TrainingCurves(HISTORY).epoch = 7


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((3, [3.0, 2.0, 1.0], [0.1, 0.3, 0.2]), "Done: 3 epochs in 0.0 s; the best was epoch 2."),
        ((1, [3.0]), "Done: 1 epoch in 0.0 s."),
        ((9, [3.0, 2.0, 1.0], [0.1, 0.3, 0.2]), "Stopped early at epoch 3: the best was epoch 2."),
    ],
)
def test_the_ending_is_told_in_words(cell, monkeypatch, arguments, status):
    monkeypatch.setattr(training_curves.time, "monotonic", lambda: 100.0)
    train(*arguments)
    assert cell.displayed[0].status == status
    assert not cell.displayed[0].running


@pytest.mark.parametrize(
    ("losses", "validations", "error", "status"),
    [
        ([], (), KeyboardInterrupt(), "Interrupted in epoch 1."),
        ([3.0], [0.1], KeyboardInterrupt(), "Interrupted in epoch 2. The best was epoch 1."),
        ([3.0, 2.0], (), KeyboardInterrupt(), "Interrupted in epoch 3."),
        ([], (), FloatingPointError("the loss turned nan in epoch 1."), "Failed: the loss turned nan in epoch 1."),
        ([], (), MemoryError(), "Failed: MemoryError"),
    ],
)
def test_an_error_is_told_and_passed_on(cell, losses, validations, error, status):
    with pytest.raises(type(error)):
        train(5, losses, validations, error=error)
    assert cell.displayed[0].status == status


def test_trainings_of_one_cell_share_a_widget(cell):
    for fold in range(3):
        train(2, [3.0 - fold, 2.0 - fold])
    (curves,) = cell.displayed
    assert curves.status.startswith("Training 3. Done: 2 epochs")
    assert [history["loss"] for history in curves.earlier] == [[3.0, 2.0], [2.0, 1.0]]
    assert curves.history["loss"] == [1.0, 0.0]
    cell.end()
    assert curves.status in cell.updated[0]  # so that a saved notebook shows the end, not the beginning
    train(1, [3.0])
    assert len(cell.displayed) == 2


def test_trainings_at_the_same_time_have_a_widget_each(cell):
    with training_progress(2, 10) as first, training_progress(2, 10) as second:
        first.batch_done(0, 10)
        second.batch_done(1, 10)
    assert [curves.epoch for curves in cell.displayed] == [1, 2]


def test_at_most_ten_messages_a_second_are_sent(cell, monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(training_curves.time, "monotonic", lambda: clock.now)
    told = []
    with training_progress(1, 1000) as progress:
        cell.displayed[0].observe(lambda change: told.append(change["new"]), "_share")
        for _ in range(1000):
            clock.now += 0.002
            progress.batch_done(0, 1)
        assert len(told) <= 20
        assert cell.displayed[0].status == "Epoch 1 of 1 · 0.1 s left"


def test_the_share_of_an_epoch_follows_what_the_first_epoch_counted(cell, monkeypatch):
    monkeypatch.setattr(training_curves, "_SECONDS_BETWEEN_MESSAGES", 0)
    with training_progress(2, 100) as progress:
        progress.batch_done(0, 50)
        assert cell.displayed[0]._share == 0.25
        progress.epoch_done({"loss": [1.0]})
        progress.batch_done(1, 50)
        assert cell.displayed[0]._share == 1.0


def test_verbose_false_shows_nothing(cell):
    with training_progress(1, 10, verbose=False) as progress:
        progress.batch_done(0, 10)
    assert not cell.displayed


def test_without_anywidget_a_notebook_gets_a_bar(cell, monkeypatch):
    monkeypatch.delitem(sys.modules, "seqrec.explore.training_curves")
    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: _refuse(imported, name, *rest))
    assert _curves(1, 10) is None
    assert not cell.displayed


def _refuse(imported, name, *rest):
    if name.startswith(("anywidget", "seqrec.explore")):
        raise ImportError(name)
    return imported(name, *rest)


def test_text_of_strangers_stays_text_in_the_fallback():
    curves = TrainingCurves(HISTORY)
    curves.end("Failed: <img src=x onerror=alert(1)>")
    assert "<img" not in curves._fallback()
