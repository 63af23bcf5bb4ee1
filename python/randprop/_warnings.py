"""The warning about data: what is computed is what was asked for, but hardly what was meant."""

from __future__ import annotations

import sys
import warnings

__all__ = ["RandpropDataWarning", "warn_data"]


class RandpropDataWarning(UserWarning):
    """Data that suit a random step network badly.

    The result is correct by the definition, but it is probably poor. The message says what was
    found in the data, and names the argument that helps.

    Examples
    --------
    >>> import warnings
    >>> import randprop
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", randprop.RandpropDataWarning)  # or "ignore"
    """


# Frames that a caller's line may stand behind.
_BETWEEN = {"randprop", "sklearn", "joblib", "contextlib"}


def warn_data(message: str) -> None:
    """Warn of data at the line that called this library, or scikit-learn, whatever is between."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RandpropDataWarning, stacklevel=level)
