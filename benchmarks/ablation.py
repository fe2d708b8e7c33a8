"""The ablation of stage 2 at toy size: one command, one table.

python benchmarks/ablation.py WORK                 18 runs: six variants, three seeds, equal processor time
python benchmarks/ablation.py WORK --seconds 300   longer

The runs begin from `tiny` as it is shipped: its mouths follow the sound already, frame by frame and without
temporal layers, which is where the published stage 2 begins, too. What can be seen in so short a time is in
which direction each part pulls. A small U-Net from scratch was tried first: after 250 steps of stage 1 it did
not use the sound at all (held-out loss 0.4549, with another clip's sound 0.4552), so no judge would have had
anything to add.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from lipwright.training import settings
from lipwright.training.ablation import Ablation, ablate
from lipwright.training.fit_config import FitConfig
from lipwright.training.stage_two import LossWeights
from lipwright.training.train_glance import GlanceRun
from lipwright.training.train_syncnet import SyncNetRun
from lipwright.training.train_video_mae import VideoMAERun
from lipwright.training.unet_config import UNetRun

SECONDS = 20.0  # of one core, for each run
SYNC = 0.2  # released: 0.05, for a hundred thousand steps; here there are some twenty
HELD_SHARE = 0.5  # of the clips the U-Net does not see: encoding one takes seconds, and half are enough
CLIPS, JUDGE_CLIPS, EVALUATION_CLIPS = 78, 30, 4

STAGE_2 = UNetRun(
    stage=2,
    unet={"num_attention_heads": 2, "motion_module_decoder_only": True},
    parts=("motion", "attentions"),
    syncnet="later",
    videomae="later",
    losses=LossWeights(reconstruction=1.0, sync=SYNC, perceptual=0.0, trepa=10.0),
    audio_dropout=0.1,
    outside_weight=0.25,
    gradient_checkpointing=False,
    held_share=HELD_SHARE,
    held_items=2,
    fit=FitConfig(rate=5e-4, ema=0.9, batch=1, log_every=10, check_every=0, show_every=0, save_every=50),
)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Ablation of stage 2 at toy size.")
    parser.add_argument("work", type=Path, help="folder for everything; a stopped run goes on there")
    parser.add_argument("--base", default="tiny", help="bundle whose autoencoder and ears are used")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of training for each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--clips", type=int, default=CLIPS, help="presenter clips to train on")
    given = parser.parse_args()
    config = Ablation(
        unet=replace(STAGE_2, base=given.base),
        pixel=settings.load(SyncNetRun, "syncnet_toy"),
        latent=settings.load(SyncNetRun, "syncnet_toy_latent", [f'base="{given.base}"']),
        video_mae=settings.load(VideoMAERun, "video_mae_toy"),
        glance=settings.load(GlanceRun, "glance_toy", [f'base="{given.base}"']),
        seeds=tuple(given.seeds),
        seconds=given.seconds,
        clips=given.clips,
        judge_clips=JUDGE_CLIPS,
        evaluation_clips=EVALUATION_CLIPS,
    )
    print(ablate(config, given.work, lambda line: print(line, flush=True)).read_text())


if __name__ == "__main__":
    main()
