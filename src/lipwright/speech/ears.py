"""What listens: an encoder with the way it wants sound cut and its rows told to the network."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from lipwright.models.articulation import ArticulationEncoder, Heard, with_places
from lipwright.models.whisper import AudioEncoder
from lipwright.speech.features import Blocks
from lipwright.speech.per_frame import ROWS_PER_S, Rows, tokens


@runtime_checkable
class Ears(Protocol):
    """The speech side of a model."""

    blocks: Blocks
    """How the natural profile cuts sound for it."""

    def encode(self, mel: Float[Tensor, "1 80 m"]) -> Float[Tensor, "1 r layers c"]:
        """Rows of one block of normalised log-mel."""
        ...

    def tokens(self, sound: Rows, times_s: Sequence[float]) -> Float[Tensor, "f n d"]:
        """What the network is told about frames at these times."""
        ...


class ArticulationEars:
    """The embedded model's: activations and mouth measures, each token with its place."""

    def __init__(self, encoder: ArticulationEncoder, window_s: float, context_s: float) -> None:
        self.encoder = encoder
        rows, context = int(window_s * ROWS_PER_S), int(context_s * ROWS_PER_S)
        self.blocks = Blocks("overlap", rows=rows, context=context, padding=None)

    def encode(self, mel: Float[Tensor, "1 80 m"]) -> Float[Tensor, "1 r layers c"]:
        heard: Heard = self.encoder(mel)
        return heard.tokens[:, :, None]

    def tokens(self, sound: Rows, times_s: Sequence[float]) -> Float[Tensor, "f n d"]:
        return with_places(tokens(sound, times_s))


class WhisperEars:
    """The released models': ten rows of all layers' activations, as they come."""

    def __init__(self, encoder: AudioEncoder, window_s: float, context_s: float) -> None:
        self.encoder = encoder
        rows, context = int(window_s * ROWS_PER_S), int(context_s * ROWS_PER_S)
        self.blocks = Blocks("overlap", rows=rows, context=context)

    def encode(self, mel: Float[Tensor, "1 80 m"]) -> Float[Tensor, "1 r layers c"]:
        rows: Tensor = self.encoder(mel)
        return rows

    def tokens(self, sound: Rows, times_s: Sequence[float]) -> Float[Tensor, "f n d"]:
        return tokens(sound, times_s)
