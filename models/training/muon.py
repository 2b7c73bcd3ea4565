"""Muon: momentum whose matrices are made orthogonal before each step.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon/.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Optimiser for the matrices of hidden layers.

    ``torch.optim.Muon`` does the same in bfloat16, which takes a processor without
    matrix units for it twice as long as float32.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        Matrices only: no embeddings, biases or scales.
    lr : float
        Step, as a share of an orthogonal matrix.
    momentum : float
        Share of the last direction that stays; Nesterov's form.
    weight_decay : float
        Share of the weights that goes with each step of size one.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(list(parameters), defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move all matrices once, against their gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault(
                    "momentum", torch.zeros_like(weight)
                )
                mean.lerp_(weight.grad, 1 - group["momentum"])
                direction = torch.lerp(weight.grad, mean, group["momentum"])
                update = orthogonal(direction)
                rows, columns = weight.shape
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                scale = max(1.0, rows / columns) ** 0.5
                weight.add_(update, alpha=-group["lr"] * scale)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Return about the nearest matrix with all singular values near one.

    Parameters
    ----------
    matrix : torch.Tensor
        (rows, columns) float32.

    Returns
    -------
    torch.Tensor
        Of the same shape; singular values between 0.7 and 1.2, by five steps of a
        Newton-Schulz iteration of the fifth degree.
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
