"""Texts become sequences, and are the same texts again."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec import NGramGenerator, Sequences, load, save

NASTY = "ab '’_-.\n\r\t\0\x85\u2028\u00a0\u0301\u200d\u200c\ufe0f\ud83d\ude00é中ा4👩🏽❤\U000e0067\U0010ffff"
TEXTS = st.lists(st.text(st.sampled_from(NASTY)) | st.text(st.characters(codec=None)), max_size=5)
UNITS = pytest.mark.parametrize("unit", ["character", "word"])


def words(text):
    return Sequences.from_texts([text], unit="word")[0].tolist()


@UNITS
@given(texts=TEXTS)
def test_every_text_comes_back_as_it_was(unit, texts):
    X = Sequences.from_texts(texts, unit=unit)
    assert X.to_texts() == texts
    assert all(type(item) is str for item in X.vocabulary.items)


@UNITS
@given(texts=TEXTS)
def test_a_text_is_cut_as_if_it_stood_alone(unit, texts):
    together = Sequences.from_texts(texts, unit=unit)
    alone = [Sequences.from_texts([text], unit=unit)[0].tolist() for text in texts]
    assert [items.tolist() for items in together] == alone


@given(texts=TEXTS)
def test_characters_are_code_points(texts):
    assert [items.tolist() for items in Sequences.from_texts(texts)] == [list(text) for text in texts]


@given(st.text(st.sampled_from(NASTY)))
def test_no_word_begins_with_a_mark_or_joiner_but_after_white_space(text):
    before = "\n"
    for word in words(text):
        assert before[-1].isspace() or word[0] not in "\u0301\u200d\u200c\ufe0fा🏽\U000e0067"
        assert before[-1].isspace() or word[0].isspace() or before[-1] != "\u200d"
        before = word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("To be, or not", ["To", " be", ",", " or", " not"]),
        ("  two spaces  \n\n", [" ", " two", " spaces", " ", " ", "\n", "\n"]),
        ("don't 'tis dogs' o’er", ["don't", " '", "tis", " dogs", "'", " o’er"]),
        ("(1984) snake_case", ["(", "1984", ")", " snake_case"]),
        ("wait...", ["wait", ".", ".", "."]),
        ("\r\n\tx", ["\r", "\n", "\t", "x"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("हिन्दी भाषा", ["हिन्दी", " भाषा"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("👨\u200d👩\u200d👧👍🏽❤️love", ["👨\u200d👩\u200d👧", "👍🏽", "❤️", "love"]),
        ("x" * 1030, ["x" * 1024, "x" * 6]),
    ],
)
def test_words_are_cut_where_a_reader_would(text, expected):
    assert words(text) == expected


def test_what_a_generator_draws_is_text_again(tmp_path):
    X = Sequences.from_texts(["tea and milk\n", "milk \ud800 and tea"], keys=["a", "b"])
    path = tmp_path / "model.seqrec"
    save(NGramGenerator(order=3).fit(X), path)
    drawn = load(path).sample(3, prefix=X.head(4)[:1], random_state=0).to_texts()
    assert [text[:4] for text in drawn] == ["tea "] * 3


def test_the_units_of_a_book_are_found():
    book = "And the king said: it's not so.\n" * 30_000
    assert Sequences.from_texts([book]).n_events == len(book)
    assert Sequences.from_texts([book], unit="word").n_events == 10 * 30_000


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("abc", r"texts must be a list of str, got 'abc' \(str\)\. For one text alone, wrap it: \['abc'\]\."),
        (b"abc", "texts must be a list of str, got b'abc'"),
        (3, r"texts must be a list of str, got 3 \(int\)"),
        ({"a": "text"}, r"got {'a': 'text'} \(dict\)"),
        (pd.DataFrame({"text": ["a"]}), "DataFrame"),
        (["a", None], r"got None \(NoneType\) at position 1"),
        ([["a"]], r"got \['a'\] \(list\) at position 0"),
        (pd.Series(["a", np.nan], dtype=object), r"got nan \(float\) at position 1"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, message):
    with pytest.raises(TypeError, match=message):
        Sequences.from_texts(texts)


def test_a_unit_that_is_none_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'word'"):
        Sequences.from_texts(["a"], unit="words")


@UNITS
def test_no_texts_are_no_sequences_and_empty_ones_are_empty(unit):
    assert len(Sequences.from_texts([], unit=unit)) == 0
    assert Sequences.from_texts(["", ""], unit=unit).lengths.tolist() == [0, 0]


def test_keys_and_series_of_texts_are_taken():
    X = Sequences.from_texts(pd.Series(["tea", "milk"]), keys=["anna", "ben"])
    assert X.at("ben").to_texts() == ["milk"]


def test_half_a_surrogate_pair_is_kept_in_a_frame():
    frame = Sequences.from_texts(["a\ud83d"], keys=["\ude00"]).to_frame()
    assert frame.to_numpy().tolist() == [["\ude00", "a"], ["\ude00", "\ud83d"]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (Sequences.from_lists([[1, 2]]), "they are numbers, such as 1"),
        (Sequences.from_arrays(np.zeros((1, 2, 3))), "these events have none"),
        (Sequences.from_texts(["abc"]).recode(Sequences.from_texts(["ab"]).vocabulary), "1 of 3 events are of items"),
    ],
)
def test_items_that_are_no_text_make_none(X, message):
    with pytest.raises(ValueError, match=message):
        X.to_texts()
