"""Reading checkpoint files: every form that is published, and none of what could harm."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lipwright.errors import WeightsError
from lipwright.weights.checkpoint import check_finite, read_checkpoint

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Harmful:
    """Runs a command where a pickle is opened carelessly."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def sentence_of(file: Path) -> str:
    """What is said about a file that cannot be used."""
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(file)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("top", ["state_dict", "model_state_dict", "model", "module", None])
def test_weights_are_found_wherever_trainers_put_them(
    tmp_path: Path, top: str | None, dtype: torch.dtype
) -> None:
    state = {key: value.to(dtype) for key, value in STATE.items()}
    torch.save(state if top is None else {"global_step": 7, top: state}, tmp_path / "a.pt")
    tensors, beside = read_checkpoint(tmp_path / "a.pt")
    assert tensors.keys() == STATE.keys()
    assert all(tensors[key].dtype == dtype and torch.equal(tensors[key], state[key]) for key in STATE)
    assert beside == ({} if top is None else {"global_step": 7})


def test_entries_beside_the_weights_are_left_alone(tmp_path: Path) -> None:
    more = {"optimizer": {"state": {0: {"step": 3}}}, "ema_state_dict": {"a.weight": torch.zeros(1)}}
    torch.save({"state_dict": STATE, **more}, tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt")[0].keys() == STATE.keys()


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_names_of_wrapped_networks_are_unwrapped(tmp_path: Path, wrapper: str) -> None:
    torch.save({"state_dict": {wrapper + key: value for key, value in STATE.items()}}, tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt")[0].keys() == STATE.keys()


def test_safetensors_and_files_of_the_old_format(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save({"state_dict": STATE}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("a.safetensors", "old.pt"):
        assert torch.equal(read_checkpoint(tmp_path / name)[0]["a.weight"], STATE["a.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    file, mark = tmp_path / "bad.pt", tmp_path / "was-run"
    if zipped:
        torch.save({"state_dict": STATE, "extra": Harmful(mark)}, file)
    else:
        file.write_bytes(pickle.dumps({"state_dict": Harmful(mark)}, protocol=2))
    assert "something other than weights" in sentence_of(file)
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_a_file_cut_short_is_told(tmp_path: Path, name: str, share: float) -> None:
    file = tmp_path / name
    if name == "a.pt":
        torch.save({"state_dict": STATE}, file)
    else:
        save_file(STATE, file)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert "cut short" in sentence_of(file)


def test_other_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<html>Sign in</html>")
    assert "something else" in sentence_of(tmp_path / "page.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    assert "no named weights" in sentence_of(tmp_path / "list.pt")
    torch.save({"state_dict": {"a": 3}}, tmp_path / "number.pt")
    assert "no tensor" in sentence_of(tmp_path / "number.pt")
    torch.save({"a": torch.zeros(2, dtype=torch.int64)}, tmp_path / "int.pt")
    assert "int64" in sentence_of(tmp_path / "int.pt")
    assert "no checkpoint file" in sentence_of(tmp_path / "none.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_no_numbers_are_told(value: float) -> None:
    tensor = torch.zeros(3, 4)
    check_finite(Path("a"), "fine", tensor)
    check_finite(Path("a"), "large", torch.tensor([60000.0, 60000.0], dtype=torch.float16))
    tensor[1, 2] = value
    with pytest.raises(WeightsError, match="no numbers"):
        check_finite(Path("a"), "a.weight", tensor)


@pytest.mark.parametrize(
    "content", [b"this is no video", b"t.", b"\x80\x02K\x01R.", b"\x80\x02}q\x01u.", b"ttt"]
)
def test_garbage_that_half_reads_as_a_pickle_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.model"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.model .*(no readable checkpoint|holds)"):
        read_checkpoint(file)
