"""Files of sound in place of a log."""

import pandas as pd
import pytest

from seqrec.exceptions import BadRowsError
from seqrec.logs.sounds import are_sounds, by_file, keep_bad, list_files
from seqrec.sound import Fault


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/1.wav", "a/b/2.flac", "a/notes.txt", "3.ogg"):
        (tmp_path / name).touch()
    return tmp_path


def test_folders_and_the_endings_of_files_tell_sounds_from_logs(folder):
    assert are_sounds([str(folder), "x.WAV", "y/*.flac"])
    assert not are_sounds(["log.csv"])
    with pytest.raises(ValueError, match=r"log\.csv is no sound, and x\.wav is"):
        are_sounds(["x.wav", "log.csv"])


def test_files_are_listed_once_in_folders_by_name_and_by_pattern(folder):
    names = [str(folder / name) for name in ("a/1.wav", "a/b/2.flac", "3.ogg")]
    found = list_files([f"{folder}/a", f"{folder}/a/1.wav", f"{folder}/*.ogg"])
    assert [str(path) for path in found] == names
    with pytest.raises(ValueError, match="no such file"):
        list_files([f"{folder}/*.mp3"])


def test_paths_of_a_table_begin_at_one_of_the_folders(folder):
    files = list_files([str(folder)])
    labels = pd.Series({"1.wav": "x", "a/b/2.flac": "y", str(folder / "3.ogg"): "z", "gone.wav": "x"})
    told, others = by_file(labels, files, [folder, folder / "a"])
    names = [f"{folder}/{name}" for name in ("a/1.wav", "a/b/2.flac", "3.ogg")]
    assert told.to_dict() == dict(zip(names, "xyz", strict=True))
    assert others == ["gone.wav"]


def test_too_many_bad_sounds_are_an_error_that_says_where_they_are_listed(tmp_path):
    faults = [Fault(0, "a.wav", "silent", "it is silent.")]
    with pytest.raises(BadRowsError, match=r"1 of 9 recordings cannot be used \(1 silent\).*listed in .*bad.csv"):
        keep_bad(faults, 9, tmp_path / "bad.csv", 0.1)
    assert pd.read_csv(tmp_path / "bad.csv")["file"].tolist() == ["a.wav"]
    assert keep_bad(faults, 10, tmp_path / "bad.csv", 0.1).num_rows == 1
    assert keep_bad([], 0, tmp_path / "none.csv", 0).num_rows == 0
    assert not (tmp_path / "none.csv").exists()
