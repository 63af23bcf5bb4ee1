"""``python -m randprop`` is the ``randprop`` command."""

import sys

from randprop.cli import main

if __name__ == "__main__":
    sys.exit(main())
