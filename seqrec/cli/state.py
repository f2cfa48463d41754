"""``seqrec state``: what is kept of users from night to night, and a night taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seqrec.cli.console import Console, columns_of
from seqrec.cli.options import Json
from seqrec.exceptions import InputError

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of states, as given to seqrec score --state.")]

state = typer.Typer(name="state", help="See what is kept of users from night to night, or take a night back.")


@state.command("list")
def list_states(folder: Folder, as_json: Json = False) -> None:
    """List the nights whose states are kept, the newest first."""
    _check(folder)
    with Console(as_json).at_work() as console:
        from seqrec.jobs.states import Generations

        kept, before = Generations(folder).read(check=False)
        told: list[dict[str, Any]] = [
            {"made": one.made, "logs": [path for path, _ in one.logs], "bytes": sum(one.files.values())}
            for one in reversed(kept)
        ]
        rows = [(one["made"], f"{one['bytes'] / 2**20:,.1f} MiB", ", ".join(one["logs"])) for one in told]
        lines = columns_of([("made", "size", "after"), *rows]) if rows else ["no states are kept."]
        console.result({"folder": str(folder), "states": told, "earlier logs": len(before)}, lines)


@state.command()
def rollback(folder: Folder, as_json: Json = False) -> None:
    """Take the newest night back: its states go, and its logs may be scored again, in another folder of results."""
    _check(folder)
    with Console(as_json).at_work() as console:
        from seqrec.jobs.folder import locked
        from seqrec.jobs.states import Generations

        with locked(folder, folder):
            gone = Generations(folder).roll_back()
            left = Generations(folder).read()[0]
        logs = ", ".join(path for path, _ in gone.logs) or "no logs"
        holds = f"those made {left[-1].made} hold" if left else "nothing is known of any user"
        record = {"folder": str(folder), "gone": gone._asdict(), "holds": left[-1]._asdict() if left else None}
        console.result(record, [f"taken back: the states made {gone.made}, after {logs}. Now {holds}."])


def _check(folder: Path) -> None:
    if not (folder / "current.json").is_file():
        raise InputError(f"{folder} is no folder of states: seqrec score --state {folder} makes one.")
