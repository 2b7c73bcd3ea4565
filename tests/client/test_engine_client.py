"""The client against the real engine process, faults included."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from layerscope.client.engine_client import EngineClient, EngineLost
from layerscope.client.process import exit_words
from layerscope.client.supervision import RestartRule
from layerscope.core.errors import BadInputError, EngineLostError
from layerscope.protocol.messages import (
    Cancelled,
    EngineReady,
    Failed,
    Fault,
    FindDevices,
    Finished,
    LastEvent,
    Progress,
)


@pytest.fixture
def faults(monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_FAULTS", "1")


@pytest.fixture
def client(faults):
    client = EngineClient(arena_bytes=8 << 20)
    client.start()
    yield client
    client.close()


def collect(client, until, timeout_s=20.0):
    """Poll until an event satisfies `until`, and return all events."""
    events = []
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        client.wait(0.05)
        events += client.poll()
        if any(until(event) for event in events):
            return events
    raise AssertionError(f"not seen within {timeout_s} s: {events}")


def ready(event):
    return isinstance(event, EngineReady)


def lost(event):
    return isinstance(event, EngineLost)


def fault(client, kind, value=0.0):
    job = client.next_job()
    client.send(Fault(job=job, kind=kind, value=value))
    return job


def test_the_engine_answers(client):
    events = list(client.call(FindDevices(job=client.next_job())))
    assert isinstance(events[-1], Finished)
    assert any(d.id == "cpu" and d.usable for d in events[0].devices)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("crash", 0, "SIGSEGV"),
        ("abort", 0, "SIGABRT"),
        ("exit", 0, "status 0"),
        ("exit", 7, "status 7"),
        ("die_after", 0.05, "status 9"),
    ],
)
def test_a_death_ends_every_job_and_says_how(client, kind, value, words):
    collect(client, ready)
    job = fault(client, kind, value)
    if kind == "die_after":
        collect(client, lambda e: isinstance(e, Finished) and e.job == job)
        job = fault(client, "wait")
    events = collect(client, lost)
    last = [e for e in events if isinstance(e, LastEvent) and e.job == job]
    assert [type(e) for e in last] == [Failed]
    assert words in last[0].message
    assert events[-1].reason in last[0].message
    assert not events[-1].wanted
    client.start()
    collect(client, ready)


def test_a_job_that_answers_is_cancelled_without_a_restart(client):
    collect(client, ready)
    pid = client.pid
    job = fault(client, "wait")
    collect(client, lambda e: isinstance(e, Progress) and e.job == job)
    client.cancel(job)
    events = collect(client, lambda e: isinstance(e, Cancelled) and e.job == job)
    assert not any(lost(e) for e in events)
    assert client.pid == pid


@pytest.mark.parametrize("kind", ["hang", "hang_gil", "stop"])
def test_a_job_that_does_not_answer_is_killed(client, kind):
    collect(client, ready)
    job = fault(client, kind)
    collect(client, lambda e: isinstance(e, Progress) and e.job == job)
    time.sleep(0.3)  # nothing tells that it now hangs: that is what hanging means
    client.cancel(job)
    events = collect(client, lost)
    assert [type(e) for e in events if isinstance(e, LastEvent)] == [Cancelled]
    assert events[-1].wanted


def test_a_silent_engine_is_taken_for_hung(faults):
    client = EngineClient(arena_bytes=8 << 20, silence_limit_s=1.0)
    client.start()
    try:
        collect(client, ready)
        job = fault(client, "stop")
        events = collect(client, lost)
        last = [e for e in events if isinstance(e, LastEvent)]
        assert [(type(e), e.job) for e in last] == [(Failed, job)]
    finally:
        client.close()


def test_garbage_from_the_engine_breaks_the_link_and_nothing_else(client):
    collect(client, ready)
    fault(client, "bad_message")
    assert lost(collect(client, lost)[-1])


def test_a_flood_on_standard_error_is_drained_and_its_end_kept(client):
    collect(client, ready)
    job = fault(client, "flood_stderr", 32 << 20)
    collect(client, lambda e: isinstance(e, Finished) and e.job == job)
    fault(client, "exit", 3)
    end = collect(client, lost)[-1]
    assert 0 < len(end.last_words) <= 64 << 10


def test_memory_that_does_not_suffice_is_an_answer(client):
    job = client.next_job()
    command = Fault(job=job, kind="oom")
    last = list(client.call(command, raise_failures=False))[-1]
    assert last.kind == "out-of-memory"


def test_faults_need_permission(monkeypatch):
    monkeypatch.delenv("LAYERSCOPE_FAULTS", raising=False)
    client = EngineClient(arena_bytes=8 << 20)
    client.start()
    try:
        with pytest.raises(BadInputError, match="LAYERSCOPE_FAULTS=1"):
            list(client.call(Fault(job=client.next_job(), kind="crash")))
    finally:
        client.close()


def test_commands_to_no_engine_are_an_error(faults):
    client = EngineClient(arena_bytes=8 << 20)
    try:
        with pytest.raises(EngineLostError, match="restart"):
            client.send(FindDevices(job=1))
    finally:
        client.close()


def test_an_engine_that_dies_at_every_start_is_reported_each_time(faults, monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_START_FAULT", "exit")
    client = EngineClient(arena_bytes=8 << 20)
    rule = RestartRule()
    starts = 0
    try:
        client.start()
        starts += 1
        while True:
            assert "status 7" in collect(client, lost)[-1].reason
            if not rule.crashed():
                break
            client.start()
            starts += 1
    finally:
        client.close()
    assert starts == 3


def test_an_engine_that_cannot_load_its_libraries_says_so(faults, monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_START_FAULT", "lane")
    client = EngineClient(arena_bytes=8 << 20)
    try:
        client.start()
        end = collect(client, lost)[-1]
    finally:
        client.close()
    assert "status 70" in end.reason
    assert "a library is missing" in end.last_words


def test_a_slow_start_is_no_hang(faults, monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_START_FAULT", "2.5")
    client = EngineClient(arena_bytes=8 << 20, silence_limit_s=0.5)
    try:
        client.start()
        events = list(client.call(FindDevices(job=client.next_job())))
    finally:
        client.close()
    assert isinstance(events[-1], Finished)


def test_three_crashes_in_five_minutes_and_then_ask():
    now = [0.0]
    rule = RestartRule(clock=lambda: now[0])
    assert rule.crashed()
    now[0] = 200.0
    assert rule.crashed()
    now[0] = 301.0  # the first is forgotten by now
    assert rule.crashed()
    now[0] = 302.0
    assert not rule.crashed()
    rule.forgive()
    assert rule.crashed()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "status 0"),
        (-9, "signal 9 (SIGKILL"),
        (-11, "memory fault"),
        (0xC0000005, "0xC0000005"),
        (None, "still running"),
    ],
)
def test_exit_codes_are_put_in_words(code, words):
    assert words in exit_words(code)


def test_many_kills_leave_nothing_behind(faults):
    def segments():
        return {p.name for p in Path("/dev/shm").glob(f"layerscope_{os.getpid()}_*")}

    before_segments = segments()
    client = EngineClient(arena_bytes=8 << 20)
    process = psutil.Process()

    def held():
        return process.num_fds(), process.num_threads()

    try:
        for kill in range(6):
            client.start()
            collect(client, ready)
            os.kill(client.pid, signal.SIGKILL)
            collect(client, lost)
            if kill == 1:
                time.sleep(0.5)  # the thread that drained standard error ends by then
                early = held()
        deadline = time.monotonic() + 10
        while held() > early and time.monotonic() < deadline:
            time.sleep(0.05)
        assert held() <= early
    finally:
        client.close()
    assert segments() == before_segments


def test_the_engine_does_not_outlive_its_window(tmp_path, faults):
    script = tmp_path / "window.py"
    script.write_text(
        textwrap.dedent(
            """
            import time
            from layerscope.client.engine_client import EngineClient

            if __name__ == "__main__":
                client = EngineClient(arena_bytes=8 << 20)
                client.start()
                print(client.pid, flush=True)
                time.sleep(60)
            """
        )
    )
    app = str(Path(__file__).parents[2] / "app")
    window = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": app},
        text=True,
    )
    assert window.stdout is not None
    engine = psutil.Process(int(window.stdout.readline()))
    window.kill()
    window.wait()
    window.stdout.close()
    engine.wait(timeout=10)
    assert not engine.is_running()
