"""Content credentials (C2PA): a signed statement inside the file that says that and how it was edited.

https://spec.c2pa.org; written by the reference library `c2pa-python`, the only place that imports it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipwright.errors import OutputError
from lipwright.media.certificate import Certificate

# What the C2PA specification defines an embedding for, of the containers that we write.
_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
# IPTC's word for footage of which a part was made by a trained model.
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
# Without these the library holds the whole file in memory, once to store and once to hash it.
_FLAT = {"core": {"backing_store_memory_threshold_in_mb": 8, "merkle_tree_chunk_size_in_kb": 1024}}
_FILM, _VOICE = "source-video", "voice"


@dataclass(frozen=True)
class Statement:
    """What the credentials say. Names only, no paths: they travel with the file."""

    software: str
    version: str
    model: str
    video: Path
    """The source video; of its path only the name is stated, and credentials that it carries are kept."""
    audio: Path
    """The voice; only its name is stated."""


def can_carry(out: Path) -> bool:
    """Whether credentials can lie in a file with this suffix (mp4, m4v, mov)."""
    return out.suffix.lower() in _TYPES


def seal(plain: Path, sealed: Path, statement: Statement, certificate: Certificate) -> None:
    """Write a copy of the video `plain` with signed credentials to `sealed`; memory stays flat.

    OutputError when the library or the certificate refuses; `sealed` then holds nothing of use.
    """
    import c2pa

    kind = _TYPES[sealed.suffix.lower()]
    try:
        context = c2pa.Context.from_dict(_FLAT)
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(certificate.algorithm, certificate.chain, certificate.key, None)
        )
        film = _TYPES.get(statement.video.suffix.lower())
        with c2pa.Builder(_manifest(statement, kind, listed=film is None), context) as builder:
            if film is not None:
                with open(statement.video, "rb") as file:
                    builder.add_ingredient(_film(statement), film, file)
            with open(plain, "rb") as source, open(sealed, "w+b") as target:
                builder.sign(signer, kind, source, target)
    except c2pa.C2paError as error:
        raise OutputError(
            f"Content credentials could not be added to {sealed.name}: {_first_line(error)}"
        ) from error


def read_credentials(path: Path) -> dict[str, Any] | None:
    """The active manifest of a file with its `validation_state` ("Valid", "Trusted", "Invalid"), or None."""
    import c2pa

    with open(path, "rb") as file:
        try:
            reader = c2pa.Reader(_TYPES[path.suffix.lower()], file)
        except c2pa.C2paError.ManifestNotFound:
            return None
        with reader:
            store: dict[str, Any] = json.loads(reader.json())
    manifest: dict[str, Any] = store["manifests"][store["active_manifest"]]
    return manifest | {"validation_state": store.get("validation_state")}


def _film(statement: Statement) -> dict[str, str]:
    return {"title": statement.video.name, "relationship": "parentOf", "label": _FILM}


def _manifest(statement: Statement, kind: str, *, listed: bool) -> dict[str, Any]:
    """What is signed; `listed`: the source video is named here, and not added from its file."""
    software = {"name": statement.software, "version": statement.version}
    ingredients = [{"title": statement.audio.name, "relationship": "inputTo", "label": _VOICE}]
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_FILM]}}
    edited = {
        "action": "c2pa.edited",
        "digitalSourceType": _SOURCE_TYPE,
        "softwareAgent": software,
        "description": "The mouth was repainted to speak the words of another recording.",
        "parameters": {"model": statement.model, "ingredientIds": [_VOICE]},
    }
    return {
        "claim_generator_info": [software],
        "title": "lip-synced video",
        "format": kind,
        "ingredients": [_film(statement), *ingredients] if listed else ingredients,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, edited]}}],
    }


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".") + "."
