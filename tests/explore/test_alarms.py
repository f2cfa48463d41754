"""What a threshold means is said in figures that agree with those of a detector."""

import numpy as np
import pytest

from seqrec.detect import thresholds
from seqrec.explore.alarms import Alarms

USUAL = -np.linspace(0.1, 5, 50)


def test_one_score_far_away_leaves_the_others_their_room():
    alarms = Alarms(np.sort([-60.0, *USUAL]), np.array([-40.0, *USUAL]), None, -4.0)
    assert -9 < alarms.lowest < -5
    assert alarms.beyond == 2
    assert Alarms(np.sort(USUAL), USUAL, None, -np.inf).beyond == 0


@pytest.mark.filterwarnings("ignore:a false-positive rate")
@pytest.mark.parametrize("rate", [0.5, 0.1, 1e-3, 1e-6])
def test_the_rate_of_a_threshold_is_the_one_that_it_was_set_for(rate):
    threshold = thresholds.false_positive_offset(USUAL, rate)
    assert Alarms(np.sort(USUAL), USUAL, None, threshold).false_rate(threshold) == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize(
    ("per_day", "is_daily", "words"),
    [
        (100, True, "Expect 9.8 false alarms a day."),
        (0.5, True, "Expect one false alarm in 20 days."),
        (1_000, False, "Expect 98 false alarms of these 1,000."),
    ],
)
def test_false_alarms_are_counted_in_what_is_known(per_day, is_daily, words):
    alarms = Alarms(np.sort(USUAL), USUAL, None, -4.0)
    threshold = thresholds.false_positive_offset(USUAL, 0.1)
    assert alarms.describe(threshold, per_day, is_daily, "")["text"].endswith(words)
    assert "There is no threshold." in alarms.describe(None, per_day, is_daily, "")["text"]


def test_precision_and_recall_follow_the_labels():
    odd = np.arange(50) < 4
    text = Alarms(np.sort(USUAL), USUAL, odd, -4.0).describe(np.sort(USUAL)[8], 1, True, "")["text"]
    assert text.endswith("Precision 50 %, recall 100 % of 4 labelled odd.")


def test_bars_hold_all_that_is_on_the_axis():
    bars = Alarms(np.sort(USUAL), USUAL, None, -4.0).bars()
    assert np.count_nonzero(bars[0]) > 10
    assert not bars[1].any()
    assert np.array_equal(bars[0], bars[2])
