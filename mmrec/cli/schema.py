"""``mmrec schema``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command
from mmrec.libraries import without_libraries

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

    text = without_libraries(_text)
    if options.output is None:
        print(text, end="")
    else:
        write_atomically(options.output, text)
        print(options.output)
    return 0


def _text() -> str:
    from mmrec.json_schema import schema_text

    return schema_text()
