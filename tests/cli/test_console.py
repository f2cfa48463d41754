"""What a command says while it works."""

import contextlib

from seqrec.cli.console import Console, _Bars


@contextlib.contextmanager
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("seqrec.cli.console.time.monotonic", lambda: now[0])
    yield now


def test_a_log_file_gets_a_line_of_progress_every_five_seconds(monkeypatch, capsys):

    with clock(monkeypatch) as now:
        console = Console()
        for second in range(11):
            now[0] = float(second)
            console.show("scoring", second * 100, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "seqrec: scoring: 0 of 1,000",
        "seqrec: scoring: 500 of 1,000, 100 a second, 5 s left",
        "seqrec: scoring: 1,000 of 1,000, 100 a second, 0 s left",
    ]


def test_a_terminal_gets_bars_that_read_no_markup(capsys):

    bars = _Bars()
    bars.show("reading [red]log[/red].csv", 5, None)
    bars.show("scoring", 5, 10)
    bars.close()
    assert "[red]log[/red].csv" in capsys.readouterr().err
