"""Read what the engine and the accelerator use, about once a second."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller

INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUse:
    """Load of one NVIDIA GPU.

    Attributes
    ----------
    load : float
        0 to 1.
    used_bytes, total_bytes : int
        Of its memory, by all processes.
    """

    load: float
    used_bytes: int
    total_bytes: int


class MachineMeter:
    """Keeps `Session.memory_bytes` and the GPU's figures up to date.

    Reading a GPU can take milliseconds, so that a thread of its own does it.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._read_at = 0.0
        self._gpu: GpuUse | None = None
        self._reading: threading.Thread | None = None

    def tick(self) -> None:
        """Read the engine's memory, if a second has passed."""
        now = time.monotonic()
        if now - self._read_at < INTERVAL_S or not self._controller.client.running:
            return
        self._read_at = now
        session = self._controller.session
        import psutil  # here, for the window is to be there before it is loaded

        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._controller.client.pid)
            session.memory_bytes = int(process.memory_info().rss)
        on_gpu = any(d.usable and d.id.startswith("cuda") for d in session.devices)
        if on_gpu and (self._reading is None or not self._reading.is_alive()):
            self._reading = threading.Thread(target=self._read_gpu, daemon=True)
            self._reading.start()
        if self._gpu is not None:
            session.device_load = self._gpu.load
            session.device_memory_bytes = self._gpu.used_bytes
            session.device_memory_total = self._gpu.total_bytes

    def _read_gpu(self) -> None:
        import pynvml  # a large module that few machines have a use for

        try:
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            rates = pynvml.nvmlDeviceGetUtilizationRates(handle)
            self._gpu = GpuUse(
                load=rates.gpu / 100,
                used_bytes=int(memory.used),
                total_bytes=int(memory.total),
            )
        except pynvml.NVMLError:
            self._gpu = None
