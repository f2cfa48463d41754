"""What TensorFlow can do here is found out without trying."""

import ast
import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from small_networks import CELLS, PLAIN, WITH_FIELDS, random_network

from seqrec.network import tensorflow
from seqrec.network.model import SequenceModel
from seqrec.network.tensorflow import bfloat16_is_fast
from seqrec.network.training import TrainingStep


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


PRELOADED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from golden.make import make_log, read_log
from seqrec import load
from seqrec.exceptions import ForkError

def model(name):
    return load(f"{sys.argv[1]}/golden/{name}.seqrec")

detector, recommender, classifier = map(model, ("LSTMAnomalyDetector", "LSTMRecommender", "LSTMSequenceClassifier"))
X = read_log(make_log(4, seed=2), fields=True)
for ask in (detector.score_samples, detector.explain, recommender.recommend, classifier.predict_proba):
    child = os.fork()
    if not child:
        try:
            ask(X)
        except ForkError:
            os._exit(7)
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow  # TensorFlow starts in a process of its own
def test_workers_of_a_server_that_loaded_a_model_before_it_forked_say_so():
    arguments = [sys.executable, "-W", "ignore", "-c", PRELOADED, str(Path(__file__).parents[1])]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.split() == ["7"] * 4


FIRST_USE = "from seqrec import {0} as Some; Some(units=4, max_epochs=1).fit([['tea', 'milk', 'tea']] * 30{1})"
FITS = {
    "LSTMRecommender": "",
    "LSTMAnomalyDetector": "",
    "LSTMSequenceClassifier": ", ['dear', 'cheap'] * 15",
}


@pytest.mark.slow
@pytest.mark.parametrize("level", [None, "3"])
@pytest.mark.parametrize("name", FITS)
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
    assert ran.stderr


def test_a_graph_with_a_gradient_of_its_own_is_let_go_with_what_used_it():
    network = random_network()
    step = TrainingStep(network)
    graph = weakref.ref(step._run.get_concrete_function().graph)
    assert graph() is not None
    del step, network
    gc.collect()
    assert graph() is None


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_built_twice_has_the_same_names_twice(cell):
    architecture = WITH_FIELDS._replace(cell=cell, dropout=0.5, fields_dropped=0.1, n_classes=2)
    first, second = ([weight.path for weight in SequenceModel(architecture).variables] for _ in range(2))
    assert first == second


def test_names_of_the_users_own_layers_are_counted_on():
    keras.layers.Dense(1)
    before = keras.layers.Dense(1).name
    SequenceModel(PLAIN)
    assert keras.layers.Dense(1).name == f"dense_{int(before.removeprefix('dense_')) + 1}"


MANY = """
import gc, os, sys
from seqrec import LSTMRecommender, load, save

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

def fit():
    return LSTMRecommender(units=8, max_epochs=1, random_state=0).fit([["tea", "milk", "tea"]] * 30)

save(fit(), sys.argv[1])
work = {"fit": fit, "load": lambda: load(sys.argv[1]).recommend([["tea"]], k=1)}[sys.argv[2]]
for _ in range(4):
    work()
before = resident()
for _ in range(16):
    work()
    gc.collect()
print(resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux' files")
@pytest.mark.parametrize("what", ["fit", "load"])
def test_memory_stays_as_it_is_after_many_fits_and_loads(what, tmp_path):
    """A fit that was kept would take some 10 MiB, a load half of one."""
    command = [sys.executable, "-c", MANY, str(tmp_path / "model.seqrec"), what]
    grown = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < 4
