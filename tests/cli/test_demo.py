"""`lipwright demo`: what it writes and what it does not overwrite, with the packaged clip and a toy model."""

import cv2

from desk import Desk
from lipwright.media.probe import probe_audio, probe_video


def test_the_demo_writes_a_video_and_a_sheet(desk: Desk) -> None:
    code, said, told = desk.run("demo", "-o", desk.out, "--model", desk.model)
    sheet = desk.outputs / "out.png"
    assert code == 0, told
    assert {path.name for path in desk.outputs.iterdir()} == {"out.mp4", "out.png"}
    assert str(desk.out) in said[-1] and str(sheet) in said[-1]
    info = probe_video(desk.out)
    assert abs(info.duration_s - probe_audio(desk.out).duration_s) < 2 / info.rate
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[1] > 8 * 200 and picture.shape[0] > 300
    desk.refused("exists", "--force", run=lambda: desk.run("demo", "-o", desk.out, "--model", desk.model))
    desk.out.unlink()
    desk.refused("out.png", "--force", run=lambda: desk.run("demo", "-o", desk.out, "--model", desk.model))
