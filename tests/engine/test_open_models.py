"""Untouched runs stay within their share of the time."""

from layerscope.engine.open_models import TimeBudget


def spent_within(seconds, run_s, step_s):
    now = [0.0]
    budget = TimeBudget(share=0.1, most_s=0.1, clock=lambda: now[0])
    spent = 0.0
    while now[0] < seconds:
        if budget.allows():
            budget.spend(run_s)
            spent += run_s
            now[0] += run_s
        now[0] += step_s
    return spent


def test_the_first_run_is_allowed():
    assert TimeBudget().allows()


def test_slow_runs_take_a_tenth_of_the_time():
    assert 9.0 <= spent_within(100.0, run_s=0.2, step_s=0.2) <= 10.4


def test_quick_runs_with_pauses_may_always_run():
    now = 30.0
    assert spent_within(now, run_s=0.001, step_s=0.033) >= 0.9 * now / 0.034 * 0.001


def test_a_long_pause_is_followed_by_no_burst():
    now = [0.0]
    budget = TimeBudget(share=0.1, most_s=0.1, clock=lambda: now[0])
    now[0] = 1000.0
    allowed = 0
    for _ in range(50):
        if budget.allows():
            budget.spend(0.05)
            allowed += 1
    assert allowed <= 3
