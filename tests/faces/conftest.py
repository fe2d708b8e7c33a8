"""Pictures with a face in them (rendered presenters) and the reader that finds it."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.faces.detect import Face, FaceReader
from lipwright.faces.mesh import keep
from lipwright.presenter.identity import draw_identity
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.pose import Pose
from lipwright.weights.load_faces import load_faces

SIZE = 256

Render = Callable[[Pose, float], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def reader() -> FaceReader:
    return load_faces()


@pytest.fixture(scope="session")
def portrait() -> Portrait:
    return Portrait(draw_identity(1), SIZE)


@pytest.fixture(scope="session")
def render(portrait: Portrait) -> Render:
    """A picture (256, 256, 3) of one presenter in a pose, jaw 0..1."""

    def draw(pose: Pose, jaw: float) -> NDArray[np.uint8]:
        return portrait.render(pose, np.array([jaw, 0, 0, 0, 0, 0, 0], np.float32))

    return draw


@pytest.fixture(scope="session")
def picture(render: Render) -> NDArray[np.uint8]:
    return render(Pose(), 0.3)


@pytest.fixture(scope="session")
def face(reader: FaceReader, picture: NDArray[np.uint8]) -> Face:
    (found,) = reader.read(picture, [])
    return found


@pytest.fixture(scope="session")
def kept(face: Face) -> NDArray[np.float32]:
    """Kept mesh points (K, 2) of `picture`."""
    return keep(face.points)
