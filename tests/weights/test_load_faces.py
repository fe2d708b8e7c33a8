import numpy as np

from lipwright.weights.load_faces import load_faces


def test_the_default_reader_reads() -> None:
    assert load_faces().read(np.zeros((64, 64, 3), np.uint8), []) == []
