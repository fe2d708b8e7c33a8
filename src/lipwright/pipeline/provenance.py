"""Whether and how an output says that it was edited."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from lipwright.errors import OutputError
from lipwright.media.certificate import Certificate, find_certificate
from lipwright.media.credentials import Statement, can_carry, seal
from lipwright.options import SyncOptions
from lipwright.pipeline.report import Report

Seal = Callable[[Path, Path], bool]


def sealing(report: Report, video: Path, audio: Path, out: Path, options: SyncOptions) -> Seal | None:
    """What signs the finished file, or None; `report.provenance` says which and why.

    A finished video is never thrown away because signing fails: it stays as it is, with a warning. Raises
    OptionError when the user's certificate cannot be used, before any work is done.
    """
    if not options.provenance:
        report.provenance = "none: switched off"
        return None
    if not can_carry(out):
        report.provenance = f"none: a {out.suffix} file cannot carry content credentials; mp4 and mov can"
        return None
    certificate = find_certificate()
    statement = Statement("lipwright", version("lipwright"), report.model, video, audio)

    def sign(plain: Path, sealed: Path) -> bool:
        try:
            seal(plain, sealed, statement, certificate)
        except (OutputError, OSError) as error:
            report.provenance = "none: signing failed"
            report.warnings.append(f"The video carries no content credentials: {error}")
            return False
        report.provenance = _signed(certificate)
        return True

    return sign


def _signed(certificate: Certificate) -> str:
    by = "a certificate made on this machine" if certificate.self_made else "the given certificate"
    return f"content credentials (C2PA), signed with {by}"
