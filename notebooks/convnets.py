"""Two networks with one interface, for ``alexnet.ipynb``: weights are a dict of numpy arrays.

``AlexNet`` is that of Krizhevsky, Sutskever and Hinton (2012) in PyTorch, with as many channels
and as large a picture as asked for. ``Small`` is one layer of convolution in numpy, where PyTorch is
not installed. Nothing here is parallel: tasks call ``gradients`` on their part of the data.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = dict[str, Array]


class Network(Protocol):
    """What the notebook needs of a network."""

    def new_weights(self, seed: int) -> Weights:
        """Return random weights."""
        ...

    def gradients(self, weights: Weights, images: Array, labels: Array) -> tuple[float, Weights]:
        """Return the mean loss of a batch and its gradient; images: (n, size, size, 3) floats."""
        ...

    def classes(self, weights: Weights, images: Array) -> Array:
        """Return the most probable class of each image."""
        ...


def has_torch() -> bool:
    """Return whether PyTorch is installed, without importing it."""
    return importlib.util.find_spec("torch") is not None


class AlexNet:
    """Five layers of convolution and three full ones, in PyTorch.

    Args:
        size: pixels a side; 224 in the paper, a multiple of 32.
        classes: how many; 1000 in the paper.
        width: channels, as a share of the paper's.
    """

    def __init__(self, size: int, classes: int, width: float = 1.0) -> None:
        if size % 32:
            raise ValueError(f"expected a size that 32 divides, got {size!r}")
        self.size, self.count, self.width = size, classes, width

    def new_weights(self, seed: int) -> Weights:
        """Return random weights."""
        import torch

        torch.manual_seed(seed)
        return {name: value.numpy().copy() for name, value in self._module().state_dict().items()}

    def gradients(self, weights: Weights, images: Array, labels: Array) -> tuple[float, Weights]:
        """Return the mean loss of a batch and its gradient."""
        import torch

        module = self._module()
        _load(module, weights)
        loss = torch.nn.functional.cross_entropy(
            module(_channels_first(images)), torch.from_numpy(labels)
        )
        loss.backward()
        return float(loss.detach()), {
            name: weight.grad.numpy() for name, weight in module.named_parameters()
        }

    def classes(self, weights: Weights, images: Array) -> Array:
        """Return the most probable class of each image."""
        import torch

        module = self._module()
        _load(module, weights)
        with torch.no_grad():
            found: Array = module(_channels_first(images)).argmax(dim=1).numpy()
        return found

    def _module(self) -> Any:
        from torch import nn

        channels = [max(8, round(self.width * n)) for n in (64, 192, 384, 256, 256)]
        full, last = max(16, round(self.width * 4096)), self.size // 32
        a, b, c, d, e = channels
        # The first layer's stride is 4 for large pictures; small ones would vanish.
        first = (11, 4, 2) if self.size >= 128 else (5, 2, 2)
        return nn.Sequential(
            nn.Conv2d(3, a, first[0], first[1], first[2]), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1), nn.ReLU(),
            nn.Conv2d(d, e, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(last),
            nn.Flatten(),
            nn.Linear(e * last * last, full), nn.ReLU(),
            nn.Linear(full, full), nn.ReLU(),
            nn.Linear(full, self.count),
        )  # fmt: skip


class Small:
    """One layer of convolution, its maximum in squares of 2 by 2, and one full layer; in numpy.

    Args:
        size: pixels a side, even.
        classes: how many.
        channels: of the convolution.
    """

    def __init__(self, size: int, classes: int, channels: int = 16) -> None:
        if size % 2:
            raise ValueError(f"expected an even size, got {size!r}")
        self.size, self.count, self.channels = size, classes, channels

    def new_weights(self, seed: int) -> Weights:
        """Return random weights."""
        rng = np.random.default_rng(seed)
        inputs = self.channels * (self.size // 2) ** 2
        return {
            "filters": rng.normal(scale=0.2, size=(5 * 5 * 3, self.channels)).astype(np.float32),
            "full": rng.normal(scale=inputs**-0.5, size=(inputs, self.count)).astype(np.float32),
        }

    def gradients(self, weights: Weights, images: Array, labels: Array) -> tuple[float, Weights]:
        """Return the mean loss of a batch and its gradient."""
        patches, squares, pooled, chances = self._forward(weights, images)
        rows = np.arange(len(labels))
        loss = -np.log(chances[rows, labels] + 1e-12).mean()
        chances[rows, labels] -= 1
        chances /= len(labels)
        back = (chances @ weights["full"].T).reshape(pooled.shape)
        # Only the largest of the four of a square passed, and only if it was positive.
        passed = (squares == pooled[:, :, None, :, None, :]) & (squares > 0)
        back = (passed * back[:, :, None, :, None, :]).reshape(-1, self.channels)
        flat = pooled.reshape(len(images), -1)
        return float(loss), {"filters": patches.T @ back, "full": flat.T @ chances}

    def classes(self, weights: Weights, images: Array) -> Array:
        """Return the most probable class of each image."""
        found: Array = self._forward(weights, images)[-1].argmax(axis=1)
        return found

    def _forward(self, weights: Weights, images: Array) -> tuple[Array, Array, Array, Array]:
        half = self.size // 2
        padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
        patches = windows.reshape(-1, 3 * 5 * 5)
        squares = (patches @ weights["filters"]).reshape(-1, half, 2, half, 2, self.channels)
        pooled = np.maximum(squares.max(axis=(2, 4)), 0)
        scores = pooled.reshape(len(images), -1) @ weights["full"]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return patches, squares, pooled, powers / powers.sum(axis=1, keepdims=True)


def _channels_first(images: Array) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _load(module: Any, weights: Weights) -> None:
    """Set a module's weights; what comes from the store is read-only, so it is copied."""
    import torch

    module.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in weights.items()})
