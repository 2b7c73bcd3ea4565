"""Tests of the rules of Connect Four, of its players and of learning it."""

import numpy as np
import pytest
import torch
from tests.raw_onnxruntime import raw_session

from layerscope.library.bundled import bundled_models
from training import connect_four, connect_four_model, self_play

DRAWN = "312415450032514544433201235665661062216300"  # columns of a whole game
WON = {
    "upright": "0101010",
    "level": "0011223",
    "rising": "01122323363",
    "falling": "65544343303",
}


def played(columns):
    """Return the one board after stones in `columns`."""
    boards = connect_four.empty(1)
    for column in columns:
        assert boards.legal()[0, int(column)]
        boards = boards.after(np.array([int(column)]))
    return boards


def four_by_looking(stones):
    """Say of (6, 7) zeros and ones whether four lie in a row, place by place."""
    for row in range(6):
        for column in range(7):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                places = [(row + down * n, column + right * n) for n in range(4)]
                inside = all(r < 6 and 0 <= c < 7 for r, c in places)
                if inside and all(stones[place] for place in places):
                    return True
    return False


@pytest.mark.parametrize("direction", WON)
def test_four_in_a_row_are_found_in_every_direction(direction):
    columns = WON[direction]

    assert not played(columns[:-1]).lost()[0]
    assert played(columns).lost()[0]


def test_found_rows_are_those_that_lie_on_the_board():
    random = np.random.default_rng(0)
    boards = connect_four.empty(60)
    found = 0
    for _ in range(20):
        boards = boards.after(connect_four.random_player(boards, random))
        others = boards.planes()[:, 1]
        lost = boards.lost()
        assert lost.tolist() == [four_by_looking(stones) for stones in others]
        found += int(lost.sum())
        boards = boards.of(~lost)
    assert found > 8


def test_network_sees_own_stones_and_the_others_and_where_one_would_land():
    own, other, landing = played("3340").planes()[0]

    assert np.argwhere(own).tolist() == [[5, 3], [5, 4]]
    assert np.argwhere(other).tolist() == [[4, 3], [5, 0]]
    assert np.argwhere(landing).tolist() == [
        [3, 3],
        [4, 0],
        [4, 4],
        *([5, column] for column in (1, 2, 5, 6)),
    ]


def test_full_column_takes_no_stone():
    boards = played("222222")

    assert boards.legal()[0].tolist() == [True, True, False, True, True, True, True]
    assert boards.planes()[0, 2, :, 2].sum() == 0
    assert not boards.full()[0]
    network = self_play.PolicyValueNetwork()
    assert self_play.look_ahead(network, boards)[0, 2] == -2


def follower_of(columns):
    """Return a player of a game that is known, whoever's turn it is."""

    def move(boards, random):
        turn = int(boards.planes()[0, :2].sum())
        return np.full(len(boards), int(columns[turn]))

    return move


def test_full_board_without_four_is_a_draw():
    boards = played(DRAWN)

    assert boards.full()[0]
    assert not boards.lost()[0]
    assert not boards.legal().any()


def test_share_counts_wins_alone_and_lets_both_begin():
    draw, win = follower_of(DRAWN), follower_of(WON["level"])

    assert connect_four.share_won(draw, draw, 2, seed=0) == 0
    # Whoever begins wins this game, and that is each of them once.
    assert connect_four.share_won(win, win, 2, seed=0) == 0.5


@pytest.mark.parametrize(
    ("columns", "answer"), [("010101", 0), ("01010", 0), ("00112", 3), ("001122", 3)]
)
def test_looking_player_wins_or_stops_the_other(columns, answer):
    boards = played(columns)

    for seed in range(5):
        random = np.random.default_rng(seed)
        (column,) = connect_four.looking_player(boards, random)
        assert column == answer


def test_looking_player_beats_chance():
    share = connect_four.share_won(
        connect_four.looking_player, connect_four.random_player, 200, seed=0
    )

    assert share > 0.85


def test_look_ahead_counts_what_is_in_sight_exactly():
    network = self_play.PolicyValueNetwork()

    (winning,) = self_play.look_ahead(network, played("010101"))
    (losing,) = self_play.look_ahead(network, played("01010"))

    assert winning[0] == 1
    assert abs(winning[1]) < 1  # stops the other
    assert winning[2:].tolist() == [-1] * 5
    assert losing[0] > -1
    assert losing[1:].tolist() == [-1] * 6


def test_lessons_end_as_the_game_did():
    torch.manual_seed(0)
    network = self_play.PolicyValueNetwork()
    recipe = self_play.Recipe(games=40, smoothing=1.0)

    lessons = self_play.play(network, recipe, np.random.default_rng(0))

    np.testing.assert_allclose(lessons.policy.sum(1), 1, rtol=1e-5)
    full = lessons.planes[:, 2].sum(1) == 0  # columns without a landing place
    assert (lessons.policy[full] < 1e-6).all()
    assert set(np.unique(lessons.value)) <= {-1.0, 0.0, 1.0}
    # The last position of a won game is that of the winner.
    n_stones = lessons.planes[:, :2].sum((1, 2, 3))
    assert (n_stones[:40] == 0).all()
    assert lessons.value.max() == 1
    assert lessons.value.min() == -1


def test_learning_prefers_what_was_taught():
    torch.manual_seed(0)
    network = self_play.PolicyValueNetwork()
    recipe = self_play.Recipe(games=32, steps=30, batch_size=64)
    random = np.random.default_rng(0)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    lessons = [self_play.play(network, recipe, random)]

    first = self_play.learn(network, optimiser, lessons, recipe, random)
    later = self_play.learn(network, optimiser, lessons, recipe, random)

    assert later < first - 0.02


def test_published_folder_plays_and_brings_a_sample(tmp_path):
    torch.manual_seed(0)
    network = self_play.PolicyValueNetwork()

    connect_four_model.write_folder(tmp_path, network)

    session = raw_session(tmp_path / "model.onnx")
    with np.load(tmp_path / "sample.npz") as sample:
        feed = dict(sample)
    policy, value = session.run(["policy", "value"], feed)
    assert feed["board"].shape == (2, 3, 6, 7)
    assert policy.shape == (2, 7)
    assert value.shape == (2, 1)
    player = connect_four_model.policy_player(tmp_path)
    share = connect_four.share_won(player, connect_four.random_player, 8, seed=0)
    assert 0 <= share <= 1


def test_sample_boards_are_those_that_the_text_says():
    boards = connect_four_model.sample_boards()

    winning, threatened = boards.winning(), boards.threatened()

    assert not boards.lost().any()
    assert np.flatnonzero(winning[0]).tolist() == [3]
    assert np.flatnonzero(threatened[1]).tolist() == [3]
    assert not winning[1].any()


@pytest.mark.slow
def test_quick_training_leaves_a_whole_folder(trained):
    entry = trained("connect-four")

    assert entry.task == "reinforcement-learning"
    assert 0 <= entry.value <= 1
    assert f"wins {100 * entry.value:.1f} % of 200" in (
        entry.path / "README.md"
    ).read_text(encoding="utf-8")
    session = raw_session(entry.path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    assert names == ["policy", "value"]


def test_bundled_network_beats_both_players():
    (entry,) = [entry for entry in bundled_models() if entry.id == "connect-four"]
    player = connect_four_model.policy_player(entry.path)

    looking = connect_four.share_won(player, connect_four.looking_player, 60, seed=5)
    chance = connect_four.share_won(player, connect_four.random_player, 60, seed=5)

    assert entry.value >= 0.75
    assert looking == pytest.approx(entry.value, abs=0.15)
    assert chance >= 0.95
