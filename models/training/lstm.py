"""A recurrent network of two LSTM layers that reads a text character by character.

Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; on text as in Karpathy et
al., "Visualizing and Understanding Recurrent Networks", 2015.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.gpt import SharedDropout

N_LAYERS = 2


class Recurrent(nn.Module):
    """Embedding, two LSTM layers, a head.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary.
    width : int
        Cells in each layer.
    embedding : int
        Width of the embedding of a token.
    dropout : float
        Share of the channels between layers that is left out while training.
    """

    def __init__(
        self,
        n_tokens: int,
        width: int = 256,
        embedding: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(n_tokens, embedding)
        self.lstm = nn.ModuleList(
            nn.LSTM(size, width, batch_first=True) for size in (embedding, width)
        )
        self.dropout = SharedDropout(dropout)
        self.lm_head = nn.Linear(width, n_tokens)
        self._carried: tuple[torch.Tensor, torch.Tensor] | None = None
        for layer in self.lstm:
            for name, weight in layer.named_parameters():
                if name == "bias_ih_l0":
                    # Open forget gates, so that a gradient reaches far back from the
                    # start: Jozefowicz et al., 2015.
                    nn.init.zeros_(weight)
                    nn.init.ones_(weight[width : 2 * width])
                elif name == "bias_hh_l0":
                    nn.init.zeros_(weight)

    def forward(
        self, input_ids: torch.Tensor, hidden: torch.Tensor, cells: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Read some tokens and return logits and the state after the last one.

        Parameters
        ----------
        input_ids : torch.Tensor
            (batch, sequence) int64.
        hidden, cells : torch.Tensor
            (layer, batch, width) float32; zeros before the first token.

        Returns
        -------
        tuple of torch.Tensor
            Logits, (batch, sequence, token), and the new `hidden` and `cells`.
        """
        x = self.embedding(input_ids)
        next_hidden, next_cells = [], []
        for index, layer in enumerate(self.lstm):
            state = (hidden[index : index + 1], cells[index : index + 1])
            x, (last_hidden, last_cells) = layer(x, state)
            x = self.dropout(x)
            next_hidden.append(last_hidden)
            next_cells.append(last_cells)
        return self.lm_head(x), torch.cat(next_hidden), torch.cat(next_cells)

    def loss(self, input_ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean of nats per token.

        While training, the state that one batch leaves is the next one's first, for
        a row of the next batch goes on where it ended in this one.

        Parameters
        ----------
        input_ids, targets : torch.Tensor
            (batch, sequence) int64; the targets are one token ahead.
        """
        zeros = torch.zeros(N_LAYERS, len(input_ids), self.width)
        state = (zeros, zeros)
        if self.training and self._carried is not None:
            state = self._carried
        logits, hidden, cells = self(input_ids, *state)
        if self.training:
            self._carried = (hidden.detach(), cells.detach())
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
