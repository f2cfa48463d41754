import numpy as np
import pytest

from seqrec.forecast.alike import Alike
from seqrec.forecast.shares import losses, proven_share
from seqrec.network.architectures import LEVELS

QUANTILES = np.array(LEVELS) - 0.5


def test_losses_are_those_of_each_level_in_units_of_the_scale():
    truth, told, scale = np.array([[3.0, np.nan]]), np.tile(QUANTILES, (1, 2, 1)), np.array([2.0])
    by_hand = [max(a * (3 - q), (a - 1) * (3 - q)) / 2 for a, q in zip(LEVELS, QUANTILES, strict=True)]
    assert losses(truth, told, scale) == pytest.approx([np.mean(by_hand)])
    assert np.isnan(losses(np.full((1, 2), np.nan), told, scale)).all()


@pytest.mark.parametrize(("n_better", "share"), [(1, 0.0), (30, 1.0)])
def test_the_network_has_to_be_ahead_on_more_than_one_series(n_better, share):
    truth, simple = np.zeros((30, 4)), np.full((30, 4, 1), 1.0) + QUANTILES
    own = np.where(np.arange(30)[:, None, None] < n_better, QUANTILES, simple)
    assert proven_share(truth, own, simple, np.ones(30), Alike(np.arange(30), np.zeros(30, int))) == pytest.approx(
        share, abs=0.15
    )


def test_the_network_has_to_be_ahead_at_more_than_one_time():
    truth, simple = np.zeros((30, 4)), np.full((30, 4, 1), 1.0) + QUANTILES
    time = np.repeat(np.arange(3), 10)
    own = np.where((time == 0)[:, None, None], QUANTILES, simple)
    assert proven_share(truth, own, simple, np.ones(30), Alike(np.arange(30), np.zeros(30, int))) > 0.5
    assert proven_share(truth, own, simple, np.ones(30), Alike(np.arange(30), time)) < 0.1


def test_where_nothing_came_nobody_is_ahead():
    nothing, told = np.full((2, 4), np.nan), np.zeros((2, 4, len(LEVELS)))
    assert proven_share(nothing, told, told, np.ones(2), Alike(np.arange(2), np.zeros(2, int))) == 0.5
