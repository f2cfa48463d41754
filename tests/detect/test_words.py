"""What is said of a score claims no more than is known, and names only what is odd."""

import numpy as np
import pytest

from seqrec.detect.calibration import Calibration
from seqrec.detect.words import COMBINATION, NOTHING, ODD, Reasons, in_words, one_in, severity, value_in_words

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("events max", "one event is very unlikely"),
        ("amount max", "amount: one value is very unlikely"),
        ("short", "it is short"),
        ("a b drift", "a b: values lean one way"),
        ("x\x1b constant", "x\\x1b: values hardly change"),
    ],
)
def test_parts_of_the_score_are_said_in_words(part, words):
    assert in_words(part) == words


@pytest.mark.parametrize("n", [30, 300, 5_000])
def test_odds_never_claim_more_than_was_seen(n):
    for p_value in np.exp(-RNG.uniform(0, 700, 200)):
        words = one_in(p_value, n)
        told = 1 if words == "usual" else float(words.rpartition(" ")[2].replace(",", ""))
        assert told <= 1.05 * n
        assert words.startswith("rarer") == (p_value * n < 1)


def test_odds_are_rounded_to_two_digits():
    assert [one_in(p) for p in (1, 0.5, 1 / 81.4, 1 / 1234, 1 / 98_765)] == [
        "usual",
        "1 in 2",
        "1 in 81",
        "1 in 1,200",
        "1 in 99,000",
    ]


def test_severity_rises_as_p_values_fall():
    assert [severity(p) for p in (0.3, 0.01, 1e-3, 1e-4, 1e-300)] == ["low", "medium", "high", "critical", "critical"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(1234.56, "1235"), (2.0, "2"), ("a\nb", "a\\nb"), (True, "True"), (None, "missing"), (float("nan"), "missing")],
)
def test_values_are_short_and_safe(value, words):
    assert value_in_words(value) == words


def reasons_of(*p_values, score=0.001, n_held_out=300):
    p_values = np.atleast_2d(p_values)
    parts = ["events max", "long", "short", "composition"][: p_values.shape[1]]
    return Reasons(np.log(np.full(len(p_values), score)), parts, np.log(p_values), n_held_out)


def test_only_parts_that_are_odd_are_reasons_the_oddest_first():
    found = reasons_of(0.04, 0.9, 0.001, 0.06)
    assert found.sentences() == [["it is short (rarer than 1 in 300)", "one event is very unlikely (1 in 25)"]]
    assert (found.fired.tolist(), found.part_p_value.tolist()) == (["short"], [pytest.approx(0.001)])


def test_where_no_part_is_odd_alone_it_is_their_combination_or_nothing():
    found = reasons_of(0.06, 0.07, 0.08)
    assert found.fired.tolist() == [COMBINATION]
    assert found.sentences() == [["no part of it is odd alone, their combination is"]]
    usual = reasons_of(0.06, 0.07, 0.08, score=0.2)
    assert (usual.fired.tolist(), usual.sentences()) == ([NOTHING], [["nothing stands out"]])


def test_of_a_field_the_oddest_part_is_the_reason():
    parts = ["events max", "amount max", "amount drift", "gap max", "long"]
    found = Reasons(np.log([0.001]), parts, np.log([[0.04, 0.03, 0.02, 0.01, 0.005]]), 300)
    assert found.sentences() == [
        ["it is long (1 in 200)", "gap: one value is very unlikely (1 in 100)", "amount: values lean one way (1 in 50)"]
    ]


def test_a_score_of_one_part_has_no_combination():
    found = Reasons(np.log([0.04, 0.2]), ["composition"], np.log([[0.06], [0.19]]), 300)
    assert found.fired.tolist() == ["composition", NOTHING]
    assert found.sentences() == [["an unusual mix of events"], ["nothing stands out"]]


def test_no_sequences_have_no_reasons():
    found = reasons_of(0.5, 0.5).of(np.zeros(0, np.intp))
    assert (found.fired.tolist(), found.sentences()) == ([], [])


def test_no_part_above_the_limit_is_ever_a_reason():
    calibration = Calibration.fit({name: RNG.normal(size=200) for name in ("long", "short", "composition")})
    parts = {name: RNG.normal(0, 1.5, size=400) for name in calibration.tails}
    found = calibration.reasons(parts)
    p_values = np.exp(calibration.log_p_values(parts))
    for row, odd, fired in zip(p_values, found.sentences(), found.fired, strict=True):
        assert [name in " ".join(odd) for name in ("long", "short", "mix")] == [p <= ODD for p in row]
        assert fired in (COMBINATION, NOTHING) if (row > ODD).all() else row.min() <= ODD


def test_a_part_that_scores_alone_is_the_only_reason():
    calibration = Calibration.fit({name: RNG.normal(size=200) for name in ("long", "short")})
    found = calibration.reasons({"long": np.array([0.0, 9.0]), "short": np.array([9.0, 0.0])}, "long")
    assert found.fired.tolist() == [NOTHING, "long"]
