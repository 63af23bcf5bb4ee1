"""The warning about data: what is computed is what was asked for, but hardly what was meant."""

from __future__ import annotations

__all__ = ["RandpropDataWarning"]


class RandpropDataWarning(UserWarning):
    """Data that a random step network can make little of.

    It is given where the answer is right by the definition and yet likely to be poor. The message
    says what was seen, and names the argument that changes it.

    Examples
    --------
    >>> import warnings
    >>> import randprop
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", randprop.RandpropDataWarning)  # or "ignore"
    """
