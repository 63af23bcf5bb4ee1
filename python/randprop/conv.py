"""Convolutions as matrices of a network: their sizes, and the images they read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from randprop._validation import check_int, check_ints, told

__all__ = ["Conv2D"]

_MAX = 1 << 28
ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class Conv2D:
    """Convolution in place of a dense matrix of a `StepNetwork`.

    Every patch of `kernel` x `kernel` pixels goes through the same random matrix. Output unit i is
    channel i, input k is ``(dy * kernel + dx) * channels_in + c``; pixels outside the image add
    nothing to a preactivation, whatever the activation. Images are rows in the order
    (y, x, channel), channel fastest.

    Parameters
    ----------
    channels : int
        Output channels.
    kernel : int
        Side of a patch in pixels.
    stride : int, default=1
        Pixels from one patch to the next.
    padding : int, default=0
        Pixels outside the image, on every side, that patches may reach; below `kernel`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> import randprop
    >>> conv = randprop.Conv2D(16, kernel=5, padding=2)
    >>> conv.output_shape((28, 28, 1))
    (28, 28, 16)
    >>> network = randprop.StepNetwork(784, layers=1, width=[conv, 100], input_shape=(28, 28, 1))
    >>> network.widths, network.weights(0).shape
    ((12544, 100), (16, 25))
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        for name, low in (("channels", 1), ("kernel", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, check_int(name, getattr(self, name), low, _MAX))
        if self.padding >= self.kernel:
            raise ValueError(f"padding must be below the kernel, {self.kernel}, got {self.padding}")

    def output_shape(self, image: ImageShape) -> ImageShape:
        """Return the (height, width, channels) of the output.

        Parameters
        ----------
        image : tuple of int
            (height, width, channels) of the input.

        Returns
        -------
        tuple of int

        Raises
        ------
        TypeError, ValueError
            If `image` is not that, or the kernel does not fit the padded image.
        """
        sizes = check_ints("image", image, 1, _MAX)
        if len(sizes) != 3:
            raise ValueError(f"image must be (height, width, channels), got {told(image)}")
        height, width, _ = sizes
        room = 2 * self.padding
        if self.kernel > min(height, width) + room:
            raise ValueError(
                f"a kernel of {self.kernel} does not fit an image of {height} x {width} "
                f"with a padding of {self.padding}"
            )
        return (
            (height + room - self.kernel) // self.stride + 1,
            (width + room - self.kernel) // self.stride + 1,
            self.channels,
        )


def check_image(input_shape: Iterable[int] | None, n_features: int) -> ImageShape:
    """Return `input_shape` as (height, width, channels) of `n_features` in all."""
    if input_shape is None:
        raise ValueError("a network that begins with a Conv2D needs input_shape")
    sizes = tuple(check_ints("input_shape", input_shape, 1, _MAX))
    if len(sizes) != 3:
        raise ValueError(f"input_shape must be (height, width, channels), got {sizes}")
    height, width, channels = sizes
    if height * width * channels != n_features:
        raise ValueError(
            f"input_shape {sizes} has {height * width * channels} features, "
            f"the network {n_features}"
        )
    return height, width, channels
