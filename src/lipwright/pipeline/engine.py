"""Networks loaded once and kept: the door of the library."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from lipwright.device import DeviceChoice, choose_device
from lipwright.diffusion.denoiser import Denoiser
from lipwright.diffusion.noise import over_frames, posterior_noise, shared_noise
from lipwright.diffusion.samplers import sample
from lipwright.diffusion.schedule import Schedule
from lipwright.errors import WeightsError
from lipwright.faces.detect import FaceReader
from lipwright.faces.insightface import PointReader
from lipwright.latents.codec import Codec
from lipwright.latents.conditioning import assemble, latent_mask, masked
from lipwright.models.listener import Listener
from lipwright.models.unet import UNet3D
from lipwright.options import DEFAULT_MODEL, SyncOptions
from lipwright.personal.library import Library
from lipwright.pipeline.followed import Followed
from lipwright.pipeline.hear import Hearing
from lipwright.pipeline.report import Report
from lipwright.progress import Progress
from lipwright.speech import mel
from lipwright.speech.ears import Ears
from lipwright.speech.features import Blocks, Listening
from lipwright.speech.personal import Personal as Voice
from lipwright.weights.bundle import MODEL_FILE, Bundle
from lipwright.weights.find import find_bundle
from lipwright.weights.load import load_codec, load_ears, load_unet
from lipwright.weights.load_ears import load_ears as load_listener
from lipwright.weights.load_faces import load_faces, load_points
from lipwright.weights.personal import load_library, load_voice


@dataclass(frozen=True)
class Sampling:
    """How one job walks from noise to a mouth; what the options leave open comes from the bundle."""

    steps: int
    guidance: float
    solver: str
    seed: int
    reuse: int | None = None
    """Steps per full one (see `StepReuse`); None: every step is full."""


class Engine:
    """A model in memory, ready for any number of jobs, one at a time.

    ```python
    Engine.load("tiny").sync("a.mp4", "b.wav", "c.mp4")
    ```
    """

    def __init__(
        self,
        bundle: Bundle,
        choice: DeviceChoice,
        *,
        codec: Codec,
        ears: Ears,
        unet: UNet3D,
        faces: FaceReader | None = None,
        points: PointReader | None = None,
        library: Library | None = None,
        voice: Voice | None = None,
    ) -> None:
        """library, voice: of the person that a personal bundle knows."""
        self.bundle = bundle
        self.library = library
        self.voice = voice
        self._listener: Listener | None = None
        self.choice = choice
        self.codec = codec
        self.schedule = Schedule.from_json(bundle.info["schedule"])
        self._ears = ears
        self._unet = unet
        self._faces = faces
        self._points = points
        keep = torch.from_numpy(bundle.mask.keep_mask(bundle.resolution))
        self._keep_mask = keep.to(choice.device, choice.dtype)

    def adapted(self, library: Library, voice: Voice | None, name: str) -> "Engine":
        """The same networks with what a person taught, under another name."""
        other = copy.copy(self)
        other.library, other.voice = library, voice
        about = {"name": name, "rendered_faces_only": False}
        other.bundle = replace(self.bundle, info={**self.bundle.info, **about})
        return other

    @classmethod
    def load(
        cls, model: str | Path = DEFAULT_MODEL, *, device: str | None = None, dtype: str | None = None
    ) -> "Engine":
        """Load a model by name, bundle folder, or folder with LatentSync's official files.

        Raises WeightsError or OptionError in one sentence.
        """
        bundle = find_bundle(model)
        choice = choose_device(device, dtype)
        try:
            return cls(
                bundle,
                choice,
                codec=load_codec(bundle, choice),
                ears=load_ears(bundle, choice),
                unet=load_unet(bundle, choice),
                library=None if bundle.personal is None else load_library(bundle.personal),
                voice=None if bundle.personal is None else load_voice(bundle.personal),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"{bundle.folder / MODEL_FILE} describes a part that cannot be built ({error!r}); make the "
                "bundle again."
            ) from error

    def sync(
        self,
        video: Path | str,
        audio: Path | str,
        out: Path | str,
        options: SyncOptions | None = None,
        progress: Progress | None = None,
        *,
        followed: Followed | None = None,
    ) -> Report:
        """Write `out`: the video with its mouth speaking the audio. Returns what was done.

        followed: the face in this video, where it was followed before (see `learn_person`).
        Raises InputError (its kinds: media, face, option, output) for input that cannot be used, Cancelled
        when the progress was cancelled; in both cases nothing is left behind.
        """
        from lipwright.pipeline.sync import sync

        return sync(
            self,
            Path(video),
            Path(audio),
            Path(out),
            SyncOptions() if options is None else options,
            Progress() if progress is None else progress,
            followed,
        )

    def faces(self, progress: Progress | None = None) -> FaceReader:
        """The face reader; its files are fetched at the first use ever. Raises WeightsError if that fails."""
        if self._faces is None:
            self._faces = load_faces(progress)
        return self._faces

    def points(self) -> PointReader:
        """The optional reader of the released code's points. Raises WeightsError when it is not there."""
        if self._points is None:
            self._points = load_points(gpu=self.choice.device.type == "cuda")
        return self._points

    def sampling(self, options: SyncOptions) -> Sampling:
        """The options of a job completed by the bundle's defaults."""
        defaults = self.bundle.info["defaults"]
        return Sampling(
            steps=int(defaults["steps"]) if options.steps is None else options.steps,
            guidance=float(defaults["guidance"]) if options.guidance is None else options.guidance,
            solver=str(defaults["solver"]) if options.solver is None else options.solver,
            seed=options.seed,
            reuse=options.reuse_interval if options.reuse == "deepcache" else None,
        )

    @property
    def blocks(self) -> Blocks:
        """How the natural profile cuts sound for this model."""
        return self._ears.blocks

    def listen(self, samples: mel.Sound, blocks: Blocks | None = None) -> Listening:
        """Feature rows of a sound (mono, 16 kHz), encoded block by block when they are asked for."""
        return Listening(
            self._ears.encode,
            samples,
            self.blocks if blocks is None else blocks,
            device=self.choice.device,
            dtype=self.choice.dtype,
        )

    def tokens(self, sound: Listening, times_s: Sequence[float]) -> Float[Tensor, "1 f n d"]:
        """What the network is told about frames at these times."""
        return self._ears.tokens(sound, times_s)[None]

    def hearing(self, samples: NDArray[np.int16]) -> Hearing:
        """A whole sound (mono, 16 kHz) listened to by the ears for real people. Raises WeightsError."""
        if self._listener is None:
            self._listener = load_listener()
        return Hearing(self._listener, samples)

    def noise(self, draws: torch.Generator) -> Float[Tensor, "1 4 1 y x"]:
        """The one noise that all frames of a job start from: the first of its draws."""
        side = self.bundle.resolution // self.codec.factor
        return shared_noise(draws, side, side)

    def encode(
        self, crops: NDArray[np.float32], draws: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "f 4 y x"], Float[Tensor, "f 4 y x"]]:
        """Latents of crops (f, R, R, 3) 0..255: with the mouth hidden, and whole.

        They are the autoencoder's means; with `draws`, samples as the released code takes them.
        """
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).div(127.5).sub(1.0)
        pixels = pixels.to(self.choice.device, self.choice.dtype)
        side = self.bundle.resolution // self.codec.factor
        spread: list[Tensor | None] = [None, None]
        if draws is not None:
            spread = [posterior_noise(draws, len(crops), side, side).to(pixels) for _ in spread]
        hidden = self.codec.encode(masked(pixels, self._keep_mask), spread[0])
        return hidden, self.codec.encode(pixels, spread[1])

    def denoise(
        self,
        hidden: Float[Tensor, "f 4 y x"],
        shown: Float[Tensor, "f 4 y x"],
        told: Float[Tensor, "1 f n d"],
        noise: Float[Tensor, "1 4 1 y x"],
        sampling: Sampling,
        progress: Progress,
    ) -> Float[Tensor, "f 4 y x"]:
        """New latents of one window; `progress` may cancel between two steps."""
        return self.walk(hidden, shown, told, noise, sampling, lambda _step, _latents: progress.check())

    def walk(
        self,
        hidden: Float[Tensor, "f 4 y x"],
        shown: Float[Tensor, "f 4 y x"],
        told: Float[Tensor, "1 f n d"],
        noise: Float[Tensor, "1 4 1 y x"],
        sampling: Sampling,
        on_step: Callable[[int, Tensor], None],
    ) -> Float[Tensor, "f 4 y x"]:
        """As `denoise`, telling the latents (1, 4, f, y, x) after each step."""
        condition = assemble(latent_mask(self._keep_mask, self.codec.factor), hidden, shown)
        denoiser = Denoiser(self._unet, condition, told, guidance=sampling.guidance, reuse=sampling.reuse)
        solver = self.schedule.solver(sampling.solver, sampling.steps, seed=sampling.seed)
        start = over_frames(noise, len(hidden)).to(self.choice.device)
        return sample(denoiser, start, solver, on_step=on_step)[0].transpose(0, 1)

    def decode(self, latents: Float[Tensor, "f 4 y x"]) -> NDArray[np.float32]:
        """Pictures (f, R, R, 3) float32 0..255 of latents."""
        pixels = self.codec.decode(latents.to(self.choice.device, self.choice.dtype))
        pictures = pixels.float().add(1.0).mul(127.5).permute(0, 2, 3, 1).contiguous().cpu()
        return np.asarray(pictures.numpy(), np.float32)
