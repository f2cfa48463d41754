"""Settings of the tests: fixed examples, and no time limit for one, as machines are slower at times."""

from hypothesis import settings

settings.register_profile("seqrec", deadline=None, derandomize=True)
settings.load_profile("seqrec")
