"""When to run: one in flight, the newest request replaces the one that waits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from layerscope.core.sampling import Sampling
from layerscope.protocol.inputs import (
    CameraFrame,
    PictureFile,
    PreviousOutput,
    SettingValue,
    VideoFrame,
)
from layerscope.protocol.messages import (
    Cancelled,
    Event,
    Failed,
    LastEvent,
    LayersProfiled,
    Profile,
    Run,
    RunAnswered,
    Watch,
)

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller

STILL_INTERVAL_S = 1 / 30
IDLE_SHARE = 0.5
PROFILE_BELOW_MS = 400.0
THUMBNAILS = 96
SAMPLING_SETTINGS = frozenset(field.name for field in fields(Sampling))


class RunScheduler:
    """Sends runs for the controller.

    While live, a changing input (camera, video, fed-back state) runs as fast as
    the engine can; an input that stands still repeats at most 30 times a second
    and leaves the machine a third of the time.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._in_flight = 0
        self._profile_job = 0
        self._wanted = False
        self._look_wanted = False
        self._sent = 0.0
        self._took_s = 0.0
        self._answered_model = 0
        self._first = False
        self._visible: tuple[str, ...] = ()

    def run_once(self) -> None:
        """Run as soon as possible; a run of many steps makes room for the new one."""
        self._wanted = True
        if self._in_flight and self._controller.session.stepped:
            self._controller.client.cancel(self._in_flight)
        self.tick()

    def changed(self) -> None:
        """An input or a setting changed."""
        if self._controller.session.live:
            self.run_once()

    def settings_changed(self, before: Mapping[str, SettingValue]) -> None:
        """Run while live, unless what was kept is enough to show the change.

        Parameters
        ----------
        before : mapping of str to SettingValue
            The settings that were replaced.
        """
        session = self._controller.session
        now = session.settings
        names = {*before, *now}
        changed = {name for name in names if before.get(name) != now.get(name)}
        # The lens draws anew from kept logits; a run would rewrite the whole text.
        kept = session.stepped and "sampling" in session.lenses
        if not (kept and changed and changed <= SAMPLING_SETTINGS):
            self.changed()

    def looked_elsewhere(self) -> None:
        """Another layer is to be shown; needs a run of an already answered model."""
        session = self._controller.session
        if self._answered_model != session.model:
            return
        if session.stepped:
            self._look_wanted = True
        else:
            self._wanted = True

    def watch(self, tensors: tuple[str, ...]) -> None:
        """Take the tensors that the network view can show."""
        tensors = tensors[:THUMBNAILS]
        if tensors != self._visible:
            self._visible = tensors
            self.looked_elsewhere()

    def stop(self) -> None:
        """Cancel what runs."""
        self._wanted = False
        for job in (self._in_flight, self._profile_job):
            if job:
                self._controller.client.cancel(job)

    def profile(self) -> None:
        """Send a profiled run, unless one is under way."""
        session = self._controller.session
        if session.runnable and not self._profile_job:
            self._profile_job = self._controller.client.next_job()
            self._controller.client.send(
                Profile(job=self._profile_job, model=session.model)
            )

    def tick(self) -> None:
        """Send a run if one is due and none is in flight."""
        session = self._controller.session
        if not session.runnable or self._in_flight or session.engine == "stopped":
            return
        look_only = self._look_wanted and not self._wanted
        if not (self._wanted or look_only) and not (session.live and self._due()):
            return
        if not self._controller.client.running:
            return
        self._wanted = self._look_wanted = False
        self._sent = time.monotonic()
        self._in_flight = self._controller.client.next_job()
        once = {} if look_only else session.once
        if once:
            session.once = {}
        self._controller.client.send(
            Run(
                job=self._in_flight,
                model=session.model,
                inputs=session.inputs,
                settings={**session.settings, **once},
                watch=self.watching(),
                look_only=look_only,
            )
        )
        if not session.running:
            session.running = True

    def watching(self) -> Watch:
        """Return what of the inside is on the screen now."""
        session = self._controller.session
        return Watch(
            tensors=self._visible,
            focus=session.selection.tensor,
            unit=session.selection.unit,
            order=session.wall.order,
            scale=session.wall.scale,
            boost=session.wall.boost,
        )

    def note(self, event: Event) -> None:
        """See whether `event` ends the run in flight."""
        if not isinstance(event, LastEvent):
            if isinstance(event, RunAnswered) and event.job == self._in_flight:
                # From now on a look elsewhere needs another run.
                model = self._controller.session.model
                self._first = self._first or self._answered_model != model
                self._answered_model = model
            if isinstance(event, LayersProfiled) and event.job == self._profile_job:
                self._controller.session.profile = (
                    event.layers
                    if event.page == 0
                    else self._controller.session.profile + event.layers
                )
            return
        if event.job == self._profile_job:
            self._profile_job = 0
        if event.job != self._in_flight:
            return
        self._in_flight = 0
        self._took_s = time.monotonic() - self._sent
        session = self._controller.session
        session.running = False
        if isinstance(event, Failed):
            session.live = False
            self._give_up_camera()
        if isinstance(event, Failed | Cancelled):
            return
        first, self._first = self._first, False
        if first and self._took_s * 1e3 < PROFILE_BELOW_MS:
            self.profile()

    def forget(self) -> None:
        """The engine is gone; nothing is in flight."""
        self._in_flight = self._profile_job = 0
        self._answered_model = 0

    def _give_up_camera(self) -> None:
        """Show a sample instead of a camera whose pictures cannot be had."""
        session = self._controller.session
        samples = self._controller.sample_pictures()
        if samples:
            picture = PictureFile(path=str(samples[0]))
            session.inputs = {
                name: picture if isinstance(source, CameraFrame) else source
                for name, source in session.inputs.items()
            }

    def _due(self) -> bool:
        if self._controller.session.stepped:
            return False  # only what changes is worth a run of many steps
        sources = self._controller.session.inputs.values()
        if any(
            isinstance(s, CameraFrame | PreviousOutput)
            or (isinstance(s, VideoFrame) and s.position < 0)
            for s in sources
        ):
            return True
        pause = max(STILL_INTERVAL_S, self._took_s * (1 + IDLE_SHARE))
        return time.monotonic() - self._sent >= pause
