"""The two lanes of the engine process."""

import time

import numpy as np
import pytest

from layerscope.client.engine_client import EngineClient, EngineLost
from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import PreviousOutput, TensorFile
from layerscope.protocol.messages import (
    Cancel,
    Cancelled,
    CloseModel,
    Failed,
    Fault,
    FetchTensor,
    FindDevices,
    Finished,
    LastEvent,
    ModelReady,
    OpenModel,
    Run,
    RunAnswered,
    TensorFetched,
)


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_FAULTS", "1")
    client = EngineClient(arena_bytes=16 << 20)
    client.start()
    yield client
    client.close()


def last_of(client, jobs, timeout_s=30.0):
    """Return the last event of each job."""
    last = {}
    deadline = time.monotonic() + timeout_s
    while set(jobs) - set(last):
        assert time.monotonic() < deadline, last
        client.wait(0.05)
        for event in client.poll():
            if isinstance(event, LastEvent):
                assert event.job not in last, "two last events of one job"
                last[event.job] = event
    return last


def occupy(client):
    """Keep the run lane busy until the job is cancelled."""
    job = client.next_job()
    client.send(Fault(job=job, kind="wait"))
    return job


def test_a_query_does_not_wait_for_a_run(client):
    busy = occupy(client)
    events = list(client.call(FindDevices(job=client.next_job())))
    assert isinstance(events[-1], Finished)
    client.cancel(busy)
    assert isinstance(last_of(client, [busy])[busy], Cancelled)


def test_the_newest_run_replaces_the_one_that_waits(client, tiny_models):
    path = str(tiny_models / "mlp.onnx")
    opened = list(client.call(OpenModel(job=client.next_job(), model=1, path=path)))
    assert any(isinstance(event, ModelReady) for event in opened)
    busy = occupy(client)
    jobs = [client.next_job() for _ in range(4)]
    for job in jobs:
        client.send(Run(job=job, model=1))
    client.cancel(busy)
    last = last_of(client, [busy, *jobs])
    assert [type(last[job]) for job in jobs] == [Cancelled] * 3 + [Finished]
    assert all(last[job].replaced for job in jobs[:3])


def test_a_waiting_run_can_be_cancelled(client, tiny_models):
    path = str(tiny_models / "mlp.onnx")
    list(client.call(OpenModel(job=client.next_job(), model=1, path=path)))
    busy = occupy(client)
    waiting = client.next_job()
    client.send(Run(job=waiting, model=1))
    client.cancel(waiting)
    last = last_of(client, [waiting])[waiting]
    assert isinstance(last, Cancelled)
    assert not last.replaced
    client.cancel(busy)
    last_of(client, [busy])


def test_a_closed_model_says_so(client, tiny_models):
    path = str(tiny_models / "mlp.onnx")
    list(client.call(OpenModel(job=client.next_job(), model=1, path=path)))
    list(client.call(CloseModel(job=client.next_job(), model=1)))
    run = Run(job=client.next_job(), model=1)
    last = list(client.call(run, raise_failures=False))[-1]
    assert isinstance(last, Failed)
    assert "no longer open" in last.message


def test_warm_up_is_kept_apart_from_the_samples(client, tiny_models):
    path = str(tiny_models / "mlp.onnx")
    list(client.call(OpenModel(job=client.next_job(), model=1, path=path)))
    answers = []
    for repeats in (7, 3):
        run = Run(job=client.next_job(), model=1, repeats=repeats)
        answers += [e for e in client.call(run) if isinstance(e, RunAnswered)]
    assert [len(a.samples_ms) for a in answers] == [7, 3]
    assert answers[0].stages.warm_up_ms >= 0
    assert answers[1].stages.warm_up_ms == -1


def test_a_state_of_one_model_does_not_reach_the_next(client, tiny_models):
    path = str(tiny_models / "lstm.onnx")
    states = {"h0": PreviousOutput(output="h1"), "c0": PreviousOutput(output="c1")}

    def run(model):
        list(client.call(Run(job=client.next_job(), model=model, inputs=states)))
        fetch = FetchTensor(job=client.next_job(), model=model, tensor="h1")
        fetched = [e for e in client.call(fetch) if isinstance(e, TensorFetched)]
        return client.arrays_in.get(fetched[0].array).copy()

    for model in (1, 2):
        list(client.call(OpenModel(job=client.next_job(), model=model, path=path)))
    first, second = run(1), run(1)
    assert (first != second).any()
    assert (run(2) == first).all()


def test_an_empty_array_is_no_picture(client, tiny_models, tmp_path):
    arrays = tmp_path / "empty.npz"
    np.savez(arrays, image=np.zeros((0, 3, 16, 16), np.float32))
    path = str(tiny_models / "conv.onnx")
    list(client.call(OpenModel(job=client.next_job(), model=1, path=path)))
    inputs = {"image": TensorFile(path=str(arrays), key="image")}
    with pytest.raises(BadInputError, match="without elements"):
        list(client.call(Run(job=client.next_job(), model=1, inputs=inputs)))


def test_either_thread_runs_and_the_other_one_still_receives(client, tiny_models):
    path = str(tiny_models / "mlp.onnx")
    list(client.call(OpenModel(job=client.next_job(), model=1, path=path)))
    for _ in range(4):  # the two threads take turns at running
        busy = occupy(client)
        events = list(client.call(FindDevices(job=client.next_job())))
        assert isinstance(events[-1], Finished)
        client.send(Cancel(job=busy))
        assert isinstance(last_of(client, [busy])[busy], Cancelled)
        run = list(client.call(Run(job=client.next_job(), model=1)))
        assert [type(event) for event in run] == [RunAnswered, Finished]


def test_commands_are_obeyed_in_their_order(client, tiny_models):
    path = str(tiny_models / "mlp.onnx")
    for _ in range(4):
        client.send(OpenModel(job=client.next_job(), model=1, path=path))
        run = Run(job=client.next_job(), model=1)
        assert isinstance(list(client.call(run))[-1], Finished)
        client.send(CloseModel(job=client.next_job(), model=1))
        run = Run(job=client.next_job(), model=1)
        last = list(client.call(run, raise_failures=False))[-1]
        assert isinstance(last, Failed)
        assert "no longer open" in last.message


def test_the_end_can_be_asked_for_during_a_run(client):
    busy = occupy(client)
    client.wait(10.0)
    client.stop()
    events = client.poll()
    assert [e.job for e in events if isinstance(e, LastEvent)] == [busy]
    assert isinstance(events[-1], EngineLost)
    assert "status 0" in events[-1].reason
