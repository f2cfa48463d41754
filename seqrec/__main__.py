"""``python -m seqrec`` is the command line."""

from seqrec.cli.app import main

if __name__ == "__main__":
    main()
