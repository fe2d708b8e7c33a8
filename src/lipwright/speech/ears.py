"""What listens: an encoder with the way it wants sound cut and its rows told to the network."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from lipwright.models.articulation import ArticulationEncoder, Heard, with_places
from lipwright.models.listener import Listener, own_level, relative
from lipwright.models.whisper import AudioEncoder
from lipwright.speech.features import Blocks
from lipwright.speech.per_frame import ROWS_PER_S, Rows, tokens

LEVEL_ROWS = 1500  # 30 s: a sound's own loudness and spectrum are taken over so much of it


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


class ListenerEars:
    """The embedded model's: activations and mouth measures of a network that needs no window of its own.

    A block of up to 30 s is heard against its own loudness and spectrum; each row in it has heard all it can.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        context = 2 * (listener.config.reach + 2)
        self.blocks = Blocks("overlap", rows=max(LEVEL_ROWS, 4 * context), context=context, padding=None)

    def encode(self, mel: Float[Tensor, "1 80 m"]) -> Float[Tensor, "1 r layers c"]:
        power = (mel * 4.0 - 4.0).float()  # back from Whisper's scale
        heard: Heard = self.listener(relative(power, own_level(power)).to(mel.dtype))
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
