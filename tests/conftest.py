"""Settings of every test; its place also lets tests import ``helpers``."""

import os

from hypothesis import settings

settings.register_profile("mmrec", deadline=None)
settings.load_profile("mmrec")

# Before torch is imported: on data this small, threads that wait for each other cost more than
# they do. Tests that need several set their number themselves.
os.environ.setdefault("OMP_NUM_THREADS", "1")
