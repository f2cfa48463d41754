"""Keras layers of seqrec's own, to build networks with."""

from importlib import import_module

_MODULE_OF = {"PeepholeConvLSTM2D": "network.convolution"}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(import_module(f"seqrec.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'seqrec.layers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
