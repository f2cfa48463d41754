import io
import os
import time

import hostile
import numpy as np
import pytest

from seqrec import __version__
from seqrec.exceptions import ModelFileError
from seqrec.storage import container
from seqrec.storage.container import opened, read, read_document, to_bytes

CONTENT = {"name": "tea", "n": 3}
TENSORS = {"counts": np.arange(3), "weights": np.linspace(0, 1, 5, dtype=np.float32), "none": np.zeros((0, 2))}


def table_of(content):
    assert content == CONTENT
    return {name: (str(array.dtype), array.shape) for name, array in TENSORS.items()}


def read_bytes(file, table_of=table_of):
    return read(io.BytesIO(file), table_of)


def test_what_is_written_is_read_again():
    file = to_bytes(CONTENT, TENSORS)
    document, tensors = read_bytes(file)
    assert document[:3] == (CONTENT, 1, __version__)
    assert document.digest.encode() in file
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], array, strict=True)


def test_the_same_content_gives_the_same_bytes_in_any_order():
    backwards = dict(reversed(TENSORS.items()))
    assert to_bytes(CONTENT, TENSORS) == to_bytes(dict(reversed(CONTENT.items())), backwards)


def test_arrays_that_are_not_contiguous_are_kept():
    table = {"a": np.arange(12).reshape(3, 4).T[::2]}
    _, tensors = read_bytes(to_bytes(CONTENT, table), lambda _: {"a": ("int64", (2, 3))})
    np.testing.assert_array_equal(tensors["a"], table["a"])


def test_the_document_is_read_alone_and_damage_to_the_rest_is_seen():
    file = to_bytes(CONTENT, TENSORS)
    assert read_document(io.BytesIO(file)).content == CONTENT
    with pytest.raises(ModelFileError, match="damaged"):
        read_document(io.BytesIO(file[:-1] + b"\x01"))


def test_content_that_looks_like_a_digest_does_no_harm():
    content = CONTENT | {"name": '"digest":"' + "0" * 64 + '"', '\\"digest\\":\\"': "0" * 64}
    document, _ = read_bytes(to_bytes(content, {}), lambda _: {})
    assert document.content == content


def test_content_that_json_lacks_cannot_be_written():
    with pytest.raises(ValueError, match="JSON compliant"):
        to_bytes({"loss": float("nan")}, {})


def test_a_header_that_would_be_too_long_cannot_be_written():
    with pytest.raises(ValueError, match="at most 1,048,576 bytes"):
        to_bytes({"text": "x" * 2**20}, {})


def test_nothing_is_compared_before_the_table_is_known():
    """The table comes from the document alone; a file with other arrays is refused before these are read."""

    class Counting(io.BytesIO):
        n_read = 0

        def read(self, size=-1):
            found = super().read(size)
            self.n_read += len(found)
            return found

    file = Counting(to_bytes(CONTENT, {"big": np.zeros(10**6)}))
    with pytest.raises(ModelFileError, match="does not belong there: 'big'"):
        read(file, table_of)
    assert file.n_read < 10_000


def test_a_file_of_a_newer_format_says_which_release_reads_it(monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(container, "FORMAT", 3)
        newer.setattr(container, "__version__", "7.1")
        file = to_bytes(CONTENT, TENSORS)
    with pytest.raises(ModelFileError, match=r"format 3, written by seqrec 7\.1.*Install seqrec 7\.1 or later"):
        read_bytes(file)


def test_a_file_of_an_older_format_is_migrated_step_by_step(monkeypatch):
    file = to_bytes(CONTENT, TENSORS)
    monkeypatch.setattr(container, "FORMAT", 3)
    steps = {1: lambda content: content | {"n": 10}, 2: lambda content: content | {"n": 2 * content["n"]}}
    monkeypatch.setattr(container, "MIGRATIONS", steps)
    document, _ = read_bytes(file, lambda content: table_of(CONTENT) if content["n"] == 20 else {})
    assert document.content["n"] == 20
    assert document.format == 1


def test_every_older_format_has_a_migration():
    assert sorted(container.MIGRATIONS) == list(range(1, container.FORMAT))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"PK\x03\x04" + bytes(100), "a zip archive, such as a .keras file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (b"\x80\x04\x95" + bytes(100), "a pickle"),
        (b"\x1f\x8b\x08" + bytes(100), "a gzip file"),
        (b"PAR1" + bytes(100), "a Parquet file"),
        (b'{"format": 1}', "JSON text"),
        (b"user_id,item_id\n1,2\n" * 20 + "é".encode() * 100, "text"),
        (b"\xff\xfe\0\0" * 100, "something else"),
    ],
)
def test_what_is_something_else_is_named(start, kind):
    with pytest.raises(ModelFileError, match=f"it is {kind}, not a model file"):
        read_bytes(start)


def test_an_empty_file_is_called_empty():
    with pytest.raises(ModelFileError, match="it is empty"):
        read_bytes(b"")


def test_a_folder_a_pipe_and_a_missing_file_are_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path, "it is a folder"), (tmp_path / "pipe", "a pipe"), (tmp_path / "no", "no such file")):
        with pytest.raises(ModelFileError, match=f"cannot read the model '{path}'.*{what}"), opened(path):
            pass


def test_every_changed_byte_is_seen():
    file = to_bytes(CONTENT, TENSORS)
    for position in range(len(file)):
        with pytest.raises(ModelFileError):
            read_bytes(
                file[:position] + bytes([file[position] ^ 1]) + file[position + 1 :], lambda _: table_of(CONTENT)
            )


def test_json_of_a_hundred_thousand_levels_is_refused_at_once():
    start = time.perf_counter()
    with pytest.raises(ModelFileError, match="nested too deeply"):
        read_bytes(hostile.with_raw_header(b'{"a":' * 100_000 + b"1" + b"}" * 100_000))
    assert time.perf_counter() - start < 2
