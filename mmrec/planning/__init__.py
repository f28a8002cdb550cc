"""Planning: what will run, and on which data."""
