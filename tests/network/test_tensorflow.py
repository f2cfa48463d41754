"""What TensorFlow can do here is found out without trying."""

import ast
import os
import subprocess
import sys

import pytest
import tensorflow as tf
from small_networks import quickest

from seqrec.network import tensorflow
from seqrec.network.tensorflow import bfloat16_is_fast


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """A file with the flags of a processor that has bfloat16, on a machine without a GPU."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    for name in ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    flags = tmp_path / "cpuinfo"
    flags.write_text("flags : avx2 avx512f avx512_bf16")
    monkeypatch.setattr(tensorflow, "Path", lambda _: flags)
    return flags


def test_bfloat16_is_fast_where_the_processor_has_instructions_for_it(processor):
    assert bfloat16_is_fast.__wrapped__()
    processor.write_text("flags : avx2 avx512f")
    assert not bfloat16_is_fast.__wrapped__()
    processor.unlink()
    assert not bfloat16_is_fast.__wrapped__()


@pytest.mark.parametrize(("name", "value"), [("TF_ENABLE_ONEDNN_OPTS", "0"), ("ONEDNN_MAX_CPU_ISA", "AVX2")])
def test_bfloat16_is_not_fast_where_its_instructions_are_not_to_be_used(processor, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not bfloat16_is_fast.__wrapped__()


FORKED = """
import multiprocessing, sys
from seqrec import LSTMRecommender, load, save
from seqrec.exceptions import ForkError

histories, file = [["tea", "milk"]] * 30, sys.argv[1]

def ask(what):
    try:
        WORK[what]()
    except ForkError as error:
        return what, "refused" if "spawn" in str(error) else str(error)
    return what, "worked"

def in_children(names):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map_async(ask, names).get(timeout=60)

WORK = {"load": lambda: load(file).recommend([["tea"]])}
if len(sys.argv) > 2:  # the parent has only imported seqrec, so the children may work
    print(in_children(["load"]))
else:
    recommender = LSTMRecommender(units=4, max_epochs=1, verbose=False).fit(histories)
    save(recommender, file)
    stream = recommender.stream()
    WORK |= {
        "recommend": lambda: recommender.recommend([["tea"]]),
        "push": lambda: stream.push("u", "tea"),
        "fit": lambda: LSTMRecommender(units=4, max_epochs=1, verbose=False).fit(histories),
    }
    print(in_children(list(WORK)))
"""


@pytest.mark.slow  # TensorFlow starts in processes of their own
def test_a_child_that_was_forked_from_a_network_at_work_says_so_and_others_work(tmp_path):
    arguments = [sys.executable, "-c", FORKED, str(tmp_path / "m.seqrec")]
    for more, expected in (([], "refused"), (["imported only"], "worked")):
        run = subprocess.run([*arguments, *more], capture_output=True, text=True, timeout=300, check=True)
        assert {answer for _, answer in ast.literal_eval(run.stdout)} == {expected}


FIRST_USE = "from seqrec import {0} as Some; Some(units=4, max_epochs=1).fit([['tea', 'milk', 'tea']] * 30{1})"
FITS = {
    "LSTMRecommender": "",
    "LSTMAnomalyDetector": "",
    "LSTMSequenceClassifier": ", ['dear', 'cheap'] * 15",
}


@pytest.mark.parametrize("level", [None, pytest.param("3", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", quickest(*FITS, n=1))
def test_tensorflow_greets_nobody(name, level):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    code = FIRST_USE.format(name, FITS[name])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stderr == ""


@pytest.mark.slow
def test_who_wants_to_hear_tensorflow_does():
    code = "import seqrec.network.tensorflow"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "oneDNN" in ran.stderr
