"""``seqrec demo``: from nothing to recommendations and alerts."""

import pytest
from command_line import run

SMALL = {"N_USERS": 40, "N_ITEMS": 30, "N_EVENTS": 800, "N_SESSIONS": 600, "N_EPOCHS": 1}


@pytest.mark.slow
def test_demo_recommends_finds_fraud_and_says_why(monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(f"seqrec.cli.demo._{name}", value)
    text = run("demo").stdout
    assert "LSTM ahead by" in text
    assert "What came next" in text
    assert "A threshold without labels, for 1% false alarms" in text
    assert "Why: the oddest session of each kind" in text
    assert "Done in" in text
