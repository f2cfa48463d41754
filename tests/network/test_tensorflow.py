"""What TensorFlow can do here is found out without trying."""

import pytest
import tensorflow as tf

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
