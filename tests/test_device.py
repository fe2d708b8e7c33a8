"""The choice of the device and of the number format."""

import pytest
import torch

from lipwright.device import choose_device, computes_bf16, quick_autocast
from lipwright.errors import OptionError


def test_the_cpu_computes_in_fp32_unless_told_otherwise() -> None:
    choice = choose_device("cpu")
    assert (choice.device, choice.dtype) == (torch.device("cpu"), torch.float32)
    assert choose_device("cpu", "bf16").dtype == torch.bfloat16


def test_without_a_name_the_best_device_is_found() -> None:
    kind = choose_device().device.type
    assert kind == (
        "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    )


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:99", "cpu:1", "mps:0", ""])
def test_unknown_or_absent_devices_are_refused(name: str) -> None:
    with pytest.raises(OptionError, match="device is"):
        choose_device(name)


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(OptionError, match="fp32, bf16, fp16"):
        choose_device("cpu", "fp64")


def test_training_on_a_cpu_takes_bf16_only_where_there_are_units_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def capabilities(**units: bool) -> object:
        return lambda: {"avx2": True, "avx512_bf16": False, **units}

    for found, expected in ((capabilities(), False), (capabilities(avx512_bf16=True), True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", found, raising=False)
        assert computes_bf16() is expected
        with quick_autocast():
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if expected else torch.float32)
