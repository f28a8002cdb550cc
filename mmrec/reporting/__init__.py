"""Tables, manifest and report of a run."""

from mmrec.reporting.html import report_html
from mmrec.reporting.manifest import environment, make_manifest
from mmrec.reporting.results import Results
from mmrec.reporting.tables import best_table, elliot_files, significance, trials_table

__all__ = [
    "Results",
    "best_table",
    "elliot_files",
    "environment",
    "make_manifest",
    "report_html",
    "significance",
    "trials_table",
]
