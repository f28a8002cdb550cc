"""``python -m mmrec.cli``."""

import sys

from mmrec.cli import main

if __name__ == "__main__":
    sys.exit(main())
