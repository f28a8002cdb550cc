"""Tables, manifest and report of a run."""

from mmrec.reporting.comparison import ABSENT, changes, equal, shown
from mmrec.reporting.manifest import (
    SCHEMA_VERSION,
    Origin,
    all_fingerprint,
    describe_data,
    from_json,
    item_digests,
    make_manifest,
    split_files,
)
from mmrec.reporting.outline import as_plain, outline
from mmrec.reporting.over_seeds import seeds_table, significance_table
from mmrec.reporting.rebuild import (
    RunTables,
    read_results,
    read_studies,
    rebuild_report,
    write_report,
)
from mmrec.reporting.recorded import RecordedRun, read_plan
from mmrec.reporting.results import Results
from mmrec.reporting.run_log import SHOWN, recorded
from mmrec.reporting.sessions import begin_session
from mmrec.reporting.showing import Labels, check_labels, find_labels, read_shown, write_shown
from mmrec.reporting.surroundings import describe_surroundings
from mmrec.reporting.tables import best_table, elliot_files, significance, trials_table

__all__ = [
    "ABSENT",
    "SCHEMA_VERSION",
    "SHOWN",
    "Labels",
    "Origin",
    "RecordedRun",
    "Results",
    "RunTables",
    "all_fingerprint",
    "as_plain",
    "begin_session",
    "best_table",
    "changes",
    "check_labels",
    "describe_data",
    "describe_surroundings",
    "elliot_files",
    "equal",
    "find_labels",
    "from_json",
    "item_digests",
    "make_manifest",
    "outline",
    "read_plan",
    "read_results",
    "read_shown",
    "read_studies",
    "rebuild_report",
    "recorded",
    "seeds_table",
    "shown",
    "significance",
    "significance_table",
    "split_files",
    "trials_table",
    "write_report",
    "write_shown",
]
