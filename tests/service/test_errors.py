"""The tree of errors: statuses and codes of the wire format."""

import pytest

from lipwright.errors import LipwrightError
from lipwright.service import errors
from lipwright.service.errors import RateLimitError, ServiceError

TREE = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ServiceError)]


@pytest.mark.parametrize("kind", TREE)
def test_each_has_a_status_and_a_code(kind: type[ServiceError]) -> None:
    error = kind("It did not work.")
    assert isinstance(error, LipwrightError)
    assert error.http_status in (200, 400, 401, 402, 403, 404, 409, 413, 429, 500, 503)
    assert error.task_code in (1200, 1400, 1401, 1402, 1403, 1405, 1407, 5000, 5003, 5004)
    assert kind.__doc__ is not None and kind.__name__ in str(errors.__doc__)
    assert (str(error), error.error_code, error.retry_after_s) == ("It did not work.", None, None)


def test_details_travel_with_the_sentence() -> None:
    error = RateLimitError("Slower.", retry_after_s=7, error_code="rate")
    assert (error.retry_after_s, error.error_code) == (7, "rate")
