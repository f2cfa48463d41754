"""Documentation that can be checked: it is there, and names every parameter. `--doctest-modules` runs the examples."""

import inspect
import pkgutil
import re
from importlib import import_module

import seqrec

MODULES = [import_module(module.name) for module in pkgutil.walk_packages(seqrec.__path__, "seqrec.")]
PUBLIC = {name: getattr(seqrec, name) for name in seqrec.__all__}
PUBLIC |= {
    f"{module}.{name}": function
    for module in ("datasets", "metrics", "model_selection", "music")
    for name, function in inspect.getmembers(import_module(f"seqrec.{module}"), inspect.isfunction)
}
CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing)}


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


def is_ours(member):
    module = getattr(member, "__module__", None) or member.fget.__module__
    return module.startswith("seqrec.")


def test_every_module_opens_with_a_sentence_on_its_idea():
    assert [module.__name__ for module in MODULES if not (module.__doc__ or "").split("\n")[0].endswith(".")] == []


def test_every_public_name_has_a_docstring():
    assert [name for name, thing in (CLASSES | FUNCTIONS).items() if not thing.__doc__] == []


def test_every_parameter_of_a_public_name_is_described():
    of_users = {name: thing for name, thing in (CLASSES | FUNCTIONS).items() if name in seqrec.__all__}
    errors = {name for name, thing in CLASSES.items() if issubclass(thing, Exception)}
    assert {
        name: missing
        for name, thing in of_users.items()
        if name not in errors and (missing := set(own_parameters(thing)) - documented_parameters(thing.__doc__))
    } == {}


def test_every_public_method_has_a_docstring():
    assert [
        f"{name}.{method}"
        for name, public in CLASSES.items()
        for method, member in inspect.getmembers(public)
        if (inspect.isfunction(member) or isinstance(member, property))
        and not method.startswith("_")
        and is_ours(member)
        and not inspect.getdoc(member)
    ] == []
