"""Write the demo data set to ``data/demo``, or to the given folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.data.demo import write_demo


def main() -> None:
    """Write the data and print a summary."""
    default = Path(__file__).parents[1] / "data" / "demo"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="default: data/demo")
    demo = write_demo(parser.parse_args().folder)
    print(
        f"{demo.folder}: {demo.n_users} users, {demo.n_items} items, "
        f"{demo.n_interactions} interactions, visual and textual vectors, titles, pictures"
    )


if __name__ == "__main__":
    main()
