"""Recorded sets of masks and crops: `mask`, `prepare_masks`, `affine`, `warp_restore`."""

import re

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray

from lipwright.faces import released
from lipwright.faces.align import LATENTSYNC, Box, fit_released
from lipwright.faces.mask import RELEASED
from lipwright.latents.conditioning import masked
from lipwright.verify.check import Check

PIXELS = 1e-5
MATRIX = 1e-3
AREA = 1e-4  # of the pasted area
STORED_HALF = 2e-3  # these masks and pictures were stored as float16, for inspection


def mask(check: Check) -> None:
    """The released repaint mask at several sizes, at latent size, and its figures."""
    for name in [name for name in check.record if name.endswith("_u8")]:
        found = re.fullmatch(r"(latent_)?mask(\d+)_u8", name)
        if found is None:
            continue
        resolution = int(found[2])
        ours = RELEASED.keep_bytes(resolution)
        if found[1]:
            ours = np.rint(RELEASED.latent_mask(resolution) * 255).astype(np.uint8)
        check.array(name, ours, 0)
    for size, info in check.record.settings.get("info", {}).items():
        if size.isdigit():
            _mask_figures(check, int(size), info)


def _mask_figures(check: Check, size: int, info: dict[str, object]) -> None:
    keep = RELEASED.keep_mask(size)
    hole = keep < 0.5
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    ours = {
        "fraction_below_half": hole.mean(),
        "mean": keep.mean(dtype=np.float64),
        "n_fractional": np.sum((keep > 0) & (keep < 1)),
        "bbox_y": rows[[0, -1]],
        "bbox_x": columns[[0, -1]],
    }
    name = f"info.{size}"
    for key, value in ours.items():
        if key in info:
            check.value(name, value, np.asarray(info[key], np.float64), 1e-6)
    extents = info.get("row_extents", {})
    assert isinstance(extents, dict)
    for row, ends in extents.items():
        check.value(name, np.flatnonzero(hole[int(row)])[[0, -1]], np.array(ends), 1e-6)


def prepare_masks(check: Check) -> None:
    """Pictures resized, normalised and masked as training and inference do."""
    record = check.record
    resolution = int(record.setting("resolution"))
    keep = RELEASED.keep_mask(resolution)
    for name in [name for name in record if name.startswith("images")]:
        case = name.removeprefix("images")
        ready = np.stack([released.prepare(picture, resolution) for picture in record[name]])
        pixels = rearrange(torch.from_numpy(ready).float() / 127.5 - 1, "f h w c -> f c h w")
        check.array(f"pixel_values{case}", pixels, PIXELS)
        check.array(f"masked{case}", masked(pixels, torch.from_numpy(keep)), PIXELS)
        if f"mask{case}" in record:
            check.array(f"mask{case}", keep, PIXELS)


def affine(check: Check) -> None:
    """Point sequences to matrices, with the smoothing state of each frame."""
    record = check.record
    for name in [name for name in record if name.startswith("points")]:
        case = name.removeprefix("points")
        template = LATENTSYNC(round(float(record[f"template{case}"][0, 0]) / LATENTSYNC(1).points[0][0]))
        check.array(f"template{case}", np.array(template.points), MATRIX)
        check.array(f"face_wh{case}", np.array([template.crop_width, template.crop_height]), 0)
        smooth = bool(np.any(record[f"pbias{case}"]))
        state, matrices, states = None, [], []
        for points in record[name]:
            matrix, state = fit_released(points, template, state, smooth=smooth)
            matrices.append(matrix)
            states.append(state)
        check.array(f"M{case}", np.stack(matrices), MATRIX)
        check.array(f"pbias{case}", np.stack(states), MATRIX)


def warp_restore(check: Check) -> None:
    """One frame aligned, cropped and pasted back. Arrays of the float16 run are a record, not a target."""
    record = check.record
    template = LATENTSYNC(int(record.setting("resolution")))
    frame = record["frame"]
    height, width = frame.shape[:2]
    state, matrices = None, []
    for points in record["points"]:
        matrix, state = fit_released(points, template, state)
        matrices.append(matrix)
    check.array("M_f32", np.stack(matrices), MATRIX)
    boxes = [released.frame_box(matrix, template, width, height) for matrix in matrices]
    crops = [
        released.crop(_part(frame, box), box, matrix, template)
        for matrix, box in zip(matrices, boxes, strict=True)
    ]
    shown = {
        "crop_first_f32": crops[0],
        "crop_last_f32": crops[-1],
        "resized_f32": released.to_network(crops[-1], template),
    }
    for name, found in shown.items():
        if name in record:
            check.grey(name, found)
    face = record["face"].astype(np.float32).transpose(1, 2, 0)
    layer = released.paste(face, matrices[-1], template, boxes[-1])
    check.grey("restored_f32", released.restore(frame, layer, boxes[-1]))
    if "blur_f32" in record:
        blur = [2 * layer.feather + 1, released.blur_sigma(layer.feather), layer.area]
        check.value("blur_f32", np.array(blur), record["blur_f32"], AREA * record["blur_f32"][2])
    if "resized_face" in record:
        check.array("resized_face", layer.resized.transpose(2, 0, 1), STORED_HALF)
    inner = {
        "inv_mask": layer.coverage,
        "eroded": layer.eroded,
        "center": layer.centre,
        "soft_mask": layer.soft,
    }
    for name, part in inner.items():
        if name in record:
            spread = np.zeros((height, width), np.float32)
            spread[boxes[-1][1] : boxes[-1][3], boxes[-1][0] : boxes[-1][2]] = part
            check.array(name, spread, STORED_HALF)


def _part(frame: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    return frame[box[1] : box[3], box[0] : box[2]]
