"""How near a generator comes to a grammar whose entropy is known."""

import pytest

from seqrec import LSTMGenerator, NGramGenerator, Sequences
from seqrec.datasets import make_text

N_LEARNED = 8_000


@pytest.mark.slow
def test_an_lstm_comes_within_two_percent_of_the_entropy_of_a_grammar_and_ngrams_do_not():
    stories = make_text(N_LEARNED + 500, random_state=0)
    X = Sequences.from_texts(stories["text"])
    learned, held_out = X[:N_LEARNED], X[N_LEARNED:]
    truth = stories["log_likelihood"][N_LEARNED:].sum() / (held_out.n_events + len(held_out))
    generator = LSTMGenerator(
        units=96, dropout=0.0, learning_rate=0.01, batch_size=1_680, max_epochs=7, random_state=0, verbose=False
    )
    assert generator.fit(learned).score(held_out) > 1.02 * truth
    assert NGramGenerator(order=7).fit(learned).score(held_out) < 1.3 * truth
