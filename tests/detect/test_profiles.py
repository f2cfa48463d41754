"""Profiles against the formula, and what may and may not change a score."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from seqrec import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.detect.profiles import UserProfiles

TRAIN = [["ls", "cd", "ls"], ["vi", "ls"], ["cc", "cc", "cc", "vi"], ["cd", "mail"]]
USERS = ["ann", "ann", "bob", "cleo"]


def fitted(**parameters):
    return UserProfiles(**({"strength": 2.0} | parameters)).fit(TRAIN, USERS)


def weighted_counts(sequence, a):
    return {event: sequence.count(event) ** a for event in sequence}


def oracle(sequence, user, a=0.5, strength=2.0, half_life=4.0):
    """Sum of w log(p / q), from the formula, event by event."""
    own, others, n_kinds = {}, {}, len({event for events in TRAIN for event in events}) + 1
    for i, (events, owner) in enumerate(zip(TRAIN, USERS, strict=True)):
        later = sum(len(TRAIN[j]) for j in range(i + 1, len(TRAIN)) if USERS[j] == owner)
        for event, weight in weighted_counts(events, a).items():
            if owner == user:
                own[event] = own.get(event, 0) + weight * 0.5 ** (later / half_life)
            else:
                others[event] = others.get(event, 0) + weight
    total = 0.0
    for event, weight in weighted_counts(sequence, a).items():
        q = (others.get(event, 0) + 1 / n_kinds) / (sum(others.values()) + 1)
        p = (own.get(event, 0) + strength * q) / (sum(own.values()) + strength)
        total += weight * np.log(p / q)
    return total


def random_log(seed=0, n_sequences=40):
    rng = np.random.default_rng(seed)
    lists = [rng.integers(0, 12, size=rng.integers(1, 9)).tolist() for _ in range(n_sequences)]
    return Sequences.from_lists(lists), rng.integers(0, 4, size=n_sequences)


@pytest.mark.parametrize("user", ["ann", "bob", "cleo"])
@pytest.mark.parametrize("a", [0.5, 1.0])
def test_scores_follow_the_formula(user, a):
    asked = [["ls", "cc", "ls", "cd"], ["mail", "never seen"], ["cc"]]
    scores = fitted(half_life=4.0, repetition=a).score_samples(asked, [user] * 3)
    np.testing.assert_allclose(scores, [oracle(sequence, user, a) for sequence in asked])


def test_events_add_up_to_their_sequence():
    X, users = random_log()
    profiles = UserProfiles().fit(X, users)
    sums = [part.sum() for part in np.split(profiles.log_ratio(X, users), X.indptr[1:-1])]
    np.testing.assert_allclose(profiles.score_samples(X, users), sums)


def test_population_and_profile_are_distributions():
    profiles = fitted(repetition=1.0)
    every = [[event] for event in [*profiles.vocabulary_.items, "never seen"]]
    for user in USERS:
        X = Sequences.from_lists(every).recode(profiles.vocabulary_)
        q = profiles._population(np.repeat(profiles.users_.encode([user]), len(X)), X.codes)
        p = q * np.exp(profiles.log_ratio(X, [user] * len(X)))
        np.testing.assert_allclose([q.sum(), p.sum()], 1)


def test_a_user_without_profile_has_ratio_0():
    assert not fitted().log_ratio([["ls", "never seen"]], ["dan"]).any()


def test_update_changes_only_that_user():
    before, after = fitted(), fitted().update([["cd", "cd", "make"]], ["cleo"])
    asked = [["cd", "cd"], ["cd", "make"]]
    for user in ("ann", "bob", "dan"):
        np.testing.assert_allclose(before.score_samples(asked, [user] * 2), after.score_samples(asked, [user] * 2))
    assert (before.score_samples(asked, ["cleo"] * 2) < after.score_samples(asked, ["cleo"] * 2)).all()


def test_new_users_and_events_are_learnt():
    profiles = fitted().update([["make", "run"]], ["dan"])
    own, other = profiles.score_samples([["make"], ["make"]], ["dan", "ann"])
    assert own > 1
    assert other < 0


def test_updating_in_two_calls_is_updating_in_one():
    X, users = random_log()
    once = fitted_on(X, users, 0, 10).update(X[10:], users[10:])
    twice = fitted_on(X, users, 0, 10).update(X[10:25], users[10:25]).update(X[25:], users[25:])
    np.testing.assert_allclose(once.score_samples(X, users), twice.score_samples(X, users))


def fitted_on(X, users, start, stop):
    return UserProfiles(strength=2.0, half_life=7.0).fit(X[start:stop], users[start:stop])


def test_fitting_is_updating_from_nothing():
    X, users = random_log()
    profiles = fitted_on(X, users, 0, 20).update(X[20:], users[20:])
    whole = fitted_on(X, users, 0, 40)
    code = whole.vocabulary_.encode(profiles.vocabulary_.items)
    row = whole.users_.encode(profiles.users_.items)
    np.testing.assert_allclose(
        profiles.profiles_.toarray()[N_RESERVED:, N_RESERVED:], whole.profiles_.toarray()[row][:, code]
    )


def test_order_of_events_in_a_sequence_does_not_change_its_score():
    profiles = fitted()
    scores = profiles.score_samples([["ls", "cc", "ls"], ["cc", "ls", "ls"]], ["ann", "ann"])
    assert scores[0] == pytest.approx(scores[1])


def test_without_forgetting_the_order_of_sequences_does_not_count():
    X, users = random_log()
    back = np.arange(len(X))[::-1]
    forward = UserProfiles(half_life=None).fit(X, users)
    backward = UserProfiles(half_life=None).fit(X[back], users[back])
    np.testing.assert_allclose(forward.score_samples(X, users), backward.score_samples(X, users))


def test_later_sequences_do_not_change_earlier_scores():
    X, users = random_log()
    whole = fitted_on(X, users, 0, 10).score_and_update(X[10:], users[10:])
    first = fitted_on(X, users, 0, 10).score_and_update(X[10:20], users[10:20])
    np.testing.assert_allclose(whole[:10], first)


def test_carried_state_agrees_with_one_call():
    X, users = random_log()
    whole = fitted_on(X, users, 0, 10).score_and_update(X[10:], users[10:])
    profiles = fitted_on(X, users, 0, 10)
    parts = [profiles.score_and_update(X[row : row + 5], users[row : row + 5]) for row in range(10, 40, 5)]
    np.testing.assert_allclose(whole, np.concatenate(parts))


def test_company_in_the_batch_does_not_change_a_score():
    X, users = random_log()
    whole = fitted_on(X, users, 0, 10).score_and_update(X[10:], users[10:])
    for user in range(4):
        rows = 10 + np.flatnonzero(users[10:] == user)
        alone = fitted_on(X, users, 0, 10).score_and_update(X[rows], users[rows])
        np.testing.assert_allclose(whole[rows - 10], alone)


def test_odds_follow_bayes_rule():
    profiles = fitted(contamination=0.1, persistence=0.7, temperature=3.0)
    ratio = profiles.score_samples([["cc", "mail"]], ["ann"])[0] / 3
    own = 0.9 * 0.9 + 0.1 * 0.3  # after a start at the prior, one step of the chain
    odds = own / (1 - own) * np.exp(ratio)
    np.testing.assert_allclose(profiles.score_and_update([["cc", "mail"]], ["ann"]), np.log(odds))


def test_what_seems_foreign_is_not_learnt():
    profiles = fitted(contamination=0.4, temperature=0.1)
    odds = profiles.score_and_update([["ls", "ls"], ["cd", "mail"]], ["ann", "bob"])
    np.testing.assert_array_equal(odds > 0, [True, False])
    changed = (profiles.profiles_ != fitted().profiles_).toarray().any(axis=1)
    np.testing.assert_array_equal(changed[profiles.users_.encode(["ann", "bob", "cleo"])], [True, False, False])


def test_extreme_scores_stay_finite():
    profiles = fitted(temperature=1e-3)
    odds = profiles.score_and_update([["cc"] * 500, ["ls"] * 500] * 3, ["ann"] * 6)
    assert np.isfinite(odds).all()


def test_empty_sequences_score_0_and_teach_nothing():
    profiles = fitted()
    np.testing.assert_array_equal(profiles.score_samples([[], ["ls"], []], ["ann", "dan", "bob"]), [0, 0, 0])
    assert profiles.score_and_update(Sequences.from_lists([]), []).shape == (0,)
    assert (profiles.update([[]], ["ann"]).profiles_ != fitted().profiles_).nnz == 0


def test_one_user_alone_is_compared_with_a_uniform_population():
    profiles = UserProfiles(strength=1.0, repetition=1.0, half_life=None).fit([["a", "a", "b"]], ["only"])
    expected = np.log((2 + 1 / 3) / (3 + 1) * 3)
    np.testing.assert_allclose(profiles.score_samples([["a"]], ["only"]), expected)


def test_clone_keeps_parameters():
    assert clone(fitted(repetition=0.7)).get_params() == fitted(repetition=0.7).get_params()


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="one id for each of the 4 sequences"):
        UserProfiles().fit(TRAIN, USERS[:3])
    with pytest.raises(ValueError, match="'repetition' parameter"):
        UserProfiles(repetition=0).fit(TRAIN, USERS)
    with pytest.raises(NotFittedError):
        UserProfiles().score_samples(TRAIN, USERS)
