"""Devices: which there are, and which of them really compute."""

from __future__ import annotations

import contextlib
import functools
import logging
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import psutil
from onnx import helper

from layerscope.core.errors import DeviceError
from layerscope.engine.runtime.sessions import (
    CPU,
    ProviderList,
    session_of_bytes,
    session_options,
    start_runtime,
)
from layerscope.protocol.values import DeviceInfo

logger = logging.getLogger(__name__)

__all__ = ["choose", "find_devices", "providers_of", "start_runtime"]

# (provider, id, name), the one to prefer first
_OTHERS = (
    ("CoreMLExecutionProvider", "coreml", "Core ML"),
    ("DmlExecutionProvider", "dml", "DirectML"),
    ("OpenVINOExecutionProvider", "openvino", "OpenVINO"),
    ("ROCMExecutionProvider", "rocm", "ROCm"),
    ("MIGraphXExecutionProvider", "migraphx", "MIGraphX"),
    ("QNNExecutionProvider", "qnn", "QNN"),
    ("WebGpuExecutionProvider", "webgpu", "WebGPU"),
)


@functools.cache
def find_devices() -> tuple[DeviceInfo, ...]:
    """Return the devices of this machine, the best usable one first.

    Each that is not the CPU is proved by running one node; where that fails, the
    device is listed all the same, with the reason.
    """
    start_runtime()
    available = ort.get_available_providers()
    found: list[DeviceInfo] = []
    if "CUDAExecutionProvider" in available:
        cards = _nvidia_cards()
        if cards:
            _load_cuda_libraries()
        for index, (name, memory) in enumerate(cards):
            found.append(
                _proved(f"cuda:{index}", name, "CUDAExecutionProvider", memory)
            )
            if found[-1].usable and "TensorrtExecutionProvider" in available:
                found.append(
                    _proved(
                        f"tensorrt:{index}",
                        f"{name} (TensorRT)",
                        "TensorrtExecutionProvider",
                        memory,
                    )
                )
        if not cards:
            found.append(
                DeviceInfo(
                    id="cuda:0",
                    name="NVIDIA GPU",
                    provider="CUDAExecutionProvider",
                    usable=False,
                    reason="onnxruntime here can use CUDA, but no NVIDIA driver "
                    "answers; install the driver, version 580 or newer.",
                )
            )
    for provider, device_id, name in _OTHERS:
        if provider in available:
            found.append(_proved(device_id, name, provider, 0))
    found.append(
        DeviceInfo(
            id="cpu",
            name=_cpu_name(),
            provider=CPU,
            usable=True,
            memory_bytes=psutil.virtual_memory().total,
        )
    )
    # TensorRT builds an engine for minutes: it is there to be chosen, not first.
    return tuple(
        sorted(found, key=lambda d: (not d.usable, d.id.startswith("tensorrt")))
    )


def choose(device_id: str) -> DeviceInfo:
    """Return the device to use.

    Parameters
    ----------
    device_id : str
        ``"auto"`` or empty for the best usable one, ``"cuda"`` for the first of
        its kind, or an id.

    Raises
    ------
    DeviceError
        There is no such device, or it does not work.
    """
    devices = find_devices()
    usable = [d for d in devices if d.usable and not d.id.startswith("tensorrt")]
    wanted = device_id.strip().lower()
    if wanted in ("", "auto"):
        return usable[0]
    for device in devices:
        if wanted in (device.id, device.id.split(":")[0]):
            if device.usable:
                return device
            raise DeviceError(
                f'The device "{device_id}" was asked for, but it does not work: '
                f"{device.reason}"
            )
    there = ", ".join(d.id for d in devices if d.usable)
    raise DeviceError(
        f'The device "{device_id}" was asked for, and there is none; choose one of: '
        f"{there}."
    )


def providers_of(device: DeviceInfo) -> ProviderList:
    """Return what a session on `device` is given; nodes it lacks run on the CPU."""
    if device.provider == CPU:
        return [CPU]
    kind, _, number = device.id.partition(":")
    if kind == "cuda":
        return [(device.provider, {"device_id": number or "0"}), CPU]
    if kind == "tensorrt":
        return [
            (device.provider, {"device_id": number or "0"}),
            ("CUDAExecutionProvider", {"device_id": number or "0"}),
            CPU,
        ]
    return [device.provider, CPU]


def _proved(device_id: str, name: str, provider: str, memory: int) -> DeviceInfo:
    device = DeviceInfo(
        id=device_id, name=name, provider=provider, usable=True, memory_bytes=memory
    )
    reason = ""
    try:
        session = session_of_bytes(_probe(), session_options(), providers_of(device))
        if provider not in session.get_providers():
            reason = f"its libraries could not be loaded, so {name} stays unused."
        else:
            answer = session.run(None, {"x": np.full((4, 4), -1, np.float32)})[0]
            if answer.any():
                reason = "it computed a wrong result for one plain operator."
    except Exception as error:
        logger.info("%s failed its probe", device_id, exc_info=True)
        first = " ".join(str(error).split())[-200:]
        reason = f"one plain operator failed on it ({first})."
    if not reason:
        return device
    return DeviceInfo(
        id=device_id,
        name=name,
        provider=provider,
        usable=False,
        reason=reason[0].upper() + reason[1:],
        memory_bytes=memory,
    )


def _probe() -> bytes:
    """Return a model of one Relu."""
    shape = [4, 4]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "probe",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
    )
    data: bytes = model.SerializeToString()
    return data


def _nvidia_cards() -> list[tuple[str, int]]:
    """Return name and bytes of memory of each card that a driver answers for."""
    try:
        import pynvml
    except ImportError:
        return []
    with _nvml(pynvml) as answers:
        if not answers:
            return []
        cards = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            name = pynvml.nvmlDeviceGetName(handle)
            text = name.decode() if isinstance(name, bytes) else str(name)
            cards.append((text, int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)))
        return cards


@contextlib.contextmanager
def _nvml(pynvml: Any) -> Iterator[bool]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _load_cuda_libraries() -> None:
    """Let onnxruntime find the CUDA libraries that torch or NVIDIA's wheels bring."""
    preload: Callable[..., None] | None = getattr(ort, "preload_dlls", None)
    if preload is not None:
        try:
            preload()
        except Exception:
            logger.info("the CUDA libraries were not all loaded", exc_info=True)


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for line in facts.splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "CPU"
