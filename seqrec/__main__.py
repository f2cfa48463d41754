"""``python -m seqrec`` is the command line."""

from seqrec.commands.cli import main

if __name__ == "__main__":
    main()
