"""Example users of a report: their history, held-out items and recommendations."""
