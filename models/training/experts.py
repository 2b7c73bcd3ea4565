"""A mixture of experts: of several feed-forward parts, the router picks two a token.

Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated
Mixture-of-Experts Layer", 2017; the weights of the two sum to one as in Jiang et al.,
"Mixtral of Experts", 2024; the price of unequal load is that of Fedus et al.,
"Switch Transformers", 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

_CHOSEN = 2
_PRICE = 0.01


class Gates(nn.Module):
    """Keep the two best of a router's probabilities, summing to one."""

    def forward(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Return (…, expert) weights, all but two of them zero in each row."""
        best, index = probabilities.topk(_CHOSEN, dim=-1)
        best = best / best.sum(dim=-1, keepdim=True)
        return torch.zeros_like(probabilities).scatter(-1, index, best)


class Experts(nn.Module):
    """Feed-forward parts of which two work on each token.

    Parameters
    ----------
    experts : sequence of FeedForward
        Of one width.

    Attributes
    ----------
    probabilities : torch.Tensor
        What the router said last, (batch, sequence, expert).
    """

    probabilities: torch.Tensor

    def __init__(self, experts: Sequence[nn.Module]) -> None:
        super().__init__()
        first = experts[0].get_submodule("c_fc")
        assert isinstance(first, nn.Linear)
        self.router = nn.Linear(first.in_features, len(experts), bias=False)
        self.router_probabilities = nn.Softmax(dim=-1)
        self.gates = Gates()
        self.experts = nn.ModuleList(experts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, sequence, width), the weighted sum of two experts' answers.

        While training, only the chosen experts see a token. In an exported graph all
        of them do and two count: shapes then do not depend on the routing, and the
        answers that were not wanted can be looked at too.
        """
        self.probabilities = self.router_probabilities(self.router(x))
        gates = self.gates(self.probabilities)
        if not self.training:
            mixture: torch.Tensor = gates[..., :1] * self.experts[0](x)
            for index in range(1, len(self.experts)):
                answer = self.experts[index](x)
                mixture = mixture + gates[..., index : index + 1] * answer
            return mixture
        rows, weights = x.flatten(0, 1), gates.flatten(0, 1)
        total = torch.zeros_like(rows)
        for index, expert in enumerate(self.experts):
            (chosen,) = weights[:, index].detach().nonzero(as_tuple=True)
            answer = expert(rows[chosen]) * weights[chosen, index : index + 1]
            total = total.index_add(0, chosen, answer)
        return total.view_as(x)

    def imbalance(self) -> torch.Tensor:
        """Return the price of the last routing: least where the load is equal."""
        probabilities = self.probabilities.flatten(0, -2)
        chosen = (self.gates(probabilities.detach()) > 0).float().mean(dim=0)
        load: torch.Tensor = (chosen * probabilities.mean(dim=0)).sum()
        return load * (_PRICE * len(self.experts) / _CHOSEN)
