"""Verifying that a run can be repeated bit for bit, and explaining how two runs differ."""

from mmrec.verify.diff import RunDiff, diff_runs
from mmrec.verify.recorded import RecordedRun
from mmrec.verify.trials import Difference
from mmrec.verify.verification import Verification, verify_run

__all__ = ["Difference", "RecordedRun", "RunDiff", "Verification", "diff_runs", "verify_run"]
