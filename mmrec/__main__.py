"""``python -m mmrec``, the same as the command ``mmrec``."""

import sys

from mmrec.cli import main

if __name__ == "__main__":
    sys.exit(main())
