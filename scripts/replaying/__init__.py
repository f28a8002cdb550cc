"""Replaying recorded results of reference implementations through mmrec's models."""
