import numpy as np
import pandas as pd
import pytest

from seqrec.datasets import make_fraud_log
from seqrec.datasets.bank import EVENTS, KINDS, REPEAT, TASKS

BEGINS = {begin.events[0]: amount for begin, amount, _ in TASKS.values()}


@pytest.fixture(scope="module")
def log():
    return make_fraud_log(2_000, 0.25, n_accounts=100, random_state=0)


@pytest.fixture(scope="module")
def events(log):
    """The log session by session, with the logarithm of each gap over what is usual for its event."""
    events = log.sort_values(["session_id", "timestamp"], kind="stable", ignore_index=True)
    sessions = events.groupby("session_id")
    gap = sessions["timestamp"].diff().dt.total_seconds()
    repeats = events["event"] == sessions["event"].shift()
    usual = events["event"].map(EVENTS) * np.where(repeats, REPEAT, 1)
    return events.assign(gap=gap, haste=-np.log(gap / usual))


@pytest.fixture(scope="module")
def kind(log):
    """Kind of each session, in the order of their ids."""
    return log.groupby("session_id")["kind"].first()


def auroc(score, kind, name):
    """Chance that a session of a kind has a higher score than a normal one; ties count one half."""
    planted, normal = score[kind == name].to_numpy()[:, None], score[kind == ""].to_numpy()
    return np.mean((planted > normal) + (planted == normal) / 2)


def test_log_has_the_asked_sizes(log):
    sessions = log.drop_duplicates("session_id")
    assert len(sessions) == 2_000
    assert sessions["account_id"].nunique() <= 100
    assert sessions["is_fraud"].sum() == 500
    assert sessions["kind"].value_counts().to_dict() == {"": 1_500} | dict.fromkeys(KINDS, 100)


def test_columns_have_the_documented_types(log):
    kinds = {name: column.dtype.kind for name, column in log.items() if column.dtype.kind != "O"}
    assert kinds == {"timestamp": "M", "amount": "f", "is_fraud": "b"}
    assert log.dtypes["timestamp"] == "datetime64[ms]"
    assert log.notna().all(axis=None)


def test_log_is_in_order_of_time_within_its_year(log):
    assert log["timestamp"].is_monotonic_increasing
    assert (log["timestamp"].dt.year == 2024).all()


def test_a_session_has_one_account_channel_and_kind_and_times_that_differ(log):
    sessions = log.groupby("session_id")
    for name in ["account_id", "channel", "kind", "is_fraud"]:
        assert (sessions[name].transform("first") == log[name]).all()
    assert not log.duplicated(["session_id", "timestamp"]).any()
    assert (sessions["event"].first() == "log in").all()


def test_same_seed_gives_the_same_log(log):
    pd.testing.assert_frame_equal(log, make_fraud_log(2_000, 0.25, n_accounts=100, random_state=0))
    assert not log.equals(make_fraud_log(2_000, 0.25, n_accounts=100, random_state=1))


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_fraud_log(50, random_state=0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_fraud_leaves_the_other_sessions_as_they_were(log):
    clean = make_fraud_log(2_000, 0, n_accounts=100, random_state=0)
    normal = log[~log["is_fraud"]]
    same = clean[clean["session_id"].isin(normal["session_id"])]
    assert not clean["is_fraud"].any()
    assert (clean["kind"] == "").all()
    pd.testing.assert_frame_equal(normal.reset_index(drop=True), same.reset_index(drop=True))


def test_only_payments_and_disputes_have_amounts(log):
    carries = log["event"].isin(["pay", "dispute payment"])
    assert (log.loc[carries, "amount"] > 0).all()
    assert (log.loc[~carries, "amount"] == 0).all()


def test_only_a_skipped_step_pays_a_new_payee_without_code(events, kind):
    event = events["event"]
    choice = event.isin(["choose payee", "add payee"]).cumsum()
    code = (event == "confirm code").groupby(choice).cumsum()
    payee = event.groupby(choice).transform("first")
    skipped = (event == "pay") & (payee == "add payee") & (code == 0)
    assert set(events.loc[skipped, "session_id"]) == set(kind.index[kind == "skipped step"])


def test_only_a_take_over_changes_settings_before_paying(events, kind):
    begun = (events["event"] == "open settings").groupby(events["session_id"]).cumsum() > 0
    late = begun & (events["event"] == "pay")
    assert set(events.loc[late, "session_id"]) == set(kind.index[kind == "take-over"])


def test_a_burst_is_a_rush_for_the_events_that_it_is_made_of(events, kind):
    rush = events.groupby("session_id")["haste"].rolling(6, min_periods=1).mean().groupby("session_id").max()
    assert auroc(rush, kind, "burst") > 0.97


def test_odd_amounts_are_odd_for_their_task_alone(events, kind):
    paid = events[events["event"] == "pay"]
    begun = events["event"].map(BEGINS).groupby(events["session_id"]).ffill()[paid.index]
    amount = np.log(paid["amount"])

    def farthest(center):
        return (amount - center).abs().groupby(paid["session_id"]).max()

    paying = kind[paid["session_id"].unique()]
    assert auroc(farthest(np.log(begun)), paying, "odd amount") > 0.97
    assert auroc(farthest(amount.median()), paying, "odd amount") < 0.65


def test_a_regular_bot_keeps_its_gaps_within_a_few_per_cent(events, kind):
    gap = events.groupby("session_id")["gap"]
    variation = gap.std() / gap.mean()
    assert 0.01 < variation[kind == "regular bot"].median() < 0.03
    assert auroc(-variation, kind, "regular bot") > 0.97


def test_fraud_has_ordinary_events_and_lengths(log, kind):
    known = set(log.loc[~log["is_fraud"], "event"])
    assert set(log["event"]) == known
    length = log.groupby("session_id").size()
    assert all(0.3 < auroc(length, kind, name) < 0.8 for name in KINDS)


def test_whether_a_code_follows_a_check_depends_on_a_payee_chosen_long_before(events):
    normal = events[events["kind"] == ""]
    payee = normal["event"].where(normal["event"].isin(["choose payee", "add payee"]))
    checked = normal["event"].shift() == "check payment"
    follows = pd.crosstab(payee.ffill()[checked], normal["event"][checked], normalize="index")
    assert follows.loc["add payee", "confirm code"] > 0.9  # else an interlude
    assert follows.loc["choose payee", "pay"] > 0.9
    assert follows.loc["add payee", "pay"] == follows.loc["choose payee", "confirm code"] == 0


@pytest.mark.parametrize(("n_sessions", "fraud_rate"), [(1, 0), (1, 1), (3, 1), (40, 1.0)])
def test_extreme_sizes_work(n_sessions, fraud_rate):
    log = make_fraud_log(n_sessions, fraud_rate, n_accounts=1, random_state=0)
    assert log["session_id"].nunique() == n_sessions
    assert (log["is_fraud"] == bool(fraud_rate)).all()


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"n_sessions": 0}, ValueError, "n_sessions must be at least 1"),
        ({"n_accounts": 2.5}, TypeError, "n_accounts must be an integer"),
        ({"fraud_rate": 2}, ValueError, "fraud_rate must be between 0 and 1, got 2"),
        ({"fraud_rate": float("nan")}, ValueError, "fraud_rate must be between 0 and 1, got nan"),
        ({"fraud_rate": "2 %"}, TypeError, "fraud_rate must be a number"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes, error, message):
    with pytest.raises(error, match=message):
        make_fraud_log(**sizes)
