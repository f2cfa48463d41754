"""Texts of options, as people write them."""

import pytest
import typer

from seqrec.cli import options


@pytest.mark.parametrize(
    ("text", "size"), [("2GiB", 2**31), ("1500M", 1500 * 2**20), (" 4g ", 2**32), ("1.5GB", 3 * 2**29)]
)
def test_an_amount_of_memory_is_read_in_bytes(text, size):
    assert options.memory(text) == size


def test_a_shard_is_counted_from_one_by_people_and_from_zero_by_machines():
    assert options.shard("1/4") == (0, 4)
    assert options.shard("4/4") == (3, 4)
    for text in ("0/4", "5/4", "1", "a/b", "-1/4"):
        with pytest.raises(typer.BadParameter, match="1/4"):
            options.shard(text)


def test_spans_of_time_are_read_in_seconds():
    assert options.spans(["30d,12h", "15min"]) == {"30d": 2_592_000, "12h": 43_200, "15min": 900}
    for text in ("30", "0d", "-1d", "1.5h", "9999999w", "d"):
        with pytest.raises(typer.BadParameter, match="no span of time"):
            options.spans([text])


def test_numbers_of_events_are_read_once_each():
    assert options.counts(["1,5", "1"], "--events") == [1, 5]
    for text in ("0", "-1", "1.5", "many"):
        with pytest.raises(typer.BadParameter, match="--events"):
            options.counts([text], "--events")


def test_names_are_parted_by_commas_or_by_options():
    assert options.names(["amount, channel", "kind"]) == ["amount", "channel", "kind"]


def test_a_parameter_is_json_or_else_text():
    texts = ["units=64", "part=auto", "dropout=0.1", "precision=null", 'sides={"a": "high"}', "part of=a=b"]
    assert options.settings(texts) == {
        "units": 64,
        "part": "auto",
        "dropout": 0.1,
        "precision": None,
        "sides": {"a": "high"},
        "part of": "a=b",
    }


def test_fields_may_say_what_their_values_are():
    texts = ["amount:number, code:text", "channel", "a:b", ":text"]
    assert options.kinds(texts) == {"amount": "number", "code": "text", "channel": None, "a:b": None, ":text": None}


@pytest.mark.parametrize("text", ["256M", "900MiB", "0.5G"])
def test_less_memory_than_a_job_takes_is_refused_with_what_it_takes(text):
    with pytest.raises(typer.BadParameter, match=r"768MiB.*1GiB"):
        options.memory(text)


@pytest.mark.parametrize("text", ["tab", "\\t", "\t"])
def test_a_tab_can_be_written_as_a_word(text):
    assert options.Reading(delimiter=text).dialect().delimiter == "\t"


def test_shares_are_numbers_between_0_and_1_in_rising_order():
    assert options.shares([".9, 0.1", ".5"], "--alpha") == (0.1, 0.5, 0.9)


@pytest.mark.parametrize("text", ["0", "1", "1.5", "-.1", ".0", "1e-1", "q"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(typer.BadParameter, match=r"is no number between 0 and 1\. Write it"):
        options.shares([text], "--alpha")
