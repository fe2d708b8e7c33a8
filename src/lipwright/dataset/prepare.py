"""`lipwright dataset prepare`: a folder of raw videos in, a folder of clips to train on out.

One resumable pass. Every raw video is prepared on its own (`work.py`); then duplicates are found among all
clips, and the manifest and the report are written. The same command again does only what is missing.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lipwright.dataset import duplicates, parts, report, work
from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import DROPPED, KEPT, MANIFEST_FILE, ClipRow
from lipwright.dataset.raw import Clip
from lipwright.dataset.shards import Shard, content, list_raw, name_of
from lipwright.dataset.verdicts import DUPLICATE
from lipwright.errors import Cancelled, OutputError
from lipwright.media.output import write_errors

Say = Callable[[str], None]
Runner = Callable[[work.Job, Sequence[str]], Iterator[str]]
"""Prepares raw videos somewhere, and names each when its part is written."""


@dataclass(frozen=True)
class Done:
    """What came out. manifest: the file; prepared: raw videos that were not done before."""

    manifest: Path
    rows: tuple[ClipRow, ...]
    prepared: int

    @property
    def kept(self) -> int:
        """Clips that are kept."""
        return sum(row.verdict == KEPT for row in self.rows)


def prepare(
    raw: Path,
    out: Path,
    config: Prepare,
    *,
    processes: int = 1,
    shard: Shard = Shard(),  # noqa: B008 (frozen)
    say: Say = print,
    runner: Runner | None = None,
) -> Done:
    """Prepare the raw videos of a shard (default: all) into `out`.

    The whole, after its shards, joins what they did: it finds duplicates across them and writes one manifest
    in the place of theirs. Raises DatasetError (nothing to prepare, a damaged part), OptionError (other
    settings, somebody else is at it), OutputError (disk full), Cancelled.
    """
    sources = [source for source in list_raw(raw, out) if shard.holds(source)]
    parts.begin(out, config)
    job = work.Job(raw, out, config)
    prepares = runner if runner is not None else lambda job, left: work.run(job, left, processes)
    with parts.alone(out, shard):
        prepared = 0
        for _ in range(3):
            missing = [source for source in sources if _part(job, source) is None]
            prepared += len(missing)
            _prepare(job, missing, prepares, say)
            clips = [clip for source in sources for clip in _part(job, source) or []]
            rows = _joined(clips, config)
            gone = {row.source for row in rows if not parts.whole(out, row)}
            if not gone:
                break
            for source in gone:  # a clip that was another's duplicate, whose twin is no longer there
                (out / parts.PARTS / f"{name_of(source)}.json").unlink()
        else:
            raise OutputError(f"Clips vanish from {out} while it is prepared; let nothing else change it.")
        _write(out, shard, rows)
        report.write(out, raw, rows, shard, config)
    return Done(out / shard.manifest, rows, prepared)


def _part(job: work.Job, source: str) -> list[Clip] | None:
    try:
        whole = content(job.raw / source)
    except OSError:
        whole = ""
    return parts.read_part(job.out, name_of(source), whole)


def _prepare(job: work.Job, sources: list[str], runner: Runner, say: Say) -> None:
    if not sources:
        return
    say(f"prepare: 0 of {len(sources)} videos")
    try:
        for number, _ in enumerate(runner(job, sources), 1):
            if number == len(sources) or number % max(1, len(sources) // 100) == 0:
                say(f"prepare: {number} of {len(sources)} videos")
    except KeyboardInterrupt as error:
        raise Cancelled(
            "Stopped; what is prepared stays, and the same command goes on from there."
        ) from error


def _joined(clips: list[Clip], config: Prepare) -> tuple[ClipRow, ...]:
    """Rows of all clips, sorted by name within their sources, duplicates dropped."""
    ordered = sorted(clips, key=lambda clip: (clip.row.source, clip.row.name))
    kept = [(clip, clip.prints) for clip in ordered if clip.prints is not None]
    found = duplicates.find([prints for _, prints in kept], config.duplicates)
    verdicts: dict[str, ClipRow] = {}
    for (clip, _), match in zip(kept, found, strict=True):
        if match is None:
            continue
        first = kept[match.first][0].row.name
        figures = {**clip.row.steps, "duplicate": {"of": first, **asdict(match)}}
        del figures["duplicate"]["first"]
        verdict, reason = (DROPPED, f"{DUPLICATE}: of {first}") if config.duplicates.drop else (KEPT, "")
        verdicts[clip.row.name] = replace(clip.row, verdict=verdict, reason=reason, steps=figures)
    return tuple(verdicts.get(clip.row.name, clip.row) for clip in ordered)


def _write(out: Path, shard: Shard, rows: tuple[ClipRow, ...]) -> None:
    """The manifest; of the whole, then the files of duplicates and the manifests of shards go."""
    text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    with write_errors(out):
        if shard.whole:
            for pattern in ("manifest-*-of-*.jsonl", ".manifest*.part.*", ".report*.part.*"):
                for old in out.glob(pattern):
                    old.unlink()
        else:
            (out / MANIFEST_FILE).unlink(missing_ok=True)  # it would count the same clips twice
    parts.write_text(out / shard.manifest, text)
    if shard.whole:
        with write_errors(out):
            for row in rows:
                if row.verdict == DROPPED and row.video:
                    (out / row.video).unlink(missing_ok=True)
                    (out / row.sound).unlink(missing_ok=True)
