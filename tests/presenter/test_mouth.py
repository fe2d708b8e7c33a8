"""The mouth does what its seven parameters say."""

import itertools

import numpy as np
import pytest

from lipwright.presenter.identity import draw_identity
from lipwright.presenter.mouth import shape_lips
from lipwright.presenter.parameters import PARAMETERS, REST

WHO = draw_identity(3)


def mouth(**changes: float) -> np.ndarray:
    parameters = REST.copy()
    for name, value in changes.items():
        parameters[PARAMETERS.index(name)] = value
    return parameters


@pytest.mark.parametrize("other", [{}, {"round": 1.0}, {"tuck": 0.7}, {"teeth": 1.0}, {"width": 1.0}])
def test_opening_grows_with_the_jaw(other: dict[str, float]) -> None:
    openings = [shape_lips(WHO, mouth(jaw=jaw, **other)).opening for jaw in np.linspace(0, 1, 11)]
    assert all(later > earlier for earlier, later in itertools.pairwise(openings))


def test_rest_and_press_are_closed() -> None:
    assert shape_lips(WHO, REST).opening == pytest.approx(0.0, abs=1e-6)
    assert shape_lips(WHO, mouth(jaw=0.4, press=1.0)).opening == pytest.approx(0.0, abs=1e-6)


def test_width_round_press_and_tuck_change_the_lips() -> None:
    rest = shape_lips(WHO, REST)
    assert shape_lips(WHO, mouth(width=1.0)).half_width > 1.15 * rest.half_width
    assert shape_lips(WHO, mouth(width=-1.0)).half_width < 0.85 * rest.half_width
    assert shape_lips(WHO, mouth(round=1.0)).half_width < 0.75 * rest.half_width
    assert shape_lips(WHO, mouth(press=1.0)).lower < 0.5 * rest.lower
    assert shape_lips(WHO, mouth(tuck=1.0, press=0.0)).lower < 0.65 * rest.lower


def test_lips_are_ordered_at_every_point() -> None:
    rng = np.random.default_rng(0)
    t = np.linspace(-1, 1, 41, dtype=np.float32)
    for _ in range(50):
        parameters = rng.uniform((0, -1, 0, 0, 0, 0, 0), 1.0).astype(np.float32)
        lips = shape_lips(WHO, parameters)
        curves = [lips.upper_outer(t), lips.upper_inner(t), lips.lower_inner(t), lips.lower_outer(t)]
        for above, below in itertools.pairwise(curves):
            assert np.all(below >= above - 1e-5)


def test_values_out_of_range_are_clipped() -> None:
    assert shape_lips(WHO, mouth(jaw=3.0)) == shape_lips(WHO, mouth(jaw=1.0))
