"""Files of sound are read, and those that cannot be are told by what is wrong with them."""

import sys

import numpy as np
import pytest
from sound_files import tone, wav

from seqrec.exceptions import MissingExtraError, SoundError
from seqrec.sound import LogMel, find_sounds, read_recordings
from seqrec.sound.files import read_sound

FORM = LogMel(8_000)


@pytest.fixture
def soundfile():
    return pytest.importorskip("soundfile")


@pytest.fixture
def folder(tmp_path, soundfile):
    """Give a folder with one tone in several forms."""
    samples = tone()
    (tmp_path / "tone.wav").write_bytes(wav(samples))
    (tmp_path / "stereo.WAV").write_bytes(wav(np.stack([samples, samples], axis=1)))
    for suffix in ("flac", "ogg", "mp3"):
        soundfile.write(tmp_path / f"tone.{suffix}", samples, 8_000)
    (tmp_path / "words.txt").write_text("tea")
    return tmp_path


def test_files_of_all_kinds_are_read(folder):
    ours = FORM.frames(tone())
    for path in find_sounds(folder):
        (frames,) = read_recordings([path], FORM).frames
        loud = ours[: len(frames)] > 2
        exact = path.suffix.lower() in (".wav", ".flac")
        assert np.abs(frames[: len(ours)] - ours[: len(frames)])[loud].max() < (0.01 if exact else 2), path


def test_a_folder_stands_for_the_sounds_in_it_and_below(folder, tmp_path):
    (folder / "more").mkdir()
    (folder / "more" / "a.wav").write_bytes(wav(tone()))
    names = [str(path.relative_to(folder)) for path in find_sounds(folder)]
    assert names == ["more/a.wav", "stereo.WAV", "tone.flac", "tone.mp3", "tone.ogg", "tone.wav"]
    with pytest.raises(ValueError, match=r"holds no file that ends in \.wav, "):
        find_sounds(tmp_path / "more" / "none")


def test_another_rate_is_brought_to_that_of_the_form(tmp_path, soundfile):
    for rate in (8_000, 11_025, 44_100):
        (tmp_path / f"{rate:05d}.wav").write_bytes(wav(tone(600, rate=rate), rate))
    read = read_recordings(find_sounds(tmp_path), FORM)
    assert [len(frames) for frames in read.frames] == [28, 28, 28]
    assert read.lower == {}
    higher = read_recordings(find_sounds(tmp_path), LogMel(16_000)).lower
    assert list(higher.values()) == [8_000, 11_025]


def test_damaged_files_are_told(tmp_path, soundfile):
    whole = wav(tone())
    soundfile.write(tmp_path / "whole.flac", tone(), 8_000)
    flac = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "whole.flac").unlink()
    contents = {
        "empty_file": b"",
        "damaged": b"RIFF, and no sound",
        "cut_off": whole[: len(whole) // 2],
        "damaged, too": flac[: len(flac) // 2],
        "silent": wav(np.zeros(800)),
        "no_samples": wav(np.zeros(0)),
        "too_short": wav(tone()[:150]),
        "strange_rate": wav(tone(), 20),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    paths = [tmp_path / f"{name}.wav" for name in contents]
    read = read_recordings([*paths, tmp_path / "gone.wav", tmp_path], FORM)
    codes = [name.partition(",")[0] for name in contents]
    assert [fault.code for fault in read.faults] == [*codes, "unreadable", "unreadable"]
    assert read.faults[0].name == str(paths[0])
    assert "No such file" in read.faults[-2].reason


def test_a_wav_file_that_was_streamed_is_not_cut_off(tmp_path, soundfile):
    content = bytearray(wav(tone()))
    content[40:44] = content[4:8] = b"\xff\xff\xff\xff"  # sizes that the program could not know
    (tmp_path / "streamed.wav").write_bytes(content)
    assert len(read_sound(tmp_path / "streamed.wav", 60)[0]) == len(tone())


def test_a_file_that_lasts_too_long_is_refused_before_it_is_read(tmp_path, soundfile):
    (tmp_path / "long.wav").write_bytes(wav(tone(seconds=2)))
    with pytest.raises(SoundError, match="lasts longer than 1 seconds"):
        read_sound(tmp_path / "long.wav", 1)


def test_files_need_soundfile_and_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (tmp_path / "tone.wav").write_bytes(wav(tone()))
    with pytest.raises(MissingExtraError, match=r'pip install "seqrec\[audio\]"'):
        read_recordings([tmp_path / "tone.wav"], FORM)
    assert len(read_recordings([tone()], FORM).frames) == 1
