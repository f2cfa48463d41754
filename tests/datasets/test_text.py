import re
from functools import cache

import numpy as np
import pandas as pd
import pytest

from seqrec import NGramGenerator, Sequences
from seqrec.datasets import make_text
from seqrec.datasets.text import TOPICS, grammar


@pytest.fixture(scope="module")
def texts():
    return make_text(2_000, random_state=0)


def inside(text):
    """Probability of a text by the rules alone, summed over all ways to derive it."""
    rules = grammar()

    @cache
    def ends(piece, start):
        """Where what a piece becomes may end, with the probability of each."""
        if piece not in rules:
            return {start + len(piece): 1.0} if text.startswith(piece, start) else {}
        found = {}
        for chance, choice in zip(*rules[piece], strict=True):
            places = {start: chance}
            for each in choice:
                after = [(stop, p * q) for place, p in places.items() for stop, q in ends(each, place).items()]
                places = {stop: sum(p for other, p in after if other == stop) for stop, _ in after}
            for stop, p in places.items():
                found[stop] = found.get(stop, 0) + p
        return found

    return ends("<text>", 0).get(len(text), 0.0)


def expected():
    """Entropy of a text in nats, and its mean length, from the expected number of each name in it."""
    rules = grammar()
    names = {name: row for row, name in enumerate(rules)}
    becomes, entropy, length = np.zeros((len(names), len(names))), np.zeros(len(names)), np.zeros(len(names))
    for name, row in names.items():
        for chance, choice in zip(*rules[name], strict=True):
            entropy[row] -= chance * np.log(chance)
            for piece in choice:
                if piece in names:
                    becomes[row, names[piece]] += chance
                else:
                    length[row] += chance * len(piece)
    counts = np.linalg.solve(np.eye(len(names)) - becomes.T, np.eye(len(names))[names["<text>"]])
    return counts @ entropy, counts @ length


def test_the_likelihood_of_a_text_is_that_of_all_its_derivations(texts):
    for text, log_likelihood in texts[:40].itertuples(index=False):
        assert np.log(inside(text.lower())) == pytest.approx(log_likelihood)


def test_what_the_grammar_cannot_say_has_no_likelihood():
    right = 'the cow [the hens sing] says: "the dogs of this pig sleep."'
    assert inside(right) > 0
    for wrong in (right.replace("says", "say"), right.replace("sleep", "sleeps"), right.replace("]", ")")):
        assert inside(wrong) == 0
    assert inside(right.replace("pig", "king")) == inside(right[:-1]) == 0


def test_the_entropy_is_the_one_that_is_documented():
    entropy, length = expected()
    assert f"H is {entropy:.2f} nats" in make_text.__doc__
    assert f"{length + 1:.2f} events on average" in make_text.__doc__
    assert f"**{entropy / (length + 1):.4f} nats an event**" in make_text.__doc__


def test_means_of_what_is_drawn_are_near_those_of_the_grammar(texts):
    for values, mean in zip((-texts["log_likelihood"], texts["text"].str.len()), expected(), strict=True):
        assert values.mean() == pytest.approx(mean, abs=4 * values.std() / np.sqrt(len(values)))


def test_counting_a_few_characters_does_not_come_near(texts):
    X = Sequences.from_texts(texts["text"])
    truth = texts["log_likelihood"][1_500:].sum() / (X[1_500:].n_events + 500)
    assert NGramGenerator(order=7).fit(X[:1_500]).score(X[1_500:]) < 1.3 * truth


def test_texts_read_as_sentences_about_one_topic(texts):
    assert texts["text"].str.fullmatch(r'[A-Z].*\."?').all()
    nouns = {topic: "|".join(word for (word,) in grammar()[f"<noun {topic}>"].choices) for topic in TOPICS}
    topics = [[topic for topic in TOPICS if re.search(rf"\b({nouns[topic]})s?\b", text)] for text in texts["text"]]
    assert {len(found) for found in topics} == {1}
    assert not texts["text"].str.contains(r'[.:] "?[a-z]').any()


def test_chances_of_each_rule_sum_to_one():
    assert {round(sum(rule.chances), 12) for rule in grammar().values()} == {1}


def test_same_seed_gives_the_same_texts_and_more_of_them_the_same_first(texts):
    pd.testing.assert_frame_equal(make_text(50, random_state=0), texts[:50])
    assert not make_text(50, random_state=1).equals(texts[:50])


def test_a_number_of_texts_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="n_texts must be at least 1"):
        make_text(0)
