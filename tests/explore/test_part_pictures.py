"""The part of a score that fired is drawn, on scales that hold all of it."""

import numpy as np
import pytest
from golden.make import make_log, read_log

from seqrec.explore.part_pictures import picture_of_surprisal
from seqrec.explore.timelines import timeline
from seqrec.explore.units import times_of


@pytest.fixture(scope="module")
def sequence():
    return read_log(make_log(6, seed=1), fields=True)[[3]]


@pytest.mark.parametrize("part", ["gap max", "gap constant", "amount drift"])
def test_values_are_drawn_in_the_band_where_they_were_expected(detector, sequence, part):
    drawn = timeline(detector, sequence, -3.0, fired=part)["drawn"]
    points = np.frombuffer(drawn["points"], "<f4").reshape(-1, 4)
    assert drawn["band"]
    assert len(points) == sequence.n_events  # the end has no value
    assert np.isnan(points[0, 1]) == part.startswith("gap")  # the first event has no gap
    assert (points[:, 2] < points[:, 3]).all()
    assert (np.nanmin(points), np.nanmax(points)) == (0, 1)
    assert drawn["ends"] == times_of(sequence.timestamps[[0, -1]])
    assert drawn["caption"].startswith(part.split()[0])


@pytest.mark.parametrize("part", ["events max", "channel mean", "short", ""])
def test_of_other_parts_surprisal_is_drawn(detector, sequence, part):
    assert not timeline(detector, sequence, -3.0, fired=part)["drawn"]["band"]


def test_surprisal_is_drawn_on_a_scale_of_five_nats_at_least():
    points = np.frombuffer(picture_of_surprisal(np.array([1.0, -1.0]), [False, False])["points"], "<f4").reshape(-1, 4)
    assert points[:, 1] == pytest.approx([0.2, 0])
