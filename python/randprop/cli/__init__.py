"""The ``randprop`` command: one verb for each thing it does."""

from randprop.cli.command import VERBS, main, make_parser
from randprop.cli.parser import columns
from randprop.cli.reports import BENCHES, OTHER_BENCHES
from randprop.cli.values import depths

__all__ = ["BENCHES", "OTHER_BENCHES", "VERBS", "columns", "depths", "main", "make_parser"]
