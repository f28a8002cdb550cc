"""What the tests of runs import; their fixture stands in ``tests/conftest.py``."""

from tiny_experiment import Write, settings, write_tiny_data

__all__ = ["Write", "settings", "write_tiny_data"]
