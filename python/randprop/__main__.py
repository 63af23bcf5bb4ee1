# PYTHON_ARGCOMPLETE_OK
"""``python -m randprop`` is the ``randprop`` command, and this is the process of both."""

import gc
import sys

__all__ = ["run"]


def run() -> int:
    """Run the command, and return the exit status.

    What imports make stays until the end, and the system frees it all at once then: to look through
    it for garbage on the way, and again at the end, takes 30 ms.
    """
    gc.disable()
    from randprop.cli import main

    gc.freeze()
    gc.enable()
    status = main()
    gc.freeze()
    return status


if __name__ == "__main__":
    sys.exit(run())
