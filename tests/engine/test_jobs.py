"""Exactly one last event, whatever a job does."""

import pytest

from layerscope.core import errors
from layerscope.engine.jobs import CancelToken, Parting, run_job
from layerscope.protocol.messages import Cancelled, Failed, Finished, Progress


class PanicError(BaseException):
    """Derives from BaseException alone, as panics of extension modules do."""


def drive(steps, token=None):
    sent = []
    run_job(1, steps, token or CancelToken(), sent.append)
    return sent


def test_a_job_that_ends_has_finished():
    def steps():
        yield Progress(job=1, text="a")
        yield Progress(job=1, text="b")

    assert [type(e) for e in drive(steps())] == [Progress, Progress, Finished]


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (errors.BadInputError("no such file"), "bad-input", "no such file"),
        (errors.ModelRefusedError("unknown operator", "n1"), "refused", "unknown"),
        (MemoryError(), "out-of-memory", "memory did not suffice"),
        (RuntimeError("CUDA\n  says no"), "internal", "CUDA says no"),
        (PanicError("panic"), "internal", "panic"),
    ],
)
def test_a_job_that_raises_has_failed_with_one_sentence(error, kind, text):
    def steps():
        yield Progress(job=1, text="a")
        raise error

    last = drive(steps())[-1]
    assert isinstance(last, Failed)
    assert last.kind == kind
    assert text in last.message
    assert "\n" not in last.message


def test_cancelling_closes_the_generator():
    token = CancelToken()
    closed = []

    def steps():
        try:
            yield Progress(job=1, text="a")
            token.cancel()
            yield Progress(job=1, text="b")
            yield Progress(job=1, text="never")
        finally:
            closed.append(True)

    sent = drive(steps(), token)
    assert [type(e) for e in sent] == [Progress, Progress, Cancelled]
    assert closed == [True]


def test_a_parting_event_goes_together_with_the_last_one():
    def steps():
        yield Progress(job=1, text="a")
        yield Parting(Progress(job=1, text="b"))

    sent = []
    run_job(1, steps(), CancelToken(), lambda *events: sent.append(events))
    assert [[type(e) for e in events] for events in sent] == [
        [Progress],
        [Progress, Finished],
    ]
    assert sent[1][0].text == "b"


def test_a_job_that_fails_after_its_parting_event_says_both():
    def steps():
        yield Parting(Progress(job=1, text="a"))
        raise errors.BadInputError("no such file")

    sent = []
    run_job(1, steps(), CancelToken(), lambda *events: sent.extend(events))
    assert [type(e) for e in sent] == [Progress, Failed]


def test_a_call_inside_a_job_can_be_ended_from_outside():
    token = CancelToken()
    told = []
    with token.on_cancel(lambda: told.append("stop")):
        token.cancel()
    assert told == ["stop"]
    with token.on_cancel(lambda: told.append("late")):
        pass
    assert told == ["stop", "late"]
    with pytest.raises(errors.JobCancelledError):
        token.check()
