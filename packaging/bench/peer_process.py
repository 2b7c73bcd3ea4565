"""Peers in environments of their own, asked over pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = CHECKOUT / "packaging" / "peers"
ENVIRONMENTS = CHECKOUT / "out" / "peers"
# Idle threads of most peers spin for a while after a run and so slow whoever runs
# next; each comes after this rest.
SETTLE_S = 0.06


class PeerMissingError(Exception):
    """A peer cannot be compared with; the text says why, in a line."""


def interpreter(environment: str) -> Path:
    """Return the Python of an environment.

    Raises
    ------
    PeerMissingError
        It was not made.
    """
    sys.path.insert(0, str(SCRIPTS))
    from make_peers import MADE, python_of

    folder = ENVIRONMENTS / environment
    if not (folder / MADE).exists():
        raise PeerMissingError(
            f"the environment {environment} is not there; run "
            f"python packaging/peers/make_peers.py {environment}"
        )
    return python_of(folder)


def surroundings() -> dict[str, str]:
    """Return the environment variables of a peer: it asks no hub for anything."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def write_model(environment: str, script: str, *arguments: str, into: Path) -> Path:
    """Let a peer write a model, unless it is there, and return its folder.

    Raises
    ------
    PeerMissingError
        The environment is not there, or the script failed.
    """
    if (into / "complete").exists():
        return into
    done = subprocess.run(
        [interpreter(environment), SCRIPTS / script, *arguments, into],
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1:] or ["no words"]
        raise PeerMissingError(f"{script} failed: {words[0]}")
    return into


class PeerProcess:
    """One peer in a process of its own.

    Parameters
    ----------
    environment : str
        Whose Python runs it.
    script : str
        Below ``packaging/peers``.
    arguments : str
        Of the script.

    Raises
    ------
    PeerMissingError
        The environment is not there, or the script could not begin.
    """

    def __init__(self, environment: str, script: str, *arguments: str) -> None:
        self._name = f"{script} {arguments[0]}"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the peer
        self._process = subprocess.Popen(
            [interpreter(environment), SCRIPTS / script, *arguments],
            env=surroundings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()
        self._errors.close()

    def ask(self, call: str, **arguments: Any) -> dict[str, Any]:
        """Rest, then let the peer do something; it times itself.

        Raises
        ------
        PeerMissingError
            It failed.
        """
        time.sleep(SETTLE_S)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([call, arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace")
            words = said.strip().splitlines()[-1:] or ["no words"]
            raise PeerMissingError(f"{self._name} ended: {words[0]}")
        answer: dict[str, Any] = json.loads(line)
        return answer
