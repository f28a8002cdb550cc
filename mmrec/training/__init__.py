"""Training: the deterministic context, the loop, and when it stops."""
