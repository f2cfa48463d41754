"""The command line. It answers at once: whatever takes time to import is imported where it is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seqrec import __version__
from seqrec.cli import exits
from seqrec.cli.ask import ask
from seqrec.cli.classify import classify
from seqrec.cli.console import Console
from seqrec.cli.demo import demo
from seqrec.cli.evaluate import evaluate
from seqrec.cli.fit import fit
from seqrec.cli.forecast import forecast
from seqrec.cli.generate import generate
from seqrec.cli.inspect import inspect
from seqrec.cli.options import Labels, Reading, Series, Work
from seqrec.cli.recommend import recommend
from seqrec.cli.score import score
from seqrec.cli.state import state
from seqrec.cli.verify import verify

_WIDEST = 10_000  # columns of a terminal: help is as wide as it is
_RESUMED = ("score", "recommend", "generate", "ask", "forecast", "classify")
_OF_SEVERAL = (Series, Labels, Reading, Work, Console)  # what commands take is made of several options


class _Commands(TyperGroup):
    """Commands whose errors end in a message and an exit code."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line up to the command; help and version are shown here."""
        with exits.piped():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named."""
        as_json = "--json" in [*ctx._protected_args, *ctx.args]
        with exits.piped(), exits.told(lambda: ctx.invoked_subcommand in _RESUMED, as_json):
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    name="seqrec",
    help="Next items, anomalies, forecasts and new logs from logs (CSV, JSON Lines, Parquet), by LSTMs.",
    epilog="Exit codes: 0 well, 1 bug, 2 usage, 3 some rows quarantined, 4 too many bad rows, 65 not whole, "
    "74 input or output failed, 75 folder in use, 130 stopped, 141 not read on (| head).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST},
)


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqrec {__version__}")
        raise typer.Exit


@app.callback()
def _seqrec(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Next items, anomalies, forecasts and new logs from logs (CSV, JSON Lines, Parquet), by LSTMs."""


def _spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options themselves in place of what is made of several."""
    own = signature(command, eval_str=True).parameters
    made = {name: parameter.annotation for name, parameter in own.items() if parameter.annotation in _OF_SEVERAL}
    parts = {name: signature(kind, eval_str=True).parameters for name, kind in made.items()}

    @wraps(command)
    def run(**given: Any) -> None:
        command(**{name: kind(*map(given.pop, parts[name])) for name, kind in made.items()}, **given)

    options = [one for name in own for one in (parts[name].values() if name in made else [own[name]])]
    vars(run)["__signature__"] = Signature([one.replace(kind=Parameter.KEYWORD_ONLY) for one in options])
    return run


for _command in (fit, score, recommend, forecast, classify, generate, ask, evaluate, inspect, verify, demo):
    app.command()(_spread(_command))
app.add_typer(state)
