"""``mmrec new-model``."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command
from mmrec.cli.scaffold import NewModel, write_model

EXAMPLES = """
mmrec new-model MyModel
mmrec new-model MyModel --multimodal
mmrec new-model MyModel --folder mine
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    new = add_command(
        commands, "new-model", _new_model, "write a model of your own to start from", EXAMPLES
    )
    new.add_argument("name", metavar="NAME", help="of the class, such as MyModel")
    new.add_argument(
        "--multimodal",
        action="store_true",
        help="a graph model that reads item features, instead of matrix factorisation",
    )
    new.add_argument(
        "--folder",
        type=Path,
        default=Path("external/models"),
        metavar="DIR",
        help="of external models (default: external/models)",
    )


def _new_model(options: argparse.Namespace) -> int:
    """Write a model that works and its test.

    The model is matrix factorisation trained by BPR; with --multimodal it is a graph model with
    item features, a projection of each modality and an item graph. Change it step by step; the
    test fails when the model breaks a rule. Experiment files find the models of all files in the
    folder.
    """
    new = write_model(options.name, options.folder, multimodal=options.multimodal)
    lines = _instructions(options.name, new)
    if options.multimodal:
        lines += ["        top_k: [5, 10]", "        modalities: ('visual', 'textual')"]
    print("\n".join(lines))
    return 0


def _instructions(name: str, new: NewModel) -> list[str]:
    init = new.init_file.as_posix()
    found = init if new.init_file.is_absolute() else f"../{init}"
    return [
        f"wrote {new.model_file}",
        f"wrote {new.test_file}",
        "",
        "test it:" if find_spec("pytest") else "test it (pip install pytest):",
        f"  python -m pytest {new.test_file}",
        "",
        "use it in an experiment file (paths start at the file's folder):",
        "  experiment:",
        f"    external_models_path: {found}",
        "    models:",
        f"      external.{name}:",
        "        epochs: 50",
        "        batch_size: 1024",
        "        lr: [0.001, 0.005]",
    ]
