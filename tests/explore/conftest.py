from pathlib import Path

import pytest

import seqrec


@pytest.fixture(scope="session")
def detector():
    """A stored detector: to load it and trace it again would take longer than most tests."""
    return seqrec.load(Path(__file__).parents[1] / "golden" / "LSTMAnomalyDetector.seqrec")
