import numpy as np
import pytest

from layerscope.core.sampling import Sampling, choose, distribution, softmax

LOGITS = np.array([2.0, 1.0, 0.0, -1.0, 1.0], dtype=np.float32)


def shares(logits):
    powers = np.exp(np.asarray(logits, dtype=np.float64))
    return powers / powers.sum()


def test_plain_sampling_goes_by_the_models_own_probabilities():
    np.testing.assert_allclose(distribution(LOGITS, Sampling()), shares(LOGITS), 1e-6)


def test_temperature_divides_the_logits():
    found = distribution(LOGITS, Sampling(temperature=0.5))
    np.testing.assert_allclose(found, shares(LOGITS * 2), 1e-6)


def test_top_k_keeps_so_many_even_where_some_are_equal():
    found = distribution(LOGITS, Sampling(top_k=2))
    assert np.count_nonzero(found) == 2
    assert found[0] == pytest.approx(np.exp(2) / (np.exp(2) + np.exp(1)))


def test_top_p_keeps_the_token_that_crosses_the_share():
    p = shares(LOGITS)
    found = distribution(LOGITS, Sampling(top_p=float(p[0]) + 0.01))
    assert np.flatnonzero(found).tolist() == [0, 1]
    assert np.count_nonzero(distribution(LOGITS, Sampling(top_p=0.0))) == 1


def test_min_p_leaves_out_what_is_much_less_likely_than_the_best():
    found = distribution(LOGITS, Sampling(min_p=0.2))
    assert np.flatnonzero(found).tolist() == [0, 1, 4]


def test_the_repetition_penalty_shrinks_what_was_seen():
    found = distribution(LOGITS, Sampling(repetition_penalty=2.0), seen=[0, 3, 3, 99])
    np.testing.assert_allclose(found, shares([1.0, 1.0, 0.0, -2.0, 1.0]), 1e-6)


def test_greedy_takes_the_first_of_the_likeliest():
    for sampling in (Sampling(greedy=True), Sampling(temperature=0), Sampling(top_k=1)):
        assert choose(LOGITS, sampling) == 0
        assert distribution(LOGITS, sampling).tolist() == [1, 0, 0, 0, 0]


def test_draws_follow_the_distribution_and_repeat():
    sampling = Sampling(temperature=1.0, seed=3)
    draws = [choose(LOGITS, sampling, step=step) for step in range(4000)]
    assert draws == [choose(LOGITS, sampling, step=step) for step in range(4000)]
    found = np.bincount(draws, minlength=5) / 4000
    np.testing.assert_allclose(found, shares(LOGITS), atol=0.03)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_still_give_a_token(value):
    logits = np.array([value, 1.0, value], dtype=np.float32)
    found = distribution(logits, Sampling())
    assert found.sum() == pytest.approx(1)
    assert 0 <= choose(logits, Sampling(seed=1)) < 3
    everything = np.full(3, value, dtype=np.float32)
    assert 0 <= choose(everything, Sampling(seed=1)) < 3
    assert choose(np.array([np.nan, 1.0, 5.0], np.float32), Sampling(greedy=True)) == 2


def test_softmax_of_halves_is_computed_in_single_precision():
    found = softmax(np.array([[11.0, 12.0]], dtype=np.float16))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [shares([11, 12])], 1e-6)
