"""Rows as a data frame, by a library that is loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from randprop._extras import need

if TYPE_CHECKING:
    import pandas

__all__ = ["data_frame"]


def data_frame(*arguments: Any, **options: Any) -> pandas.DataFrame:
    """Return a DataFrame, or say how to install pandas."""
    frame: pandas.DataFrame = need("pandas", "to_pandas").DataFrame(*arguments, **options)
    return frame
