"""The command line of seqrec in small steps: a short log has many chunks, buckets and parts, as a long one would.

    python benchmarks/small_steps.py score MODEL LOG... -o OUT
    python benchmarks/small_steps.py --forked

The second form imports what `recommend` needs, and then reads commands from its input, a line of JSON each: the
arguments, and what to add to the environment. Each runs in a process forked off, and its exit code is told in a line.
"""

import json
import os
import signal
import sys

from seqrec.logs import blocks as log_blocks

log_blocks.BLOCK_BYTES = 2**20  # first of all: other modules take it over when they are imported

from seqrec.jobs import staging  # noqa: E402
from seqrec.logs import parquet as log_parquet  # noqa: E402

log_parquet._BATCH_ROWS = 2**13
staging._STAGED = 2**14
staging._ROW_GROUP = 2**13
staging._BUCKET = 2**14
staging._BATCH = 2**12

if "score" in sys.argv[1:2]:  # else TensorFlow would be imported for nothing
    from seqrec.jobs import detection

    detection._PART = 2**14


def serve() -> None:
    """Run a command of each line of the input, in a process of its own."""
    from seqrec.cli import columns  # noqa: F401
    from seqrec.jobs import recommendation  # noqa: F401
    from seqrec.recommend import baselines  # noqa: F401

    for line in sys.stdin:
        command = json.loads(line)
        process = os.fork()
        if not process:
            answer(command)
        signal.signal(signal.SIGALRM, lambda *_, process=process: os.kill(process, signal.SIGKILL))
        signal.alarm(command["seconds"])
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        left = signal.alarm(0)
        print(json.dumps(code if left else None), flush=True)


def answer(command: dict) -> None:
    """Run one command in this process, and end it as the interpreter would."""
    words = os.open(command["words"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for stream in (1, 2):
        os.dup2(words, stream)
    os.environ.update(command["environment"])
    sys.argv = ["seqrec", *command["arguments"]]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    from seqrec.cli.app import main

    sys.exit(serve() if sys.argv[1:] == ["--forked"] else main())
