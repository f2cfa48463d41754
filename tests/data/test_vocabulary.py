import pickle

import numpy as np
import pytest

from seqrec.data.vocabulary import N_RESERVED, PADDING, UNKNOWN, Vocabulary


@pytest.fixture
def vocabulary():
    return Vocabulary(["tea", "milk", "bread"])


def test_codes_start_after_the_reserved_ones(vocabulary):
    codes = vocabulary.encode(["tea", "bread"])

    assert codes.tolist() == [N_RESERVED, N_RESERVED + 2]
    assert codes.dtype == np.int32


def test_decode_reverses_encode(vocabulary):
    assert vocabulary.decode(vocabulary.encode(["milk", "tea"])).tolist() == ["milk", "tea"]


def test_unseen_items_are_unknown_and_decode_to_none(vocabulary):
    codes = vocabulary.encode(["milk", "wine"])

    assert codes.tolist() == [N_RESERVED + 1, UNKNOWN]
    assert vocabulary.decode([PADDING, *codes]).tolist() == [None, "milk", None]


def test_decoding_integers_keeps_their_dtype():
    assert Vocabulary([30, 10]).decode([3, 2]).dtype == np.int64


def test_large_integers_are_lossless():
    ids = [2**53, 2**53 + 1, 2**64 - 1]

    vocabulary = Vocabulary(ids)

    assert vocabulary.decode(vocabulary.encode(ids)).tolist() == ids
    with pytest.raises(ValueError, match="1 id that float64 cannot hold exactly"):
        vocabulary.encode(np.array([2.0**53]))


def test_text_is_kept_byte_exact():
    ids = ["a", "a\0", "a\n", "\0", "\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}"]

    vocabulary = Vocabulary(ids)

    assert vocabulary.encode(ids).tolist() == list(range(N_RESERVED, N_RESERVED + len(ids)))
    assert vocabulary.items.tolist() == ids


@pytest.mark.parametrize(("items", "values"), [(["1", "2"], [1, 2]), ([1, 2], ["1", "2"])])
def test_another_kind_of_id_is_an_error_and_not_unseen(items, values):
    with pytest.raises(TypeError, match=r"Convert one to the other's kind"):
        Vocabulary(items).encode(values)


def test_translation_gives_the_code_of_the_other_vocabulary(vocabulary):
    other = Vocabulary(["wine", "milk"])

    codes = vocabulary.translation(other)

    assert codes.tolist() == [PADDING, UNKNOWN, UNKNOWN, 3, UNKNOWN]
    assert codes.dtype == np.int32


def test_extend_appends_unseen_items_and_keeps_old_codes(vocabulary):
    longer = vocabulary.extend(["wine", "tea", "beer", "wine"])

    assert longer.items.tolist() == ["tea", "milk", "bread", "wine", "beer"]
    assert len(vocabulary) == 3


def test_extend_an_empty_vocabulary():
    assert Vocabulary([]).extend([3, 1]) == Vocabulary([3, 1])


def test_repeated_items_are_an_error():
    with pytest.raises(ValueError, match=r"1 repeated ids, such as 'tea'"):
        Vocabulary(["tea", "milk", "tea"])


def test_membership_equality_and_length(vocabulary):
    assert "tea" in vocabulary
    assert 1 not in vocabulary
    assert len(vocabulary) == 3
    assert vocabulary == Vocabulary(np.array(["tea", "milk", "bread"]))
    assert vocabulary != Vocabulary(["milk", "tea", "bread"])


def test_items_cannot_be_changed(vocabulary):
    with pytest.raises(ValueError, match="read-only"):
        vocabulary.items[0] = "wine"
    with pytest.raises(AttributeError):
        vocabulary.items = ["wine"]


def test_the_callers_array_is_neither_shared_nor_locked():
    items = np.array([1, 2])

    vocabulary = Vocabulary(items)
    items[0] = 9

    assert vocabulary.items.tolist() == [1, 2]


def test_repr_shows_the_first_items(vocabulary):
    assert repr(vocabulary) == "Vocabulary(3 items: 'tea', 'milk', 'bread')"
    assert repr(Vocabulary(range(1000))) == "Vocabulary(1,000 items: 0, 1, 2, ...)"


def test_a_pickled_vocabulary_is_the_same(vocabulary):
    again = pickle.loads(pickle.dumps(vocabulary))  # noqa: S301
    assert again == vocabulary
    assert again.encode(["bread", "coffee"]).tolist() == vocabulary.encode(["bread", "coffee"]).tolist()
    assert not again.items.flags.writeable
