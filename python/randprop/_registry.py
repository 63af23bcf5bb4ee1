"""Choices by name: what `evaluate`, sweeps, estimators, files and the command line offer."""

from __future__ import annotations

from typing import TypeVar

from randprop._validation import check_choice

__all__ = ["Registry"]

Entry = TypeVar("Entry")


class Registry(dict[str, Entry]):
    """Entries by name, in the order in which they were added; each name once."""

    def add(self, name: str, entry: Entry) -> Entry:
        """Add an entry, which everything that offers this choice has from then on."""
        if name in self:
            raise ValueError(f"{name!r} exists already")
        self[name] = entry
        return entry

    def choose(self, argument: str, name: object) -> Entry:
        """Return the entry of a name, or say which names `argument` may have."""
        return self[check_choice(argument, name, tuple(self))]

    def listed(self) -> str:
        """Return the names as a sentence lists them."""
        *most, last = self
        return f"{', '.join(most)} or {last}" if most else last
