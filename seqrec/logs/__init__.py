"""Reading logs of any size, and writing tables of results."""
