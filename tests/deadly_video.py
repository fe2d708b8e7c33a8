"""A step of dataset preparation that takes its process down, in a module that worker processes can import."""

import os

from lipwright.dataset.work import Job, prepare_one


def deadly(job: Job, source: str) -> None:
    """Takes its process down at one video, as a broken decoder may."""
    if source == "noise.mp4":
        os._exit(9)
    prepare_one(job, source)
