"""The names of files in the folder of a run that several modules read or write."""

from __future__ import annotations

IDENTITY = "identity.json"
"""What the run was started with; written first."""
TRIALS = "trials.jsonl"
"""A record for each trial that has ended."""
UNFINISHED = "unfinished.json"
"""The manifest of a run that has not finished."""
JOURNAL = "journal.jsonl"
"""The trials that run, epoch by epoch, until the run has finished."""
FEATURES = "features.json"
"""The digests of item vectors."""
EXAMPLES = "examples.json"
"""The recommendations to example users."""
MANIFEST = "manifest.json"
"""Written last: it marks the run as finished."""
