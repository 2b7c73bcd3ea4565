import pytest

from layerscope.core.errors import DeviceError
from layerscope.engine.runtime import devices


def test_the_cpu_is_always_there():
    found = devices.find_devices()

    assert [d for d in found if d.id == "cpu" and d.usable]
    assert found[0].usable
    assert all(d.usable or d.reason.endswith((".", ").")) for d in found)


def test_auto_is_usable():
    assert devices.choose("auto").usable
    assert devices.choose("").usable


def test_an_unknown_device_lists_what_there_is():
    with pytest.raises(DeviceError, match=r'"abacus" was asked for.*cpu'):
        devices.choose("abacus")


def test_a_device_that_fails_says_why(monkeypatch):
    broken = devices.DeviceInfo(
        id="cuda:0",
        name="Card",
        provider="CUDAExecutionProvider",
        usable=False,
        reason="No driver answers.",
    )
    monkeypatch.setattr(devices, "find_devices", lambda: (broken,))

    with pytest.raises(DeviceError, match="does not work: No driver answers"):
        devices.choose("cuda")


def test_providers_end_with_the_cpu():
    card = devices.DeviceInfo(
        id="cuda:1", name="Card", provider="CUDAExecutionProvider", usable=True
    )

    assert devices.providers_of(card) == [
        ("CUDAExecutionProvider", {"device_id": "1"}),
        "CPUExecutionProvider",
    ]


@pytest.mark.gpu
def test_the_card_runs_a_node():
    """Left out where there is no NVIDIA card: nothing else can prove it."""
    assert devices.choose("cuda").usable
