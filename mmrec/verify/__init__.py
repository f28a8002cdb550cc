"""Verify that a run can be repeated bit for bit, and explain how two runs differ."""
