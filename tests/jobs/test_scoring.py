"""Rows of whole users, cut anywhere, are scored as the estimators score the log."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from seqrec import (
    LSTMAnomalyDetector,
    LSTMRecommender,
    MarkovRecommender,
    PopularityRecommender,
    Sequences,
    SequentialRulesRecommender,
    Vocabulary,
)
from seqrec.data.arrow import read_piece
from seqrec.detect.words import one_in
from seqrec.jobs.recommending import Recommendation, shortened
from seqrec.jobs.scoring import PLACES, Detection, Kept, Oddest, event_schema, sequence_schema
from seqrec.jobs.staging import hash_ids
from seqrec.logs.values import TYPES
from seqrec.network.state import join, take

CHEAP = {"units": 8, "batch_size": 256, "precision": "float32", "random_state": 0}
COLUMNS = ["amount", "channel"]


def make_log(n, seed, items="abcd", longest=12):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest, n)
    n_events = lengths.sum()
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:03d}" for i in range(n)], lengths),
            "item_id": rng.choice(list(items), n_events),
            "timestamp": pd.to_datetime((1.7e9 + np.cumsum(rng.integers(0, 90, n_events))) * 1e6, unit="us"),
            "amount": rng.lognormal(4, 1, n_events).round(2),
            "channel": rng.choice(["web", "app"], n_events),
        }
    )


def as_rows(log, columns=COLUMNS, with_time=True):
    """The rows of a log as `staging` gives them: by hash, user and time."""
    rows = {"hash": hash_ids(pa.chunked_array([log["user_id"].tolist()])), "place": range(len(log))}
    rows |= {"user": log["user_id"].tolist(), "item": log["item_id"].tolist()}
    if with_time:
        rows["time"] = pa.array(log["timestamp"], TYPES["time"])
    rows |= {f"field:{name}": log[name].tolist() for name in columns}
    keys = ["hash", "user", *(["time"] if with_time else []), "place"]
    return pa.table(rows).sort_by([(key, "ascending") for key in keys])


def cut(table, seed=0, n_pieces=5):
    """Cut a table anywhere; some pieces may be empty."""
    ends = np.sort(np.random.default_rng(seed).integers(0, table.num_rows + 1, n_pieces - 1))
    return [table[first:last] for first, last in zip([0, *ends], [*ends, table.num_rows], strict=True)]


def together(scored):
    """All events and all sequences of what a detection gave."""
    scored = list(scored)
    events = pa.concat_tables(part.events for part in scored if part.events is not None)
    sequences = pa.concat_tables(part.sequences for part in scored if part.sequences.num_rows)
    return events, sequences


def assert_equal_tables(first, second):
    pd.testing.assert_frame_equal(first.to_pandas(), second.to_pandas(), check_exact=True)


FRESH = make_log(25, 1, items="abcde")


@pytest.fixture(scope="module")
def detector():
    X = Sequences.from_frame(make_log(40, 0), columns=COLUMNS)
    return LSTMAnomalyDetector(n_folds=1, max_epochs=2, **CHEAP).fit(X)


# --- detection


def test_one_table_is_scored_as_the_detector_scores_the_log(detector):
    events, sequences = together(Detection(detector).score([as_rows(FRESH)]))
    X = Sequences.from_frame(FRESH, columns=COLUMNS)
    by_place = np.empty(len(FRESH), int)
    by_place[events["place"].to_numpy()] = np.arange(len(FRESH))
    assert_array_equal(events["surprisal"].to_numpy()[by_place[X.rows]], detector.surprisal(X))
    assert_array_equal(events["event_p_value"].to_numpy()[by_place[X.rows]], detector.event_scores(X))
    assert_array_equal(events["unknown"].to_numpy(), np.array(events["item"]) == "e")
    found = sequences.to_pandas().set_index("user").loc[X.keys]
    assert_array_equal(found["score"], detector.score_samples(X))
    assert_array_equal(found["p_value"], detector.p_values(X))
    assert_array_equal(found["flagged"], detector.predict(X) == -1)
    parts = detector.part_p_values(X)
    fired = parts.idxmin(axis=1).where(parts.min(axis=1) <= 0.05, "combination")
    assert_array_equal(found["fired"], fired.where((parts.min(axis=1) <= 0.05) | (found["p_value"] <= 0.05), "nothing"))
    assert_array_equal(found["reason"].isna(), ~found["flagged"])
    assert_array_equal(found["severity"].isna(), ~found["flagged"])
    assert_array_equal(found["events"], X.lengths)
    assert_array_equal(found["unknown_events"], [(X[i] == "e").sum() for i in range(len(X))])


@pytest.mark.parametrize("seed", range(4))
def test_tables_cut_anywhere_are_scored_as_one(detector, seed):
    rows = as_rows(FRESH)
    whole = together(Detection(detector).score([rows]))
    in_pieces = together(Detection(detector).score(cut(rows, seed)))
    for one, other in zip(whole, in_pieces, strict=True):
        assert_equal_tables(one, other)


def test_rows_one_by_one_are_scored_as_one_table(detector):
    rows = as_rows(make_log(4, 3, items="abcde", longest=6))
    whole = together(Detection(detector).score([rows]))
    one_by_one = together(Detection(detector).score(rows[i : i + 1] for i in range(rows.num_rows)))
    for one, other in zip(whole, one_by_one, strict=True):
        assert_equal_tables(one, other)


def test_users_with_integer_ids_are_cut_anywhere_too(detector):
    log = FRESH.assign(user_id=FRESH["user_id"].str[1:].astype(int))
    rows = as_rows(log)
    whole = together(Detection(detector).score([rows]))
    in_pieces = together(Detection(detector).score(cut(rows, 1)))
    for one, other in zip(whole, in_pieces, strict=True):
        assert_equal_tables(one, other)


def test_a_detection_can_be_used_again(detector):
    detection, rows = Detection(detector), as_rows(FRESH)
    first, second = (together(detection.score(cut(rows))) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert_equal_tables(one, other)


def test_no_rows_give_nothing(detector):
    assert list(Detection(detector).score([])) == []
    assert list(Detection(detector).score([as_rows(FRESH)[:0]])) == []


def test_events_keep_the_order_of_their_tables(detector):
    rows = as_rows(FRESH)
    for table, scored in zip(pieces := cut(rows, 2), Detection(detector).score(pieces), strict=False):
        for name in ("place", "user", "item", "time"):
            assert scored.events[name].to_pylist() == table[name].to_pylist()


def test_tables_have_the_columns_of_the_schemas(detector):
    kinds = {"user": "text", "item": "text", "time": "time", "field:amount": "number", "field:channel": "text"}
    events, sequences = together(Detection(detector).score([as_rows(FRESH)]))
    assert events.cast(event_schema(kinds)).num_rows == len(FRESH)
    assert sequences.cast(sequence_schema(kinds)).num_rows == 25


def odd(row, values):
    if row.odd_field == "event":
        return f" instead of {row.expected}"
    value = values[f"field:{row.odd_field}"]
    unit = " s" if row.odd_field == "gap" else ""
    return f": {row.odd_field} {f'{value:.4g}' if isinstance(value, float) else value}{unit}"


def test_what_was_odd_is_said_in_words(detector):
    rows = as_rows(FRESH).to_pandas()
    rows["field:gap"] = rows.groupby("user")["time"].diff().dt.total_seconds()
    events, sequences = together(Detection(detector).score([as_rows(FRESH)]))
    events, sequences = events.to_pandas(), sequences.to_pandas().set_index("user")
    for user, own in events.groupby("user"):
        oddest = own.sort_values("event_p_value", kind="stable").head(3)
        oddest = oddest[(oddest["event_p_value"] <= 0.05) | (np.arange(len(oddest)) == 0)]
        values = [rows[rows["place"] == row.place].iloc[0] for row in oddest.itertuples()]
        texts = [
            f"{row.item}{odd(row, value)} ({one_in(row.event_p_value)})"
            for row, value in zip(oddest.itertuples(), values, strict=True)
        ]
        assert sequences.loc[user, "top_events"] == "; ".join(texts)


def test_an_amount_far_out_is_the_oddest_field(detector):
    log = FRESH.copy()
    log.loc[4, "amount"] = 1e9
    events, _ = together(Detection(detector).score([as_rows(log)]))
    found = events.to_pandas().set_index("place")
    assert found.loc[4, "odd_field"] == "amount"
    assert found["event_p_value"].idxmin() == 4


def test_numeric_times_are_read_in_their_unit(detector):
    rows = as_rows(FRESH)
    seconds = pa.array(rows["time"].cast(pa.int64()).to_numpy() // 10**6)
    numeric = rows.set_column(rows.column_names.index("time"), "time", seconds)
    with_times, _ = together(Detection(detector).score([rows]))
    with_numbers, _ = together(Detection(detector, "s").score(cut(numeric)))
    assert with_numbers["surprisal"].equals(with_times["surprisal"])


# --- the oddest events


def test_oddest_events_that_come_piece_by_piece_are_those_at_once():
    rng = np.random.default_rng(0)
    p_values = rng.integers(1, 6, 40) / 5  # many ties
    names = np.array([f"e{i}" for i in range(40)], dtype=object)
    places = np.arange(100, 140)
    at_once = Oddest.start(2).update(p_values, np.array([0, 15, 40]), places, lambda events: names[events].tolist())
    found = Oddest.start(2)
    parts = [(np.r_[0:4, 15:20], [0, 4, 9]), (np.r_[4:5, 20:40], [0, 1, 21]), (np.r_[5:15], [0, 10, 10])]
    for events, indptr in parts:
        own = names[events]
        described = (places[events], lambda rows, own=own: own[rows].tolist())
        found = found.update(p_values[events], np.array(indptr), *described)
    assert_array_equal(found.p_value, at_once.p_value)
    assert_array_equal(found.text, at_once.text)
    assert_array_equal(found.place, at_once.place)
    expected = np.argsort(p_values[:15], kind="stable")[:3]
    assert found.text[0].tolist() == names[expected].tolist()
    assert found.place[0].tolist() == (100 + expected).tolist()


def test_a_short_sequence_names_as_many_events_as_it_has():
    places = np.array([7, 8])
    found = Oddest.start(1).update(
        np.array([1.0, 0.5]), np.array([0, 2]), places, lambda rows: [f"e{row}" for row in rows]
    )
    assert found.place.tolist() == [[8, 7, -1]]
    assert found.text.tolist() == [["e1", "e0", ""]]


# --- reading


def test_a_piece_is_read_in_the_codes_of_the_vocabulary(detector):
    vocabulary = detector.vocabulary_
    X = read_piece(as_rows(FRESH), vocabulary)
    expected = Sequences.from_frame(FRESH, columns=COLUMNS).recode(vocabulary)
    order = [X.keys.tolist().index(key) for key in expected.keys]
    own = X[order]
    assert_array_equal(own.codes, expected.codes)
    assert_array_equal(own.timestamps, expected.timestamps)
    assert_array_equal(own.columns["amount"], expected.columns["amount"])
    assert_array_equal(own.columns["channel"], expected.columns["channel"])


# --- recommendation


@pytest.fixture(scope="module")
def network():
    X = Sequences.from_frame(make_log(60, 0, items="abcdefgh"))
    return LSTMRecommender(max_length=6, max_epochs=2, **CHEAP).fit(X)


BASELINES = [MarkovRecommender(), SequentialRulesRecommender(window=3), PopularityRecommender()]


@pytest.fixture(params=[None, *BASELINES], ids=lambda estimator: type(estimator).__name__ if estimator else "LSTM")
def recommender(request, network):
    if request.param is None:
        return network
    return request.param.fit(Sequences.from_frame(make_log(60, 0, items="abcdefgh")))


def histories():
    """Histories of known and unknown items: far longer than what is kept, and cold ones."""
    log = make_log(12, 4, items="abcdefghxy")
    long = make_log(3, 5, items="abcxyz", longest=120).assign(user_id=lambda log: "long" + log["user_id"])
    rare = long[long["user_id"] == "longu001"].assign(user_id="rare")
    rare.iloc[len(rare) // 2 :, 1] = "z"  # nothing known for long
    cold = make_log(2, 6, items="xyz", longest=30).assign(user_id=lambda log: "cold" + log["user_id"])
    return pd.concat([log, long, rare, cold], ignore_index=True)


HISTORIES = histories()


def recommended(recommender, tables, **options):
    found = [table for table in Recommendation(recommender, **options).score(tables) if table.num_rows]
    return pa.concat_tables(found).to_pandas()


def expected_of(recommender, **options):
    X = Sequences.from_frame(HISTORIES)
    items, scores = recommender.recommend(X, **options)
    k = items.shape[1]
    table = pd.DataFrame(
        {
            "user": np.repeat(X.keys, k),
            "rank": np.tile(np.arange(1, k + 1), len(X)),
            "item": items.ravel(),
            "score": scores.ravel(),
            "cold": np.repeat(recommender.is_cold(X), k),
        }
    )
    return table[~np.isneginf(table["score"])].reset_index(drop=True)


def by_user(table):
    return table.sort_values(["user", "rank"], kind="stable", ignore_index=True)


OPTIONS = [{"k": 4}, {"k": 4, "exclude_seen": False}, {"k": 5, "candidates": ["b", "g", "h"]}, {"k": 50}]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_user_is_recommended_what_the_recommender_says(recommender, options):
    expected = by_user(expected_of(recommender, **options))
    rows = as_rows(HISTORIES, [])
    for tables in ([rows], cut(rows, 0, 8), [rows[i : i + 5] for i in range(0, rows.num_rows, 5)]):
        found = by_user(recommended(recommender, tables, **options))
        pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def test_cold_users_are_marked_and_get_what_is_popular(network):
    found = recommended(network, [as_rows(HISTORIES, [])], k=3)
    cold = found[found["cold"]]
    known = HISTORIES["item_id"].isin(list("abcdefgh")).groupby(HISTORIES["user_id"]).any()
    assert set(cold["user"]) == set(known.index[~known])
    popular = network.vocabulary_.items[np.argsort(-network.item_counts_, kind="stable")[:3]].tolist()
    assert cold["item"].tolist() == popular * (~known).sum()


def test_tables_without_rows_recommend_nothing(network):
    rows = as_rows(HISTORIES, [])
    assert list(Recommendation(network).score([])) == []
    assert sum(table.num_rows for table in Recommendation(network).score([rows[:0]])) == 0
    found = recommended(network, [rows[:0], rows, rows[:0]], k=2)
    pd.testing.assert_frame_equal(found, recommended(network, [rows], k=2))


def test_a_history_is_shortened_to_what_matters():
    items = ["a", "b", "x", "c", "b", "a", "d", "x", "y", "x"]
    rows = pa.table({"item": items, "place": range(10)})
    short = shortened(rows, 2, Vocabulary(["a", "b", "c", "d"]))
    assert short["place"].to_pylist() == [0, 1, 3, 5, 6, 8, 9]  # one of each, the last two known, the last two
    assert shortened(short, 2, Vocabulary(["a", "b", "c", "d"])).equals(short)
    assert shortened(rows, 5, Vocabulary(["a"])).equals(rows)


def test_a_recommender_says_how_many_events_it_looks_at(network):
    assert network.n_latest == network.max_length + 1
    assert [baseline.n_latest for baseline in BASELINES] == [1, 3, 1]


# --- late rows


class Memory:
    """Keeps users as a `StateStore` does, without files."""

    def __init__(self):
        self.kept = {}

    def take(self, users, hashes):
        known = np.array([i for i, user in enumerate(users) if user in self.kept], dtype=int)
        if not len(known):
            return known, None
        found = join([self.kept[users[i]] for i in known])
        oddest = found.oddest._replace(place=np.full((len(known), 3), -1))
        return known, Kept.before(found.users, hashes[known], found.state, oddest)

    def put(self, kept):
        for i, user in enumerate(kept.users):
            self.kept[user] = take(kept, [i])


def test_two_days_are_scored_as_one(detector):
    cut_at = FRESH["timestamp"].quantile(0.5)
    memory, days = Memory(), [FRESH[FRESH["timestamp"] <= cut_at], FRESH[FRESH["timestamp"] > cut_at]]
    scored = [together(Detection(detector, states=memory).score(cut(as_rows(day), 3))) for day in days]
    events, sequences = together(Detection(detector).score([as_rows(FRESH)]))
    parts = [events.to_pandas() for events, _ in scored]
    parts = [part.assign(place=day.index[part["place"]]) for part, day in zip(parts, days, strict=True)]
    both = pd.concat(parts).sort_values("place", ignore_index=True)
    pd.testing.assert_frame_equal(both, events.to_pandas().sort_values("place", ignore_index=True), check_exact=True)
    second = scored[1][1].to_pandas().set_index("user")
    whole = sequences.to_pandas().set_index("user").loc[second.index]
    own = [*PLACES]
    pd.testing.assert_frame_equal(second.drop(columns=own), whole.drop(columns=own), check_exact=True)
    assert (days[1].index[second["last_place"]] == whole["last_place"]).all()
    assert (days[1].index[second["first_place"]] >= whole["first_place"]).all()
    here = second["oddest_place"] >= 0
    assert (days[1].index[second["oddest_place"][here]] == whole["oddest_place"][here]).all()
    assert FRESH.loc[whole["oddest_place"][~here], "timestamp"].max() <= cut_at


def test_sequences_lead_to_their_first_last_and_oddest_event(detector):
    _, sequences = together(Detection(detector).score(cut(as_rows(FRESH), 1)))
    events = together(Detection(detector).score([as_rows(FRESH)]))[0].to_pandas().set_index("place")
    for row in sequences.to_pandas().itertuples():
        own = FRESH[FRESH["user_id"] == row.user].sort_values("timestamp", kind="stable")
        assert (row.first_place, row.last_place) == (own.index[0], own.index[-1])
        assert events.loc[row.oddest_place, "event_p_value"] == events.loc[own.index, "event_p_value"].min()


@pytest.mark.parametrize("n_pieces", [1, 4])
def test_rows_that_come_too_late_are_set_apart_and_change_nothing(detector, n_pieces):
    memory, states = Memory(), Memory()
    list(Detection(detector, states=memory).score([as_rows(FRESH)]))
    states.kept |= memory.kept
    later = FRESH.assign(timestamp=FRESH["timestamp"] + pd.Timedelta(days=9))
    first = FRESH.groupby("user_id").head(1)
    first = first[first["timestamp"] < first["user_id"].map(FRESH.groupby("user_id")["timestamp"].max())]
    mixed = pd.concat([later, first], ignore_index=True)
    scored = list(Detection(detector, states=memory).score(cut(as_rows(mixed), 0, n_pieces)))
    late = pa.concat_tables(part.late for part in scored if part.late is not None)
    assert sorted(late["place"].to_pylist()) == list(range(len(later), len(mixed)))
    on_time = together(Detection(detector, states=states).score([as_rows(later)]))
    for one, other in zip(together(scored), on_time, strict=True):
        pd.testing.assert_frame_equal(one.to_pandas(), other.to_pandas(), check_exact=True)


def test_users_whose_rows_all_come_too_late_are_not_scored_again(detector):
    memory = Memory()
    list(Detection(detector, states=memory).score([as_rows(FRESH)]))
    late = FRESH.assign(timestamp=FRESH["timestamp"] - pd.Timedelta(days=9))
    scored = list(Detection(detector, states=memory).score([as_rows(late)]))
    assert sum(part.late.num_rows for part in scored if part.late is not None) == len(FRESH)
    assert sum(part.events.num_rows for part in scored if part.events is not None) == 0
    assert sum(part.sequences.num_rows for part in scored if part.sequences is not None) == 0
    assert len(memory.kept) == 25
