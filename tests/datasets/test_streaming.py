import numpy as np
import pandas as pd
import pytest

from seqrec.datasets import make_catalogue, make_interactions

SMALL = {"n_users": 200, "n_items": 120, "n_events": 8_000}


@pytest.fixture(scope="module")
def log():
    return make_interactions(**SMALL, random_state=0)


@pytest.fixture(scope="module")
def watched(log):
    """The log in each user's order, with what is known of the items."""
    titled = log.merge(make_catalogue(SMALL["n_items"]), on="item_id", how="left", validate="many_to_one")
    return titled.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)


def test_log_has_the_asked_sizes(log):
    assert len(log) == SMALL["n_events"]
    assert log["user_id"].nunique() == SMALL["n_users"]
    assert set(log["item_id"]) <= set(make_catalogue(SMALL["n_items"])["item_id"])


def test_log_is_in_order_of_time_within_its_year(log):
    assert log["timestamp"].is_monotonic_increasing
    assert (log["timestamp"].dt.year == 2024).all()


def test_same_seed_gives_the_same_log(log):
    pd.testing.assert_frame_equal(log, make_interactions(**SMALL, random_state=0))
    assert not log.equals(make_interactions(**SMALL, random_state=1))


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_interactions(n_users=5, n_events=50, random_state=0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_short_gaps_are_sessions_of_eight_events_on_average(watched):
    gaps = watched.groupby("user_id")["timestamp"].diff().dropna()
    inside = gaps < pd.Timedelta("4h")
    assert 0.83 < inside.mean() < 0.92
    assert pd.Timedelta("25min") < gaps[inside].median() < pd.Timedelta("45min")


def test_popular_items_are_far_ahead_of_the_median(log):
    counts = log["item_id"].value_counts()
    assert counts.iloc[0] > 5 * counts.median()


def test_popularity_drifts(log):
    half = len(log) // 2
    first, second = log["item_id"][:half].value_counts(), log["item_id"][half:].value_counts()
    assert len(set(first.index[:20]) & set(second.index[:20])) < 15


def test_a_later_episode_follows_the_one_before_in_the_same_history(watched):
    later = watched[watched["episode"] > 1]
    begun = set(zip(watched["user_id"], watched["series"], watched["episode"], strict=True))
    before = set(zip(later["user_id"], later["series"], later["episode"] - 1, strict=True))
    assert before <= begun


def test_next_genre_follows_from_the_last_two_better_than_from_the_last(watched):
    # What a mood means: the same genre leads elsewhere, and the genre before tells where.
    genre = watched["genre"]
    last, before = genre.groupby(watched["user_id"]).shift(1), genre.groupby(watched["user_id"]).shift(2)

    def accuracy(*context):
        counts = pd.crosstab(list(context), genre)
        return counts.max(axis=1).sum() / counts.to_numpy().sum()

    assert accuracy(before, last) > accuracy(last) + 0.1


def test_catalogue_has_unique_titles_and_numbers_its_episodes():
    catalogue = make_catalogue(3_000)
    assert catalogue["title"].is_unique
    assert catalogue["item_id"].is_unique
    episodes = catalogue.groupby("series")["episode"]
    assert (episodes.min() == 1).all()
    assert (episodes.max() == episodes.size()).all()


@pytest.mark.parametrize(("n_users", "n_items", "n_events"), [(1, 2, 1), (3, 2, 400), (5, 1_000, 5)])
def test_extreme_sizes_work(n_users, n_items, n_events):
    log = make_interactions(n_users, n_items, n_events, random_state=0)
    assert len(log) == n_events
    assert log["user_id"].nunique() == n_users


def test_history_longer_than_its_year_stays_in_it():
    log = make_interactions(n_users=1, n_items=50, n_events=30_000, random_state=0)
    assert (log["timestamp"].dt.year == 2024).all()
    assert log["timestamp"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"n_users": 10, "n_events": 5}, ValueError, "n_events must be at least n_users"),
        ({"n_items": 1}, ValueError, "n_items must be at least 2"),
        ({"n_users": 2.5}, TypeError, "n_users must be an integer"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes, error, message):
    with pytest.raises(error, match=message):
        make_interactions(**sizes)
