"""Files that are fetched by hand."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from lipwright.errors import WeightsError
from lipwright.weights.catalog import INCEPTION_FID
from lipwright.weights.given import given_file, is_given, place_of


def test_a_file_is_found_where_it_belongs_and_only_if_it_is_the_right_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIPWRIGHT_CACHE", str(tmp_path))
    entry = replace(INCEPTION_FID, sum_start=hashlib.sha256(b"right").hexdigest()[:8])
    with pytest.raises(WeightsError, match=r"get pt_inception.* from .* and put it at"):
        given_file(entry)
    place_of(entry).parent.mkdir()
    place_of(entry).write_bytes(b"wrong")
    assert not is_given(entry)
    with pytest.raises(WeightsError, match="does not begin with"):
        given_file(entry)
    place_of(entry).write_bytes(b"right")
    assert given_file(entry) == place_of(entry) == tmp_path / "inception-fid" / INCEPTION_FID.file
