"""Example users: their history, held-out items and recommendations, kept for the report."""
