"""The bundled Connect Four network: folder, card and measured figures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch

from training import cards, connect_four, publish, quick, self_play
from training.connect_four import Boards

INPUT, OUTPUTS = "board", ("policy", "value")
N_GAMES, SEED = 200, 12


def policy_player(folder: Path) -> connect_four.Player:
    """Return a player that takes the column with the best policy, without looking on.

    Parameters
    ----------
    folder : Path
        What was published; raw onnxruntime runs it.
    """
    session = publish.cpu_session(folder / publish.MODEL_FILE)

    def move(boards: Boards, random: np.random.Generator) -> npt.NDArray[np.int64]:
        del random  # the same board gets the same move
        (policy,) = session.run(["policy"], {INPUT: boards.planes()})
        return np.where(boards.legal(), policy, -np.inf).argmax(1)

    return move


def measured(folder: Path) -> float:
    """Return the share won of 200 games against a player that looks a move ahead.

    Parameters
    ----------
    folder : Path
        What was published. It moves second in every other game.
    """
    return connect_four.share_won(
        policy_player(folder), connect_four.looking_player, N_GAMES, SEED
    )


def measured_against_chance(folder: Path) -> float:
    """Return the same against a player that moves anywhere."""
    return connect_four.share_won(
        policy_player(folder), connect_four.random_player, N_GAMES, SEED
    )


def write_folder(folder: Path, network: self_play.PolicyValueNetwork) -> None:
    """Write graph, configuration and a sample of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    model = publish.exported(
        network.to(memory_format=torch.contiguous_format),
        torch.from_numpy(sample_boards().planes()),
        inputs=[INPUT],
        outputs=OUTPUTS,
    )
    onnx.save(model, folder / publish.MODEL_FILE)
    publish.write_json(
        folder / "config.json",
        {
            "architectures": ["PolicyValueNetwork"],
            "model_type": "policy-value-network",
            "board": [connect_four.N_ROWS, connect_four.N_COLUMNS],
            "planes": [
                "stones of whom it is to move",
                "stones of the other",
                "where a stone would come to lie",
            ],
        },
    )
    planes = sample_boards().planes()
    np.savez_compressed(folder / "sample.npz", **{INPUT: planes})
    publish.write_json(folder / "samples.json", {"inputs": "sample.npz"})


def sample_boards() -> Boards:
    """Return two positions: win in the middle column, or stop the other there."""
    boards = connect_four.empty(2)
    for columns in ((3, 3), (0, 0), (3, 3), (0, 1), (3, 3), (1, 1), (6, 6)):
        boards = boards.after(np.array(columns))
    # The second board has one stone more, so that the other is to move.
    first, second = boards.of(slice(1)), boards.of(slice(1, 2))
    first = first.after(np.array([6]))
    return Boards(
        np.concatenate([first.own, second.own]),
        np.concatenate([first.both, second.both]),
    )


def train_and_publish(folder: Path, recipe: self_play.Recipe) -> None:
    """Learn by self-play, export, let it play with onnxruntime, write the card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``.
    recipe : Recipe
        How many games and how they are learnt.
    """
    hurry = quick.arguments(folder.name).quick
    quick.threads()
    target = quick.target_folder(folder, hurry)
    torch.manual_seed(recipe.seed)
    network = self_play.PolicyValueNetwork()
    if hurry:
        recipe = self_play.Recipe(games=16, steps=4, batch_size=32)
    checkpoint = None if hurry else quick.checkpoint_folder() / f"{folder.name}.pt"
    self_play.train(network, recipe, checkpoint, quick.time_limit(hurry))
    write_folder(target, network)
    figure, against_chance = measured(target), measured_against_chance(target)
    _write_card(target, figure, against_chance, network, recipe)
    sys.stdout.write(
        f"{target}: won {100 * figure:.1f} % against the looking player, "
        f"{100 * against_chance:.1f} % against chance\n"
    )


def _write_card(
    folder: Path,
    figure: float,
    against_chance: float,
    network: self_play.PolicyValueNetwork,
    recipe: self_play.Recipe,
) -> None:
    body = _BODY.format(
        percent=100 * figure,
        chance_percent=100 * against_chance,
        n_games=N_GAMES,
        parameters=sum(p.numel() for p in network.parameters()),
        kilobytes=(folder / publish.MODEL_FILE).stat().st_size / 1e3,
        opset=publish.OPSET,
        trained=recipe.rounds * recipe.games,
    )
    cards.write_card(
        folder,
        title="Connect Four",
        task="reinforcement-learning",
        dataset="connect-four-self-play",
        dataset_name="200 games against a player that looks one move ahead",
        metric_type="accuracy",
        metric="Games won",
        value=figure,
        teaches=(
            "How a network that has only played against itself sees threats on a "
            "board, and where in it a winning row lights up."
        ),
        body=body,
        tags=("self-play", "policy-value-network"),
        model_id="connect-four",
    )


_BODY = """\
# Connect Four

Looks at a board and says where to move and how the game will end. It has learnt from
games against itself and from nothing else.

| | |
|---|---|
| Against looking one move ahead | wins {percent:.1f} % of {n_games} games |
| Against moving anywhere | wins {chance_percent:.1f} % of {n_games} games |
| Parameters | {parameters:,} |
| Size | {kilobytes:.0f} kB, opset {opset}, float32 |
| Training | {trained:,} games, `train.py` beside this |

It moves second in every other game and plays at a glance: the column with the best
policy, no search. The player that looks one move ahead wins if it can, else stops the
other from winning, else moves anywhere. `make verify-models` plays the games again.

## Input and output

`board`: float32, batch x 3 x 6 x 7, the top row first: stones of whom it is to move,
stones of the other, and where a stone would come to lie in each column, 1 each.
`policy`: float32, batch x 7, a logit for each column, full ones among them. `value`:
float32, batch x 1, from -1, lost, to 1, won, for whom it is to move.

## Limits

The first player can always win Connect Four, and this one does not know how; a person
who looks ahead a few moves beats it. Boards that no game leads to mean nothing to it.

## Sources

Method after Anthony, Tian and Barber, "Thinking Fast and Slow with Deep Learning and
Tree Search", 2017, with a search of one move, and Sutton, "Learning to Predict by the
Methods of Temporal Differences", 1988. The weights are our own and Apache-2.0.
"""
