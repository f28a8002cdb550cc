"""Trials on a Ray cluster (the extra ``ray``)."""

from mmrec.execution.ray import executor  # noqa: F401 - registers it
