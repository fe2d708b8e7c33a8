"""How errors become verdicts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lipwright.device import choose_device
from lipwright.verify.check import FAILED, PASSED, Check, SetResult
from lipwright.verify.record import Record, Shelf


@pytest.fixture
def check() -> Check:
    arrays = {"y": np.array([1.0, 2.0, 3.0]), "grey": np.zeros((40, 50), np.uint8)}
    return Check(Record("a", {"kind": "vae"}, arrays, Shelf(Path())), choose_device("cpu", "fp32"))


def test_the_largest_error_against_the_tolerance(check: Check) -> None:
    check.array("y", torch.tensor([1.0, 2.5, 3.0]), 0.4)
    row = check.rows["y"]
    assert (row.max_abs_error, row.tolerance, row.passed) == (0.5, 0.4, False)
    check.relative("y", torch.tensor([1.0, 2.5, 3.0]), 1.0)
    assert check.rows["y"] is row, "the worse comparison of one name stays"
    assert SetResult("a", "vae", check.rows).status == FAILED


@pytest.mark.parametrize("found", [[1.0, 2.0], [1.0, float("nan"), 3.0]])
def test_other_shapes_and_missing_numbers_fail(check: Check, found: list[float]) -> None:
    check.array("y", torch.tensor(found), 1e9)
    assert check.rows["y"].max_abs_error == float("inf")
    assert not check.rows["y"].passed


def test_two_grey_levels_are_allowed_on_few_values_only(check: Check) -> None:
    found = np.zeros((40, 50))
    found[0, :4] = 2  # 4 of 2000: 0.2 %
    check.grey("grey", found)
    assert check.rows["grey"].passed
    found[0, 4] = 2
    check.grey("grey", found)
    assert not check.rows["grey"].passed


def test_a_result_with_nothing_compared_is_no_pass(check: Check) -> None:
    assert SetResult("a", "vae").status == FAILED
    check.array("y", torch.tensor([1.0, 2.0, 3.0]), 0)
    assert SetResult("a", "vae", check.rows).status == PASSED
    assert SetResult("a", "vae", check.rows, reason="It broke.").status == FAILED
