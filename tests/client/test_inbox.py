"""A caller who waits reads for itself; nothing is lost when the reader changes."""

import os
import signal
import threading

import pytest

from layerscope.client.engine_client import EngineClient, EngineLost
from layerscope.core.errors import EngineLostError
from layerscope.protocol.messages import (
    Cancelled,
    EngineReady,
    Fault,
    FindDevices,
    Finished,
    LastEvent,
    Progress,
)


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_FAULTS", "1")
    client = EngineClient(arena_bytes=8 << 20)
    client.start()
    yield client
    client.close()


def polled(client, until):
    """Poll until an event satisfies `until`, and return all events."""
    events = []
    for _ in range(400):
        client.wait(0.05)
        events += client.poll()
        if any(until(event) for event in events):
            return events
    raise AssertionError(f"not seen: {events}")


def test_calls_and_polls_may_take_turns(client):
    polled(client, lambda e: isinstance(e, EngineReady))
    for _ in range(5):
        for _ in range(3):
            called = list(client.call(FindDevices(job=client.next_job())))
            assert [type(e) for e in called if isinstance(e, LastEvent)] == [Finished]
        job = client.next_job()
        client.send(FindDevices(job=job))
        events = polled(client, lambda e, job=job: e.job == job and last(e))
        assert sum(last(e) for e in events) == 1
        assert client.poll() == []


def last(event):
    return isinstance(event, LastEvent)


def test_a_caller_is_told_of_the_death_of_the_engine(client):
    polled(client, lambda e: isinstance(e, EngineReady))
    call = client.call(Fault(job=client.next_job(), kind="wait"))
    assert isinstance(next(call), Progress)
    threading.Timer(0.2, os.kill, (client.pid, signal.SIGKILL)).start()
    with pytest.raises(EngineLostError, match="SIGKILL"):
        list(call)
    assert not client.running
    client.start()
    again = list(client.call(FindDevices(job=client.next_job())))
    assert isinstance(again[-1], Finished)


def test_a_caller_is_told_of_garbage_from_the_engine(client):
    with pytest.raises(EngineLostError):
        list(client.call(Fault(job=client.next_job(), kind="bad_message")))


def test_a_caller_who_gives_up_gets_the_last_event_of_its_job(client):
    command = Fault(job=client.next_job(), kind="wait")
    events = list(client.call(command, timeout_s=0.3))
    assert [type(e) for e in events if last(e)] == [Cancelled]
    assert client.running


def test_a_caller_whose_engine_hangs_gets_it_ended(client):
    list(client.call(FindDevices(job=client.next_job())))  # its libraries are loaded
    command = Fault(job=client.next_job(), kind="hang_gil")
    events = list(client.call(command, timeout_s=0.3))
    assert isinstance(events[-1], Cancelled)
    assert not client.running


def test_an_end_between_two_calls_is_told_when_polled(client):
    list(client.call(FindDevices(job=client.next_job())))
    os.kill(client.pid, signal.SIGKILL)
    events = polled(client, lambda e: isinstance(e, EngineLost))
    assert "SIGKILL" in events[-1].reason
