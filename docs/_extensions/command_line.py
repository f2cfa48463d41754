"""`{command-line}`: every command of `seqrec` with all its arguments and options, read from the program itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from seqrec.cli.app import app as program


class CommandLine(SphinxDirective):
    """Describe the commands of the program."""

    def run(self) -> list[nodes.Node]:
        """Give a section for each command."""
        group: Any = typer.main.get_command(program)
        return self.parse_text_to_nodes("\n".join(_group(group)), allow_section_headings=True)


def _group(group: Any) -> Iterator[str]:
    context = group.make_context("seqrec", [], resilient_parsing=True)
    for name in group.list_commands(context):
        yield from _command(f"seqrec {name}", group.get_command(context, name))


def _command(path: str, command: Any) -> Iterator[str]:
    context = command.make_context(path, [], resilient_parsing=True)
    yield from ("", f"## `{path}`", "", command.help or "", "")
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            yield from _command(f"{path} {name}", command.get_command(context, name))
        return
    yield from ("```text", " ".join([path, *command.collect_usage_pieces(context)]), "```", "")
    for parameter in command.get_params(context):
        name, text = parameter.get_help_record(context) or ("", "")
        if parameter.param_type_name == "argument":
            name = name.partition(" <")[0]  # the metavariable says what it is
        if name:
            yield from (f"`{name}`", f": {_plain(text) or '-'}", "")


def _plain(text: str) -> str:
    """Keep Markdown from reading signs that are meant as they are."""
    return "".join(f"\\{sign}" if sign in "\\[]<>*_`" else sign for sign in text)


def setup(app: Any) -> dict[str, Any]:
    """Give Sphinx the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
