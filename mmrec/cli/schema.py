"""``mmrec schema``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command

EXAMPLES = """
mmrec schema --output config_files/schema.json
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    schema = add_command(
        commands, "schema", _schema, "write the JSON Schema of experiment files", EXAMPLES
    )
    schema.add_argument(
        "--output", type=Path, metavar="FILE", help="output file (default: the terminal)"
    )


def _schema(options: argparse.Namespace) -> int:
    """Write the JSON Schema of experiment files, for completion and checks in editors.

    VS Code with the YAML extension, PyCharm and other editors use it if this is the first line
    of an experiment file, with the path from that file to the schema:

    # yaml-language-server: $schema=schema.json

    config_files/schema.json is the schema of the last release.
    """
    from mmrec.files import write_atomically
    from mmrec.json_schema import schema_text

    if options.output is None:
        print(schema_text(), end="")
    else:
        write_atomically(options.output, schema_text())
        print(options.output)
    return 0
