"""What the makers of logs share."""

import numpy as np
import pytest

from seqrec.datasets.draws import choose, generator, ids


def test_a_generator_follows_its_seed_whatever_holds_it():
    of_int, of_state = generator(3), generator(np.random.RandomState(3))
    assert of_int.random() == of_state.random() != generator(4).random()


def test_columns_are_drawn_in_proportion_to_the_weights_of_their_row():
    weights = np.tile([[1.0, 3.0, 0.0], [0.0, 0.0, 0.1]], (10_000, 1))
    first, second = choose(weights, np.random.default_rng(0)).reshape(-1, 2).T
    assert np.bincount(first, minlength=3) / 10_000 == pytest.approx([0.25, 0.75, 0], abs=0.02)
    assert (second == 2).all()


def test_ids_have_five_digits_or_as_many_as_the_last_needs():
    assert ids("u", 2).tolist() == ["u00000", "u00001"]
    assert ids("u", 100_001)[[0, -1]].tolist() == ["u000000", "u100000"]
