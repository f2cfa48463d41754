"""One process at a time works in a folder, on a plan that stays the same."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seqrec.exceptions import JobError, LockedError
from seqrec.jobs.folder import Job, locked

HOLDER = """
import sys, time
from pathlib import Path
from seqrec.jobs.folder import locked
with locked(Path(sys.argv[1]), Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def hold(folder):
    """Start a process that holds the lock of a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_refuses_another_process_at_once_and_ends_with_it(tmp_path):
    holder = hold(tmp_path / "work")
    try:
        with (
            pytest.raises(LockedError, match="another process is at work in out"),
            locked(tmp_path / "work", Path("out")),
        ):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with locked(tmp_path / "work", Path("out")):
        pass


def test_a_lock_refuses_a_second_holder_in_the_same_process(tmp_path):
    with locked(tmp_path, tmp_path):
        with pytest.raises(LockedError, match="Wait for it, or stop it"), locked(tmp_path, tmp_path):
            pass
        with pytest.raises(LockedError), locked(tmp_path, tmp_path):  # the one that was refused took nothing away
            pass
    with locked(tmp_path, tmp_path):
        pass


def test_a_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path, tmp_path):
        raise KeyError
    with locked(tmp_path, tmp_path):
        pass


def test_a_job_that_is_open_is_locked(tmp_path):
    first, second = (Job(tmp_path / "out").opened({"task": "score"}) for _ in range(2))
    with first, pytest.raises(LockedError, match="out"), second:
        pass


def test_what_a_killed_attempt_left_half_written_goes(tmp_path):
    job, half = Job(tmp_path / "out"), ".events.csv.0123.unfinished"
    with job.opened({"task": "score"}):
        (tmp_path / "out" / half).touch()
        (job.folder("scored") / half).touch()
    with job.opened({"task": "score"}):
        assert not list((tmp_path / "out").rglob("*.unfinished"))


def test_an_unfinished_job_goes_on_with_the_same_plan(tmp_path):
    plan = {"task": "score", "shard": (0, 1), "log": [["a.csv", 3]], "threshold": None}
    with pytest.raises(KeyError), Job(tmp_path).opened(plan):
        raise KeyError
    with Job(tmp_path).opened(plan):
        assert Job(tmp_path).read("plan")["shard"] == [0, 1]


def test_another_plan_is_refused_and_only_what_differs_is_named(tmp_path):
    plan = {"task": "score", "model": "abc", "shard": (0, 1)}
    with Job(tmp_path).opened(plan):
        pass
    with (
        pytest.raises(JobError, match=r"differs in: model, state\. "),
        Job(tmp_path).opened(plan | {"model": "d", "state": "s"}),
    ):
        pass
    with Job(tmp_path).opened(plan):
        pass


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sea")
    with pytest.raises(JobError, match=r"holds other files, such as 'holiday.jpg'"), Job(tmp_path).opened({}):
        pass
    assert (tmp_path / "holiday.jpg").read_bytes() == b"sea"
    assert Job(tmp_path).read("plan") is None


def test_results_of_the_same_plan_are_no_other_files(tmp_path):
    with Job(tmp_path).opened({"task": "score"}):
        (tmp_path / "report.json").write_text("{}")
    with Job(tmp_path).opened({"task": "score"}):
        pass


def test_records_survive_the_job(tmp_path):
    with Job(tmp_path).opened({}):
        Job(tmp_path).write("census", {"rows": [3, 4], "low": None, "offset": float("-inf")})
        assert Job(tmp_path).read("other") is None
    assert Job(tmp_path).read("census") == {"rows": [3, 4], "low": None, "offset": float("-inf")}


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path):
    with Job(tmp_path).opened({}):
        Job(tmp_path).write("step", 1)
        with pytest.raises(TypeError):
            Job(tmp_path).write("step", object())
        assert Job(tmp_path).read("step") == 1


def test_a_plan_that_is_forgotten_leaves_room_for_another(tmp_path):
    job = Job(tmp_path)
    with job.opened({"fpr": 2}):
        job.write("census", {"rows": [3]})
        job.folder("staged")
        job.forget()
    with job.opened({"fpr": 0.1}):
        assert job.read("census") is None
        assert not (job.work / "staged").exists()


def test_folders_are_there_until_they_are_cleared(tmp_path):
    with Job(tmp_path).opened({}):
        job = Job(tmp_path)
        for _ in range(2):
            (job.folder("staged") / "file").write_text("rows")
        job.clear("staged", "never made")
        assert not (job.work / "staged").exists()
        assert job.read("plan") == {}
