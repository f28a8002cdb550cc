"""Settings of every test; its place also lets tests import ``helpers``."""

from hypothesis import settings

settings.register_profile("mmrec", deadline=None)
settings.load_profile("mmrec")
