"""How near a generator comes to a grammar whose entropy is known."""

import pytest

from seqrec import LSTMGenerator, NGramGenerator, Sequences
from seqrec.datasets import make_text

N_LEARNED = 8_000


@pytest.mark.slow
def test_an_lstm_comes_within_two_percent_of_the_entropy_of_a_grammar_and_ngrams_do_not():
    stories = make_text(N_LEARNED + 500, random_state=0)
    X = Sequences.from_texts(stories["text"], unit="word")  # as likely as their characters: a text is cut in one way
    learned, held_out = X[:N_LEARNED], X[N_LEARNED:]
    truth = stories["log_likelihood"][N_LEARNED:].sum() / (held_out.n_events + len(held_out))
    generator = LSTMGenerator(units=64, dropout=0.0, learning_rate=0.01, max_epochs=5, random_state=0, verbose=False)
    assert generator.fit(learned).score(held_out) > 1.02 * truth
    ngrams = [NGramGenerator(order=order).fit(learned).score(held_out) for order in (2, 3, 4, 7)]
    assert max(ngrams) < 1.2 * truth
