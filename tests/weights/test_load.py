"""Bundles into networks: strict, in the final number format, with memory for the weights once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import official
import tiny
from lipwright.device import DeviceChoice
from lipwright.errors import WeightsError
from lipwright.latents.codec import PlainCodec, PosteriorCodec
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.speech.ears import ArticulationEars, WhisperEars
from lipwright.speech.features import NATURAL
from lipwright.weights.bundle import Bundle, read_bundle, write_description
from lipwright.weights.convert import convert
from lipwright.weights.load import load_checkpoint, load_codec, load_ears, load_unet, load_weights

CPU = torch.device("cpu")
FP32, FP16 = DeviceChoice(CPU, torch.float32), DeviceChoice(CPU, torch.float16)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A toy bundle made of official files in half precision."""
    folder = tmp_path_factory.mktemp("weights")
    source = official.write(folder / "official", dtype=torch.float16)
    return convert(source, folder / "bundle", model=official.TOY_16)[0]


def changed(bundle: Bundle, folder: Path, part: str, state: dict[str, torch.Tensor]) -> Bundle:
    """A bundle with other tensors in one part."""
    folder.mkdir()
    for file in bundle.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    save_file(state, folder / f"{part}.safetensors")
    info = {key: value for key, value in bundle.info.items() if key not in ("files", "format")}
    return write_description(folder, info)


@pytest.mark.parametrize("choice", [FP32, FP16])
def test_weights_and_tables_arrive_in_the_final_format(bundle: Bundle, choice: DeviceChoice) -> None:
    network = load_unet(bundle, choice)
    expected = official.unet_state(official.TOY_16, torch.float16)
    found = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(value.dtype == choice.dtype for value in found.values())
    weights = [key for key in found if not key.endswith("pos_encoder.pe")]
    assert all(torch.equal(found[key], expected[key].to(choice.dtype)) for key in weights)
    fresh = UNet3D(network.config).to(choice.dtype).state_dict()
    tables = [key for key in found if key.endswith("pos_encoder.pe")]
    assert tables
    assert all(torch.equal(found[key], fresh[key]) for key in tables)


def test_each_kind_has_its_loader(bundle: Bundle, tmp_path: Path) -> None:
    assert isinstance(load_codec(bundle, FP32), PosteriorCodec)
    assert isinstance(load_ears(bundle, FP32), WhisperEars)
    small = read_bundle(tiny.build(tmp_path / "tiny"))
    assert isinstance(load_codec(small, FP32), PlainCodec)
    assert isinstance(load_ears(small, FP32), ArticulationEars)
    info = json.loads((small.folder / "model.json").read_text())
    info["parts"]["speech"]["kind"] = "parrot"
    (small.folder / "model.json").write_text(json.dumps(info))
    with pytest.raises(WeightsError, match=r"'parrot'.*loads 'articulation', 'listener', 'whisper'"):
        load_ears(read_bundle(small.folder), FP32)


def test_ears_hear_what_their_network_computes(bundle: Bundle) -> None:
    ears = load_ears(bundle, FP32)
    assert isinstance(ears, WhisperEars)
    with torch.no_grad():
        assert ears.encode(torch.zeros(1, 80, 200)).shape == (1, 100, 3, 32)
    full = WhisperEars(ears.encoder, window_s=30.0, context_s=2.0)
    assert full.blocks == NATURAL


def test_what_does_not_fit_is_listed(bundle: Bundle, tmp_path: Path) -> None:
    state = load_file(bundle.file("unet"))
    bias = state.pop("conv_out.bias")
    broken = changed(bundle, tmp_path / "a", "unet", {**state, "conv_outer.bias": bias})
    with pytest.raises(WeightsError, match=r"1 missing \(conv_out.bias\), 1 unknown \(conv_outer.bias\)"):
        load_unet(broken, FP32)
    wrong = changed(bundle, tmp_path / "b", "unet", {**state, "conv_out.bias": torch.zeros(9)})
    with pytest.raises(WeightsError, match=r"conv_out.bias is \(9,\), not \(4,\)"):
        load_unet(wrong, FP32)


def test_nan_is_told(bundle: Bundle, tmp_path: Path) -> None:
    state = load_file(bundle.file("unet"))
    state["conv_out.bias"] = torch.full((4,), torch.nan)
    with pytest.raises(WeightsError, match=r"conv_out\.bias holds values that are no numbers"):
        load_unet(changed(bundle, tmp_path / "a", "unet", state), FP32)


def test_a_network_is_filled_in_place(tmp_path: Path) -> None:
    small = read_bundle(tiny.build(tmp_path / "tiny"))
    _, _, unet = tiny.networks(seed=5)
    load_weights(unet, small.file("unet"))
    assert torch.equal(unet.conv_in.weight, load_file(small.file("unet"))["conv_in.weight"].float())


def test_a_stage_1_file_needs_leave_to_enter_a_temporal_network(tmp_path: Path) -> None:
    source = official.write(tmp_path / "official", official.TOY_10) / "latentsync_unet.pt"
    network = UNet3D(UNetConfig.from_json(official.UNET))
    with pytest.raises(WeightsError, match="motion_modules"):
        load_checkpoint(network, source)
    load_checkpoint(network, source, from_stage1=True)
    expected = official.unet_state(official.TOY_10)
    assert torch.equal(network.conv_in.weight, expected["conv_in.weight"])
    with pytest.raises(WeightsError, match="not a checkpoint of this network"):
        load_checkpoint(UNet3D(UNetConfig.from_json(official.UNET)), source.parent / "whisper/tiny.pt")


PEAK = """
import resource, sys, torch
torch.set_num_threads(1)
from pathlib import Path
from lipwright.device import DeviceChoice
from lipwright.weights.bundle import read_bundle
from lipwright.weights.load import load_unet
bundle = read_bundle(Path(sys.argv[1]), checksums=False)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
network = load_unet(bundle, DeviceChoice(torch.device("cpu"), getattr(torch, sys.argv[2])))
print(peak() - before)
"""


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose U-Net takes about 150 MB in half precision."""
    folder = tmp_path_factory.mktemp("larger")
    made = convert(official.write(folder / "official"), folder / "bundle", model=official.TOY_16)[0]
    config = {**official.UNET, "block_out_channels": [256, 512]}
    info = {key: value for key, value in made.info.items() if key not in ("files", "format")}
    info["parts"]["unet"]["config"] = UNetConfig.from_json(config).to_json()
    with torch.device("meta"):
        shapes = UNet3D(UNetConfig.from_json(config)).state_dict()
    state = {key: torch.zeros(value.shape, dtype=torch.float16) for key, value in shapes.items()}
    save_file(state, made.folder / "unet.safetensors")
    return write_description(made.folder, info)


@pytest.mark.parametrize(("dtype", "most"), [("float16", 1.25), ("float32", 3.3)])
def test_memory_is_needed_once(larger: Bundle, dtype: str, most: float) -> None:
    """In the stored format: the file, mapped. In another: its copy and, at worst here, the file beside it."""
    stored = larger.file("unet").stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(larger.folder), dtype], capture_output=True, text=True, check=True
    )
    assert stored > 50_000_000
    assert int(done.stdout) < most * stored
