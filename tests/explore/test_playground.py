import json

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from traitlets import TraitError

pytest.importorskip("anywidget")

from seqrec import NGramGenerator, Sequences, music
from seqrec.explore.playground import GeneratorPlayground

FLOWS = [["log in", "pay", "log out"], ["log in", "log out"], ["open", "log in", "pay", "log out"]] * 10
HOSTILE = "<img src=x onerror=window.__hostile=1>"


@pytest.fixture(scope="module")
def flows():
    return NGramGenerator(order=3).fit(FLOWS)


@pytest.fixture(scope="module")
def writer():
    return NGramGenerator(order=4).fit(Sequences.from_texts(["to be or not to be,\nthat is the question. "] * 5))


@pytest.fixture
def playground(flows):
    return GeneratorPlayground(flows, FLOWS)


def numbers(packed, dtype="<f4"):
    return np.frombuffer(packed, dtype)


def run(playground):
    playground._receive({"do": "run", "version": playground._version})
    return playground._runs["runs"]


def test_the_distribution_is_the_generators_and_what_is_drawn_follows_the_settings(playground, flows):
    playground.sequence = -1
    playground.begin(["log in"])
    playground.temperature, playground.top_k = 0.5, 2
    shown = playground.distribution
    expected = np.sort(flows.next_probabilities([["log in"]])[0])[::-1]
    np.testing.assert_allclose(shown["probability"], expected)
    squares = expected[:2] ** 2
    np.testing.assert_allclose(shown["drawn"][:2], squares / squares.sum())
    assert (shown["drawn"][2:] == 0).all()
    assert shown["item"].tolist()[:2] == ["pay", "log out"]


def test_the_end_is_among_what_could_come_and_is_not_drawn_where_a_length_is_asked(playground):
    end = playground.distribution.set_index("title").loc["(end)"]
    assert end["item"] is None
    assert end["drawn"] == end["probability"] > 0.9
    playground.length = 5
    assert playground.distribution.set_index("title").loc["(end)", "drawn"] == 0
    assert playground.distribution["drawn"].sum() == pytest.approx(1)


def test_continuations_are_those_of_the_generator(playground, flows):
    playground.begin(["log in"])
    playground.n, playground.length, playground.seed, playground.top_p = 4, 6, 7, 0.9
    expected = flows.sample(4, prefix=["log in"], length=6, top_p=0.9, random_state=7)
    assert [one.tolist() for one in playground.continuations] == [one.tolist() for one in expected]
    surprisal = flows.surprisal(expected).reshape(4, 7)[:, 1:]  # without that of the beginning
    np.testing.assert_allclose(playground.events["surprisal"], surprisal.ravel())


def test_the_same_seed_gives_the_same_and_another_another(playground):
    playground.length = 20
    first = [one.tolist() for one in playground.continuations]
    playground.another()
    assert [one.tolist() for one in playground.continuations] != first
    playground.seed = 0
    assert [one.tolist() for one in playground.continuations] == first


def test_a_continuation_becomes_the_beginning_whole_or_in_part(playground):
    playground.begin(["open"])
    whole = playground.continuations[0].tolist()
    playground.keep(0)
    assert playground.history == whole
    playground.undo()
    playground.keep(0, position=1)
    assert playground.history == whole[:2]
    assert playground._shown["notes"].decode().split("\n") == ["1 · added", "2 · added"]


def test_a_beginning_is_picked_cut_and_edited(playground):
    playground.sequence = 2
    playground.cut(1)
    assert playground.history == ["open", "log in"]
    playground._receive({"do": "add", "item": playground._vocabulary.items.tolist().index("pay"), "position": None})
    assert playground.history == ["open", "log in", "pay"]
    playground.reset()
    assert playground.history == FLOWS[2]


def test_a_text_is_typed_shown_and_given_back(writer):
    playground = GeneratorPlayground(writer)
    assert (playground.medium.name, playground.medium.unit) == ("text", "character")
    playground._receive({"do": "type", "text": "to be,\n"})
    assert playground._shown["text"] == "to be,\n"
    pieces = playground._medium["pieces"]
    assert "".join(pieces[column] for column in numbers(playground._shown["events"], "<i4")) == "to be,\n"
    (first, *_) = run(playground)
    drawn = "".join(pieces[column] for column in numbers(first["codes"], "<i4"))
    assert first["lead"] + drawn == playground.continuations.to_texts()[0]
    assert "␣ space" in playground.distribution["title"].tolist()


def test_words_are_text_as_well():
    words = Sequences.from_texts(["To be, or not to be."] * 3, unit="word")
    playground = GeneratorPlayground(NGramGenerator(order=2).fit(words))
    assert playground.medium.unit == "word"
    playground.begin("To be,")
    assert playground.history == ["To", " be", ","]


@pytest.mark.parametrize(
    ("text", "said"),
    [("to ß", "'ß' is none of the 16 kinds"), ("t" * 10_001, "at most 10,000 events, got 10,001")],
    ids=["unknown", "long"],
)
def test_what_cannot_be_begun_with_is_said_and_changes_nothing(writer, text, said):
    playground = GeneratorPlayground(writer)
    playground.begin("to")
    playground._receive({"do": "type", "text": text})
    field, problem = playground._problem
    assert field == "beginning"
    assert said in problem
    assert playground.history == ["t", "o"]
    playground._receive({"do": "type", "text": "be"})
    assert playground._problem == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", 0, "temperature must be above 0"),
        ("top_k", 2.5, "top_k must be an integer"),
        ("top_p", 1.5, "top_p must be above 0 and at most 1"),
        ("length", 10_001, "length must be at most 10,000"),
        ("n", 7, "n must be at most 6"),
        ("seed", -1, "seed must be at least 0"),
    ],
)
def test_a_setting_that_will_not_do_is_said_beside_its_field(playground, name, value, said):
    before = getattr(playground, name)
    with pytest.raises(TraitError, match=said):
        setattr(playground, name, value)
    playground._receive({"do": "set", "name": name, "value": value})
    assert playground._problem[0] == name
    assert said in playground._problem[1]
    assert getattr(playground, name) == before
    playground._receive({"do": "set", "name": name, "value": before})
    assert playground._problem == []


def test_an_order_of_the_page_that_is_late_or_means_nothing_is_passed_over(playground):
    late = playground._version
    playground.seed = 3
    for content in ({"do": "run", "version": late}, {"do": "keep", "continuation": 0, "position": 99, "version": late}):
        playground._receive(content)
    for content in ({"do": "set", "name": "generator", "value": 3}, {"do": "type"}, "run"):
        playground._receive(content)
    assert playground._runs == {}
    assert playground.history == FLOWS[0]


def test_events_that_training_lacked_are_shown_and_nothing_is_drawn_after_them(flows):
    playground = GeneratorPlayground(flows, [["log in", "fly"]])
    assert "not in the catalogue" in playground._shown["notes"].decode()
    assert run(playground) == []
    assert "'fly'" in playground._runs["problem"]


def test_a_generator_that_emits_nothing_says_so():
    silent = NGramGenerator(order=2).fit([["a", "b"], *[[]] * 500])
    playground = GeneratorPlayground(silent, show="log")
    playground.top_k = 1
    assert [one["count"] for one in run(playground)] == ["0 events, then the end."] * 3
    assert len(playground.events) == 0


def test_rows_of_a_log_have_their_numbers_and_titles(flows):
    playground = GeneratorPlayground(flows, items={"log in": "Log in"})
    playground.begin(["open"])
    playground.top_k = 1
    (first, *_) = run(playground)
    assert first["notes"].decode().split("\n") == ["2", "3", "4"]
    assert playground.events["title"].tolist()[:3] == ["Log in", "pay", "log out"]


def test_music_has_the_notes_frames_and_tones_of_its_events():
    tune = music.from_pianorolls([[[60, 64], [60], [], [67]]] * 3)
    playground = GeneratorPlayground(NGramGenerator(order=4).fit(tune), tune)
    assert playground.medium.name == "music"
    whole = playground._shown["whole"]
    assert numbers(whole["pitches"], "<i4").tolist() == [64, 60, -1, 60, -1, -1, 67, -1]
    assert numbers(whole["frames"], "<i4").tolist() == [0, 0, 0, 1, 1, 2, 3, 3]
    assert numbers(whole["held"], "<i4").reshape(-1, 3).tolist() == [[0, 2, 60], [0, 1, 64], [3, 4, 67]]
    playground.sequence = -1
    playground.top_k = 1
    assert numbers(run(playground)[0]["held"], "<i4").reshape(-1, 3).tolist() == [[0, 2, 60], [0, 1, 64], [3, 4, 67]]


def test_the_form_can_be_chosen(flows):
    assert GeneratorPlayground(flows, show="text").medium.name == "text"
    with pytest.raises(ValueError, match="which is no note"):
        GeneratorPlayground(flows, show="music")
    with pytest.raises(TypeError, match="show='text' needs items that are text"):
        GeneratorPlayground(NGramGenerator().fit([[1, 2]] * 3), show="text")
    with pytest.raises(ValueError, match="show must be one of"):
        GeneratorPlayground(flows, show="film")


def test_what_is_no_fitted_generator_is_refused(flows):
    with pytest.raises(TypeError, match="shows a fitted generator of seqrec, got str"):
        GeneratorPlayground("markov")
    with pytest.raises(NotFittedError):
        GeneratorPlayground(NGramGenerator())
    with pytest.raises(TypeError, match="numbers"):
        GeneratorPlayground(flows, [[1, 2]])


def test_text_of_strangers_is_sent_as_text_that_json_can_carry():
    strange = Sequences.from_texts(["a\ud800\u202eb\x00" + HOSTILE] * 3)
    playground = GeneratorPlayground(NGramGenerator(order=2).fit(strange), strange)
    json.dumps([playground._shown["text"], playground._medium], ensure_ascii=False).encode()
    assert {r"\ud800", r"\u202e", r"\x00"} <= set(playground._medium["pieces"])
    assert "<img" not in playground._fallback()


def test_long_sequences_and_many_kinds_are_borne():
    rng = np.random.default_rng(0)
    playground = GeneratorPlayground(NGramGenerator(order=2).fit([rng.integers(0, 5_000, 12_000)]), show="log")
    assert playground.length == 200
    playground.begin(rng.permutation(playground._vocabulary.items)[:4_000].tolist())
    assert len(numbers(playground._next["drawn"])) == len(playground._vocabulary) + 1
    assert len(numbers(run(playground)[0]["surprisal"])) == 200
