"""Documentation that can be checked: it is there, names every parameter, and its examples run."""

import doctest
import inspect
import pkgutil
import re
from importlib import import_module

import pytest

import seqrec

MODULES = sorted(module.name.removeprefix("seqrec.") for module in pkgutil.walk_packages(seqrec.__path__, "seqrec."))
PUBLIC = [
    name
    for name in seqrec.__all__
    if inspect.isclass(getattr(seqrec, name)) or inspect.isfunction(getattr(seqrec, name))
]
PUBLIC_FUNCTIONS = {
    f"{module}.{name}": function
    for module in ("datasets", "metrics", "model_selection")
    for name, function in inspect.getmembers(import_module(f"seqrec.{module}"), inspect.isfunction)
}


def documented_parameters(docstring):
    """Names in the sections Parameters and Attributes; "a, b : int" are two."""
    sections = re.split(r"\n([A-Z][a-z]+)\n-+\n", inspect.cleandoc(docstring))
    described = "\n".join(
        body
        for title, body in zip(sections[1::2], sections[2::2], strict=True)
        if title in {"Parameters", "Attributes"}
    )
    lines = re.findall(r"^(\*{0,2}\w[\w, ]*?)(?: : .*)?$", described, re.MULTILINE)
    return {name.strip() for line in lines for name in line.split(",")}


def own_parameters(function):
    return [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_describes_each_of_its_parameters(name):
    thing = getattr(seqrec, name)
    assert thing.__doc__
    if not (inspect.isclass(thing) and issubclass(thing, Exception)):
        assert set(own_parameters(thing)) <= documented_parameters(thing.__doc__)


@pytest.mark.parametrize("name", PUBLIC_FUNCTIONS)
def test_public_function_has_a_docstring(name):
    assert PUBLIC_FUNCTIONS[name].__doc__


@pytest.mark.parametrize("name", [name for name in PUBLIC if inspect.isclass(getattr(seqrec, name))])
def test_every_public_method_has_a_docstring(name):
    public = getattr(seqrec, name)
    methods = inspect.getmembers(public, lambda member: inspect.isfunction(member) or isinstance(member, property))
    bare = [
        method
        for method, function in methods
        if not method.startswith("_") and "seqrec" in _module(function) and not inspect.getdoc(function)
    ]
    assert not bare


def _module(member):
    return getattr(member, "__module__", None) or member.fget.__module__


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module):
    result = doctest.testmod(import_module(f"seqrec.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
