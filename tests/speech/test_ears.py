"""Ears that need no window: one encoder's rows, whatever the length, close to those of the whole sound."""

import numpy as np
import torch

import tiny
from lipwright.models.listener import Listener, ListenerConfig
from lipwright.speech.ears import ListenerEars
from lipwright.speech.features import Listening
from lipwright.speech.mouth_track import listen

CONFIG = ListenerConfig(width=16, hidden=16, dilations=(1, 2), measures=("jaw", "press"), visemes=4)


def ears() -> ListenerEars:
    torch.manual_seed(0)
    return ListenerEars(Listener(CONFIG).eval().requires_grad_(False))


def test_rows_are_activations_and_measures_as_the_mouth_track_hears_them() -> None:
    mine, voice = ears(), tiny.voice(4.0)
    sound = Listening(mine.encode, voice, mine.blocks)
    rows = sound.rows(0, sound.count)[:, 0]
    track = listen(mine.listener, voice)
    assert rows.shape == (len(track), 16 + 2)
    # Whisper's scale cuts eight decades under the loudest value; only near silence lies below that.
    far = np.abs(rows[:, 16:].numpy() - track.measures).max(axis=1)
    assert float(np.median(far)) < 1e-3 and float(far.max()) < 0.05
    assert float(np.median(np.abs(rows[:, :16].numpy() - track.activations))) < 1e-2


def test_a_long_sound_is_heard_in_blocks_without_a_break() -> None:
    mine = ears()
    voice = np.tile(tiny.voice(7.0), 10)  # 70 s: three blocks
    sound = Listening(mine.encode, voice, mine.blocks)
    rows = sound.rows(0, sound.count)[:, 0]
    steps = (rows[1:] - rows[:-1]).abs().amax(dim=1)
    at = mine.blocks.stride
    assert float(steps[at - 3 : at + 3].max()) <= float(steps.max())
    again = sound.rows(at - 20, at + 20)[:, 0]
    torch.testing.assert_close(again, rows[at - 20 : at + 20])


def test_tokens_tell_their_place() -> None:
    mine, voice = ears(), tiny.voice(2.0)
    told = mine.tokens(Listening(mine.encode, voice, mine.blocks), [0.5, 1.0])
    assert told.shape[0] == 2 and told.shape[2] == 18 + told.shape[1]
    assert torch.equal(told[:, :, 18:], torch.eye(told.shape[1]).expand(2, -1, -1))
