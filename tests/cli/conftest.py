"""The log and the models that the tests of all commands use."""

import pytest
from command_line import ONE_FOLD, SMALL, make_log, run, write


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Give a folder with a log and a model of each task."""
    folder = tmp_path_factory.mktemp("home")
    log = write(make_log(), folder / "log.csv")
    run("fit", log, "-o", folder / "recommend.seqrec", "--task", "recommend", "--fields", "amount", *SMALL)
    detect = ["--task", "detect", "--fields", "amount", "--sides", "amount=high"]
    run("fit", log, "-o", folder / "score.seqrec", *detect, *ONE_FOLD)
    return folder
