"""The tree of errors and what each makes the command line exit with."""

import pytest

from lipwright import errors


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.LipwrightError, 1),
        (errors.InputError, 2),
        (errors.MediaError, 2),
        (errors.NoFaceError, 2),
        (errors.OptionError, 2),
        (errors.OutputError, 2),
        (errors.WeightsError, 2),
        (errors.Cancelled, 130),
    ],
)
def test_each_error_is_ours_and_knows_its_exit_code(
    kind: type[errors.LipwrightError], exit_code: int
) -> None:
    assert issubclass(kind, errors.LipwrightError)
    assert kind("Something.").exit_code == exit_code
    assert str(kind("Something.")) == "Something."


def test_bad_input_can_be_caught_as_one_kind() -> None:
    for kind in (errors.MediaError, errors.NoFaceError, errors.OptionError, errors.OutputError):
        assert issubclass(kind, errors.InputError)
    assert not issubclass(errors.Cancelled, errors.InputError)


def test_a_media_error_tells_where_the_file_broke() -> None:
    assert errors.MediaError("Broken.", at_s=1.5).at_s == 1.5
    assert errors.MediaError("Broken.").at_s is None


def test_cancelled_speaks_for_itself() -> None:
    assert str(errors.Cancelled())
