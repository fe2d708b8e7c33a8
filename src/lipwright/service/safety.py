"""The safety check of results: nothing, or an image classifier that looks at frames spread over the output.

With none, `has_nsfw_contents` is `[]`, which says "not checked". A classifier is a model for image
classification in the format of `transformers`, with a label such as "nsfw": the catalogue's `nsfw-vit`, or a
folder. It runs in the render worker; torch and transformers load there and at first use. No file is fetched
here and no code from a model's folder runs.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lipwright.errors import WeightsError
from lipwright.media.frames import read_order
from lipwright.media.survey import survey_video
from lipwright.weights.catalog import HUB_PARTS
from lipwright.weights.hub import cached_file

NONE = "none"
UNSAFE_LABELS = frozenset(
    ("nsfw", "porn", "pornography", "hentai", "sexy", "sexual", "explicit", "nude", "nudity", "unsafe")
)
"""Labels of a classifier, in lower case, whose probabilities add up to the finding."""
CLASSIFIERS = ("nsfw-vit",)
"""Those of the catalogue."""
FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
_BATCH = 8


class SafetyChecker(Protocol):
    """Looks at finished outputs."""

    def __call__(self, video: Path) -> tuple[bool, ...]:
        """One finding for the one output, True for a hit; empty when nothing was checked."""
        ...


def no_check(video: Path) -> tuple[bool, ...]:
    """The checker that does not look."""
    return ()


def open_checker(model: str, *, threshold: float, frames: int, device: str | None = None) -> SafetyChecker:
    """The checker that the settings name. WeightsError when it is not installed here."""
    if model == NONE:
        return no_check
    return Classifier(find_classifier(model), threshold, frames, device)


def find_classifier(model: str) -> Path:
    """The folder of a classifier: of the catalogue, by its name, or any. Loads nothing.

    WeightsError when the extra, or one of the files, is not here.
    """
    if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("PIL") is None:
        raise WeightsError("The safety check needs an extra: pip install 'lipwright[nsfw]'.")
    if model in CLASSIFIERS:
        found = [cached_file(file) for file in HUB_PARTS[model].files]
        folders = {path.parent for path in found if path is not None}
        if None in found or len(folders) != 1:
            raise WeightsError(
                f"The safety classifier {model} is not on this machine; run `lipwright weights pull {model}`."
            )
        return folders.pop()
    folder = Path(model)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"The safety check {model!r} is neither {NONE}, {', '.join(CLASSIFIERS)}, nor a folder with "
            f"{', '.join(FILES)} (missing: {', '.join(missing)})."
        )
    return folder


class Classifier:
    """A loaded image classifier.

    threshold: 0..1, the probability from which on a frame is a hit. frames: how many of a video are looked
    at, spread evenly, the first and last one among them.
    """

    def __init__(self, folder: Path, threshold: float, frames: int, device: str | None = None) -> None:
        transformers: Any = importlib.import_module("transformers")
        settings = {"local_files_only": True, "trust_remote_code": False}
        try:
            # The backend of pillow: the other one wants torchvision.
            self._processor: Any = transformers.AutoImageProcessor.from_pretrained(
                folder, backend="pil", **settings
            )
            self._model: Any = transformers.AutoModelForImageClassification.from_pretrained(
                folder, use_safetensors=True, **settings
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise WeightsError(
                f"The safety classifier in {folder} cannot be read; fetch it again or name another."
            ) from error
        self._model.eval()
        if device is not None:
            self._model.to(device)
        labels: dict[int, str] = self._model.config.id2label
        self._unsafe = [at for at, label in labels.items() if label.lower() in UNSAFE_LABELS]
        if not self._unsafe:
            raise WeightsError(
                f"The safety classifier in {folder} has no label such as nsfw, only "
                f"{', '.join(labels.values())}; name another."
            )
        self._threshold = threshold
        self._frames = frames

    def __call__(self, video: Path) -> tuple[bool, ...]:
        """See SafetyChecker. MediaError when the video cannot be read."""
        return (self.score(video) >= self._threshold,)

    def score(self, video: Path) -> float:
        """The largest probability, 0..1, of any frame looked at."""
        import torch

        highest = 0.0
        chosen = sampled(survey_video(video, float("inf")).packets, self._frames)
        for start in range(0, len(chosen), _BATCH):
            pictures = [frame.rgb() for frame in read_order(video, chosen[start : start + _BATCH])]
            inputs = self._processor(images=pictures, return_tensors="pt", input_data_format="channels_last")
            with torch.inference_mode():
                logits = self._model(pixel_values=inputs["pixel_values"].to(self._model.device)).logits
            unsafe = logits.float().softmax(-1)[:, self._unsafe].sum(-1)
            highest = max(highest, float(unsafe.max()))
        return highest


def sampled(count: int, wanted: int) -> list[int]:
    """At most `wanted` different frame numbers of `count`, spread evenly from the first to the last."""
    if wanted >= count:
        return list(range(count))
    if wanted == 1:
        return [count // 2]
    return [int(at) for at in np.linspace(0, count - 1, wanted).round()]
