import os

# Set before anything imports TensorFlow: its greetings are no part of a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy or slow machine makes no test fail
settings.load_profile("any machine")


collect_ignore = ["typing/example.py"]  # for mypy alone: its mistakes are meant


@pytest.fixture(scope="session", autouse=True)
def loaded():
    """Keep every model that a job has loaded: to load it and trace it again would take longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqrec.jobs.job._MODELS", type("All", (dict,), {"clear": lambda _: None})())
        yield


def pytest_collection_modifyitems(items):
    """Examples of docstrings that train a network are slow.

    TensorFlow crashes on products of bfloat16 where oneDNN is kept from AVX-512 that the processor has.
    """
    for item in items:
        if isinstance(item, pytest.DoctestItem) and "LSTM" in item.dtest.docstring.partition(">>>")[2]:
            item.add_marker(pytest.mark.slow)
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").startswith(("SSE", "AVX2")):
        for item in items:
            if "bfloat16" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="ONEDNN_MAX_CPU_ISA is set"))
