"""Tables of figures for people."""

import pytest

from lipwright.cli.table import print_figures, print_table


def test_columns_line_up_and_nothing_is_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("confidence", "in sync", "clip"), [(0.32599, True, "a.mp4"), (None, None, "b.mp4")])
    assert capsys.readouterr().out.splitlines() == [
        "confidence  in sync  clip",
        "0.326       yes      a.mp4",
        "-           -        b.mp4",
    ]


def test_figures_and_those_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(
        {"fvd": 1.5, "vectors": [4, 6], "mouth": {"ssim": None}, "note": "", "per_clip": [{"a": 1}]}
    )
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["fvd", "1.5"],
        ["vectors", "4, 6"],
        ["mouth", "ssim                       -"],
        ["note", "-"],
    ]
