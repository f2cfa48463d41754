"""Recordings as sequences."""

import numpy as np
import pandas as pd
import pytest
from sound_files import tone, wav

from seqrec import Sequences


def test_recordings_are_sequences_of_frames():
    X = Sequences.from_audio([tone(), tone(880, 0.5)], rate=8_000, n_mels=12, keys=["a", "b"])
    assert (X.keys.tolist(), X.lengths.tolist(), X.has_items) == (["a", "b"], [28, 48], False)
    assert X.columns["log_mel"].shape == (76, 12)
    assert X.columns["log_mel"].dtype == np.float32


def test_bad_recordings_are_an_error_that_names_them_or_left_out_with_a_warning():
    sounds = [tone(), np.zeros(400), tone(880), []]
    with pytest.raises(ValueError, match=r"2 of 4 recordings cannot be used. sounds\[1\]: it is silent.*'sounds\[3\]'"):
        Sequences.from_audio(sounds, rate=8_000)
    with pytest.warns(UserWarning, match=r"2 of 4 recordings .* They are left out"):
        X = Sequences.from_audio(sounds, rate=8_000, keys=list("abcd"), errors="skip")
    assert X.keys.tolist() == ["a", "c"]
    y = pd.Series({"a": 1, "b": 2, "c": 3, "d": 4})
    assert y[X.keys].tolist() == [1, 3]


def test_where_no_recording_can_be_used_there_are_no_sequences():
    with pytest.warns(UserWarning, match="1 of 1 recordings"):
        X = Sequences.from_audio([[]], rate=8_000, errors="skip", n_mels=5)
    assert (len(X), X.columns["log_mel"].shape) == (0, (0, 5))


def test_files_have_their_paths_for_keys(tmp_path):
    pytest.importorskip("soundfile")
    (tmp_path / "a").mkdir()
    for name in ("b", "a/c"):
        (tmp_path / f"{name}.wav").write_bytes(wav(tone()))
    assert Sequences.from_audio(tmp_path, rate=8_000).keys.tolist() == ["a/c.wav", "b.wav"]
    assert Sequences.from_audio(str(tmp_path / "b.wav"), rate=8_000).keys.tolist() == [str(tmp_path / "b.wav")]
    with pytest.warns(UserWarning, match=r"2 of 2 recordings have fewer than 16,000 .* above 4,000 Hz .* rate=8000"):
        Sequences.from_audio(tmp_path, rate=16_000)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"rate": 0}, "rate must be"),
        ({"errors": "ignore"}, "errors must be one of 'raise', 'skip'"),
        ({"keys": [1, 2]}, "one id for each of the 1 sequences"),
        ({"step": 0}, "step must be"),
    ],
)
def test_parameters_are_checked_before_work_starts(arguments, text):
    with pytest.raises(ValueError, match=text):
        Sequences.from_audio([tone()], **{"rate": 8_000} | arguments)
