"""The ablation of stage 2 at toy size: one command, one table.

python benchmarks/ablation.py WORK                 18 runs: six variants, three seeds, equal time
python benchmarks/ablation.py WORK --seconds 300   shorter
"""

import argparse
from dataclasses import replace
from pathlib import Path

from lipwright.training import settings
from lipwright.training.ablation import Ablation, ablate
from lipwright.training.train_syncnet import SyncNetRun
from lipwright.training.train_video_mae import VideoMAERun
from lipwright.training.unet_config import UNetRun


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Ablation of stage 2 at toy size.")
    parser.add_argument("work", type=Path, help="folder for everything; a stopped run goes on there")
    parser.add_argument("--base", default="tiny", help="bundle that every run starts from")
    parser.add_argument("--seconds", type=float, default=1200.0, help="of training for each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--clips", type=int, default=120, help="presenter clips to train on")
    given = parser.parse_args()
    unet = settings.load(
        UNetRun, "unet_toy_stage2", [f'base="{given.base}"', "syncnet=later", "videomae=later"]
    )
    pixel = settings.load(SyncNetRun, "syncnet_toy", ["fit.steps=1500"])
    latent = settings.load(SyncNetRun, "syncnet_toy_latent", [f'base="{given.base}"', "fit.steps=1500"])
    video_mae = settings.load(VideoMAERun, "video_mae_toy", ["fit.steps=1500"])
    config = Ablation(unet, pixel, latent, video_mae)
    config = replace(config, seconds=given.seconds, seeds=tuple(given.seeds), clips=given.clips)
    print(ablate(config, given.work, lambda line: print(line, flush=True)).read_text())


if __name__ == "__main__":
    main()
