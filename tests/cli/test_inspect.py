"""``seqrec inspect``: what a model file holds."""

import subprocess
import sys

from command_line import assert_refused, run


def test_inspect_shows_a_model_without_tensorflow(home):
    text = run("inspect", home / "score.seqrec").stdout
    assert "LSTMAnomalyDetector" in text
    assert "user 'user_id'" in text
    arguments = ["inspect", str(home / "score.seqrec")]
    code = f"import sys; from seqrec.cli.app import app; app({arguments}, standalone_mode=False)"
    code += "; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_inspect_refuses_what_is_no_model(home, tmp_path):
    assert_refused(home, tmp_path, "inspect {home}/log.csv", "log.csv")
