"""Rows as a data frame, by a library that is loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["data_frame"]


def data_frame(*arguments: Any, **options: Any) -> pandas.DataFrame:
    """Return a DataFrame, or say how to install pandas."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "to_pandas needs pandas; install it: pip install 'randprop[frame]'"
        ) from error
    return pandas.DataFrame(*arguments, **options)
