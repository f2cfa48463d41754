"""Figures show the numbers that they say they show, leave the rest of Matplotlib alone, and draw any id."""

import copy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore::seqrec.exceptions.UnusedColumnsWarning")  # those that count read none
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from seqrec import (  # noqa: E402
    LengthDetector,
    LSTMAnomalyDetector,
    LSTMRecommender,
    MarkovRecommender,
    NGramDetector,
    Sequences,
)
from seqrec.network.gates import trace_gates  # noqa: E402
from seqrec.plots import plot_gates, plot_surprisal, plot_threshold, plot_training  # noqa: E402

# Formulae, escape codes, marks of direction, a page of text: what strangers may have in a log.
HOSTILE = [r"$\frac", "$x$", r"\$", "a\x1b[31m\n", "\u202eevil", "_hidden", "%s {0}", "x" * 1_000, "100 €"]
CHEAP = {"units": 8, "max_epochs": 2, "random_state": 0, "precision": "float32"}


def make_log(items, n=20, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 8, n)
    n_events = lengths.sum()
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n), lengths),
            "item_id": rng.choice(np.array(items, dtype=object), n_events),
            "_amount $": rng.lognormal(3, 1, n_events),
            "channel": rng.choice(np.array(["web", r"$\frac"], dtype=object), n_events),
        }
    )


def sequences(log):
    return Sequences.from_frame(log, timestamp=None, columns=["_amount $", "channel"])


X = sequences(make_log(["open", "read", "write"]))
STRANGE = sequences(make_log(HOSTILE, seed=1))


@pytest.fixture(scope="module")
def detector():
    return LSTMAnomalyDetector(n_folds=1, **CHEAP).fit(X)


@pytest.fixture(scope="module")
def recommender():
    histories = [list(ids) for ids in sequences(make_log(list("abcde"), n=40))]
    return LSTMRecommender(validation_fraction=0.6, **CHEAP | {"max_epochs": 3}).fit(histories)


@pytest.fixture(scope="module")
def baseline():
    return NGramDetector().fit(X)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()  # warnings are errors
    plt.close(figure)


def heights(ax):
    """Height of each bar, a column for each field."""
    return np.stack([[bar.get_height() for bar in bars] for bars in ax.containers], axis=1)


def tick_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- surprisal


@pytest.mark.slow
def test_bars_are_the_surprisal_of_each_field_and_of_the_end(detector, ax):
    assert plot_surprisal(detector, X[:1], ax=ax) is ax
    surprisal = detector.surprisal(X[:1], by_field=True).to_numpy()
    np.testing.assert_allclose(heights(ax)[:-1], surprisal, rtol=1e-6, atol=1e-5)
    assert heights(ax)[-1, 0] > 0
    assert not heights(ax)[-1, 1:].any()
    assert tick_labels(ax) == [*X[0].tolist(), "(end)"]
    assert ax.get_ylabel() == "surprisal (nats)"


def test_bars_above_the_axis_stand_on_each_other_and_those_below_hang(detector, ax):
    plot_surprisal(detector, X[:1], ax=ax)
    values = heights(ax)
    bottoms = np.stack([[bar.get_y() for bar in bars] for bars in ax.containers], axis=1)
    for sign in (1, -1):
        parts = np.where(np.sign(values) == sign, values, 0)
        here = parts != 0
        np.testing.assert_allclose(bottoms[here], (np.cumsum(parts, axis=1) - parts)[here], atol=1e-5)


def test_fields_are_told_apart_by_colour_and_by_hatch(detector, ax):
    plot_surprisal(detector, X[:1], ax=ax)
    looks = {(bars[0].get_facecolor(), bars[0].get_hatch()) for bars in ax.containers}
    assert len({colour for colour, _ in looks}) == len({hatch for _, hatch in looks}) == 3
    assert legend_of(ax) == ["event", "channel", r" _amount \$"]


def test_the_oddest_events_are_numbered_and_explained(detector, ax):
    plot_surprisal(detector, X[:1], ax=ax)
    reasons = detector.explain(X[:1], only_flagged=False)
    assert [text.xy[0] for text in ax.texts] == reasons["position"].tolist()
    lines = ax.get_title(loc="left").split("\n")
    assert len(lines) == 3
    for number, line in enumerate(lines, start=1):
        assert line.startswith(f"{number}  {reasons['event'][number - 1]}")
        assert f"p = {reasons['event_p_value'][number - 1]:.2g}" in line


@pytest.mark.parametrize("n_events", [0, 1, 200])
def test_sequences_of_any_length_are_drawn(detector, ax, n_events):
    long = Sequences(
        np.resize(X.codes, n_events),
        np.array([0, n_events]),
        X.keys[:1],
        X.vocabulary,
        None,
        np.arange(n_events),
        {name: np.resize(values, n_events) for name, values in X.columns.items()},
    )
    plot_surprisal(detector, long, ax=ax)
    assert heights(ax).shape == (n_events + 1, 3)
    assert (ax.get_xlabel() == "position in the sequence") == (n_events == 200)


def test_n_grams_have_bars_without_fields_or_explanations(baseline, ax):
    plot_surprisal(baseline, X[:1], ax=ax)
    np.testing.assert_allclose(heights(ax)[:-1, 0], baseline.surprisal(X[:1]))
    assert len(ax.containers) == 1
    assert ax.get_title(loc="left") == ""


def test_a_detector_that_knows_no_surprisal_is_refused():
    with pytest.raises(TypeError, match="needs an LSTMAnomalyDetector or an NGramDetector, got LengthDetector"):
        plot_surprisal(LengthDetector().fit(X), X[:1])


def test_several_sequences_are_refused(detector):
    with pytest.raises(ValueError, match="of one sequence, got 2"):
        plot_surprisal(detector, X[:2])


# --- threshold


def test_histograms_are_shares_of_each_group(detector, ax):
    labels = np.arange(len(STRANGE)) % 4 == 0
    assert plot_threshold(detector, STRANGE, labels, ax=ax) is ax
    assert ax.get_xlabel() == "score (log p-value)"
    scores, offset = detector.score_samples(STRANGE), detector.offset_
    groups = [detector.held_out_scores_, scores[~labels], scores[labels]]
    names = ["held out in training", "normal", "anomalous"]
    expected = [
        f"{name}: {np.mean(values < offset):.1%} of {len(values)} flagged"
        for name, values in zip(names, groups, strict=True)
    ]
    assert set(legend_of(ax)) == {*expected, f"threshold: {offset:.2f}"}
    assert ax.get_lines()[0].get_xdata()[0] == offset
    assert ax.get_yscale() == "log"


def test_the_shares_of_a_group_sum_to_one(baseline, ax):
    plot_threshold(baseline, ax=ax)
    (outline,) = ax.patches
    edges, shares = np.unique(np.round(outline.get_xy()[:, 0], 9)), outline.get_xy()[:, 1]
    assert shares[1:-1:2][: len(edges) - 1].sum() == pytest.approx(1)


def test_a_threshold_that_flags_nothing_is_said_in_words(baseline, ax):
    silent = copy.copy(baseline)
    silent.offset_ = -np.inf
    plot_threshold(silent, ax=ax)
    assert legend_of(ax)[-1] == "no threshold: nothing is flagged"


def test_scores_that_are_infinitely_odd_are_drawn_in_the_lowest_bin(baseline, ax, monkeypatch):
    monkeypatch.setattr(baseline, "score_samples", lambda _: np.array([-np.inf]))
    plot_threshold(baseline, X[:1], ax=ax)
    assert "new sequences: 100.0% of 1 flagged" in legend_of(ax)


@pytest.mark.parametrize("labels", [[True], np.full(len(X), 2), np.full((len(X), 1), True)])
def test_labels_that_do_not_fit_are_refused(baseline, labels):
    with pytest.raises(ValueError, match="labels must hold True"):
        plot_threshold(baseline, X, labels)


def test_labels_without_sequences_are_refused(baseline):
    with pytest.raises(ValueError, match="give these as X"):
        plot_threshold(baseline, labels=[True])


# --- training


def test_losses_and_validation_are_drawn_by_epoch(recommender, ax):
    assert plot_training(recommender, ax=ax) is ax
    (loss,), (twin,) = ax.get_lines(), [other for other in ax.figure.axes if other is not ax]
    np.testing.assert_array_equal(loss.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(loss.get_ydata(), recommender.history_["loss"])
    scores, star = twin.get_lines()
    np.testing.assert_array_equal(scores.get_ydata(), recommender.history_["validation"])
    assert star.get_xdata()[0] == 1 + np.argmax(recommender.history_["validation"])
    assert (ax.get_ylabel(), twin.get_ylabel()) == ("loss (nats an event)", "validation (NDCG@10)")


def test_without_validation_the_loss_stands_alone(detector, ax):
    plot_training(detector, ax=ax)
    assert ax.figure.axes == [ax]


def test_a_model_without_epochs_is_refused():
    with pytest.raises(TypeError, match="plot_training needs an LSTM estimator, got MarkovRecommender"):
        plot_training(MarkovRecommender().fit(X))


# --- gates


@pytest.mark.parametrize("part", ["input", "forget", "output", "cell", "hidden"])
def test_the_heat_map_is_the_trace_with_the_longest_memory_on_top(detector, ax, part):
    assert plot_gates(detector, X[:1], part, ax=ax) is ax
    trace = trace_gates(detector, X[:1])
    order = np.argsort(-trace.gates["forget"].mean(axis=0), kind="stable")
    values = (trace.gates | {"cell": trace.cell, "hidden": trace.hidden})[part]
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), values[:, order].T)
    low, high = image.get_clim()
    assert (low, high) == (0, 1) if part in trace.gates else low == -high == -np.abs(values).max()
    assert tick_labels(ax) == ["(start)", *X[0].tolist()]
    assert part in ax.figure.axes[1].get_ylabel()


def test_the_units_that_vary_most_are_chosen(detector, ax):
    plot_gates(detector, X[:1], "hidden", n_units=3, ax=ax)
    spread = trace_gates(detector, X[:1]).hidden.std(axis=0)
    shown = [int(label.get_text()) for label in ax.get_yticklabels()]
    assert set(shown) == set(np.argsort(-spread)[:3])


def test_a_part_that_the_cell_lacks_is_refused(detector):
    with pytest.raises(ValueError, match="part must be one of 'input', 'forget', 'output', 'cell', 'hidden'"):
        plot_gates(detector, X[:1], "update")


# --- all of them


def test_ids_of_strangers_are_escaped_and_cut(detector, ax):
    row = int(np.argmax([len(set(ids)) for ids in STRANGE]))
    plot_surprisal(detector, STRANGE[row : row + 1], ax=ax)
    labels = tick_labels(ax)
    assert all(len(label) <= 30 and "\x1b" not in label and "\n" not in label for label in labels)
    assert all(label.count("$") == label.count(r"\$") for label in labels)


def test_every_hostile_id_draws(detector):
    fields = {"_amount $": np.ones(len(HOSTILE)), "channel": np.array(["web"] * len(HOSTILE), dtype=object)}
    log = pd.DataFrame({"user_id": 0, "item_id": HOSTILE} | fields)
    for ax in (plot_surprisal(detector, sequences(log)), plot_gates(detector, sequences(log))):
        ax.figure.canvas.draw()
        plt.close(ax.figure)


def test_a_figure_is_made_where_none_is_given_and_settings_stay(baseline):
    before = dict(matplotlib.rcParams)
    ax = plot_threshold(baseline)
    assert ax.figure.number in plt.get_fignums()
    assert dict(matplotlib.rcParams) == before
    plt.close(ax.figure)


@pytest.mark.parametrize("draw", [plot_surprisal, plot_threshold, plot_gates])
def test_what_was_never_fitted_is_refused(draw):
    with pytest.raises(NotFittedError):
        draw(LSTMAnomalyDetector(), X[:1])
    with pytest.raises(NotFittedError):
        plot_training(LSTMAnomalyDetector())


def test_without_matplotlib_the_error_says_what_to_install(baseline, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "seqrec\[plot\]"'):
        plot_threshold(baseline)


def test_importing_the_module_imports_neither_matplotlib_nor_tensorflow():
    code = "import sys, seqrec.plots; sys.exit(','.join({'matplotlib', 'tensorflow'} & set(sys.modules)) or 0)"
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
