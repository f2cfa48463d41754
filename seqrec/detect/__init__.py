"""How odd events and sequences are, by their surprisal."""
