"""Where the data sets come from and what their files must be."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CIFAR10", "FASHION_MNIST", "KMNIST", "MNIST_PACKED", "Source"]


@dataclass(frozen=True)
class Source:
    """A published data set."""

    name: str  # its folder in the data home
    mirrors: tuple[str, ...]  # base addresses, tried in turn
    sha256: dict[str, str]  # of each file as published
    system_folder: str | None = None  # where a system package puts the files
    # Of what each file holds decompressed: a system package may have compressed it anew.
    content_sha256: dict[str, str] = field(default_factory=dict)


# The files in this package, made by tools/pack_mnist.py from the raw files, whose MD5 sums it
# checks: they pin those.
MNIST_PACKED = {
    "train-images-idx3-ubyte.gz": (
        "7e8e250a14f8c6d80cabe347fadd52ae5354451758236460601a685d627c9c20"
    ),
    "train-labels-idx1-ubyte.gz": (
        "86c9e87b8e3c79600f6fba5bccc23ab03623bf95568fe02959ac24181de4f50c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "3ebdcf3129f74cecb18b11ca14ac8489bb805c97d6050cd6c8288dce00e59c62"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "b75f895e91bb9b920069fb0f303be3083ba60fde286e8b087f6ad70ec48fc630"
    ),
}

FASHION_MNIST = Source(
    name="fashion_mnist",
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    sha256={
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
    system_folder="/usr/share/datasets/fashion-mnist",
    content_sha256={
        "train-images-idx3-ubyte.gz": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte.gz": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
)

KMNIST = Source(
    name="kmnist",
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    sha256={
        "train-images-idx3-ubyte.gz": (
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"
        ),
        "train-labels-idx1-ubyte.gz": (
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"
        ),
    },
)

CIFAR10 = Source(
    name="cifar10",
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
    sha256={
        "cifar-10-binary.tar.gz": (
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
        ),
    },
)
