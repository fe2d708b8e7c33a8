"""What every test runs under: one thread, and nothing left over from another test."""

import os

# Before anything loads: figures in tests must not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """One thread for every library that has its own pool."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
