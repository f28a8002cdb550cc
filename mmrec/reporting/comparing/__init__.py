"""Comparing several finished runs, on one data set or several."""
