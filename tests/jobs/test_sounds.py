"""A job that tells the classes of sounds: stopped, it goes on, and every file is accounted for."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sound_files import tone, wav

from seqrec.exceptions import BadRowsError, JobError
from seqrec.jobs.recount import recount
from seqrec.jobs.sounds import SoundJob
from seqrec.sound import LogMel, find_sounds

pytest.importorskip("soundfile")
FORM = LogMel(8_000, n_mels=4)


def predict_proba(X):
    """Tell long recordings from short ones."""
    chance = np.clip(X.lengths / 40, 0, 1)
    return np.stack([chance, 1 - chance], axis=1)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Give a function that makes a job on seven sounds, one of them damaged, two to a part."""
    model = SimpleNamespace(classes_=np.array(["long", "short"], dtype=object), predict_proba=predict_proba)
    monkeypatch.setattr("seqrec.jobs.sounds.fitted", lambda *_: model)
    monkeypatch.setattr("seqrec.jobs.sounds._PART", 2)
    (tmp_path / "sounds").mkdir()
    for number in range(7):
        (tmp_path / "sounds" / f"{number}.wav").write_bytes(
            wav(tone(seconds=0.05 + 0.1 * number)) if number - 2 else b"-"
        )
    files = find_sounds(tmp_path / "sounds")

    def make(output="out", max_bad=0.5):
        return SoundJob(tmp_path / "m.seqrec", "digest", files, FORM, tmp_path / output, "parquet", max_bad)

    return make


def results(job):
    return pd.concat([pd.read_parquet(path) for path in sorted(job.output.glob("classes-*"))], ignore_index=True)


def quiet(*_):
    """Say nothing."""


def test_every_sound_is_told_or_quarantined(job):
    report = job().run(quiet)
    assert (report["rows"], report["scored"], report["quarantined"]) == (7, 6, 1)
    assert report["classes"] == {"long": 4, "short": 2}
    told = results(job())
    assert list(told) == ["path", "class", "chance", "events", "chance_long", "chance_short"]
    assert told["class"].tolist() == ["short"] * 2 + ["long"] * 4
    assert recount(job().output, quiet)[0] == []
    assert job().run(quiet) == report


def test_a_job_that_was_stopped_goes_on_to_the_same_results(job, monkeypatch):
    whole = job("whole").run(quiet)
    part, calls = SoundJob._part, []

    def stop(self, number):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(number)
        part(self, number)

    monkeypatch.setattr(SoundJob, "_part", stop)
    with pytest.raises(KeyboardInterrupt):
        job().run(quiet)
    calls.clear()
    monkeypatch.setattr(SoundJob, "_part", lambda self, number: (calls.append(number), part(self, number)))
    report = job().run(quiet)
    assert calls == [2, 3]
    assert report["classes"] == whole["classes"]
    pd.testing.assert_frame_equal(results(job()), results(job("whole")))
    assert json.loads((job().output / "report.json").read_text()) == report


def test_too_many_bad_sounds_leave_the_list_alone_and_the_folder_free(job):
    with pytest.raises(BadRowsError, match="1 of 7 recordings"):
        job(max_bad=0.1).run(quiet)
    assert [path.name for path in job().output.iterdir() if path.name != ".seqrec"] == ["quarantine.parquet"]
    assert job().run(quiet)["scored"] == 6
    with pytest.raises(JobError, match="differs in: max_bad"):
        job(max_bad=0.9).run(quiet)
