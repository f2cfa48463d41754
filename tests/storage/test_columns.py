"""What a model file knows of a log."""

import re

import pytest

from seqrec.sound import LogMel
from seqrec.storage.columns import Columns, IdForm, LogForm, TimeForm
from seqrec.storage.container import Tensors
from seqrec.storage.schemas import Record

FORM = LogForm("csv", ("user", "item"), IdForm("C", "-x", 5, 900), TimeForm(), {"amount": 2})


def stored(columns):
    schema, tensors = Record(Columns), Tensors()
    plain = schema.pack(columns, "columns", tensors)
    schema.table(plain, "columns", {})
    return schema.unpack(plain, "columns", tensors)


@pytest.mark.parametrize("form", [FORM, FORM._replace(time=TimeForm("timestamp", "ms", zone="UTC")), None])
def test_the_form_of_a_log_is_kept_in_a_model_file(form):
    columns = Columns("user", "item", "time", ("amount",), form)
    assert stored(columns) == columns


def test_a_model_file_says_how_sounds_became_frames_and_refuses_what_cannot_be():
    columns = Columns("path", None, sound=LogMel(8_000, 0.025, 0.01, 26))
    assert stored(columns) == columns
    with pytest.raises(ValueError, match="rate must be"):
        stored(Columns("path", None, sound=LogMel(8)))


def test_ids_are_numbered_from_the_first_on():
    assert IdForm("C", "-x", 5, 900).ids([0, 99_100], seed=0).tolist() == ["C00900-x", "C100000-x"]
    assert IdForm(first=2**62, integer=True).ids([1], seed=0).tolist() == [2**62 + 1]
    assert IdForm().ids([0, 1], seed=0).tolist() == ["user-1", "user-2"]


def test_random_ids_have_their_pattern_and_depend_on_seed_and_number_alone():
    form = IdForm(pattern="xxxxxxxx-xxxx-xxxx-XXXX-999999999999")
    ids = form.ids(range(100), seed=0).tolist()
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){2}-[0-9A-F]{4}-\d{12}", one) for one in ids)
    assert form.ids([7], seed=0)[0] == ids[7] != form.ids([7], seed=1)[0]


@pytest.mark.parametrize("pattern", ["xyz", "x" * 5000])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        IdForm(pattern=pattern).check_sound()
