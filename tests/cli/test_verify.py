"""`lipwright verify` as a user types it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from lipwright.verify.run import shipped_folder


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lipwright", "verify", *arguments, "--device", "cpu"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_table_of_the_shipped_selection() -> None:
    done = verify("--only", "audio_chunk*")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["set", "kind", "array", "largest", "error", "tolerance", "verdict"]
    assert lines[1].split() == ["audio_chunk_tables", "chunk_tables", "table", "0", "0", "ok"]
    assert lines[-1] == "1 of 1 sets pass (cpu, fp32)."


def test_json_and_the_exit_code_of_a_failed_set(tmp_path: Path) -> None:
    for suffix in (".json", ".npz"):
        shutil.copy(shipped_folder() / f"mask_fixed{suffix}", tmp_path / f"any name{suffix}")
    with np.load(tmp_path / "any name.npz") as arrays:
        changed = dict(arrays)
    name = "mask64_u8"
    changed[name] = changed[name] ^ 1
    np.savez(tmp_path / "any name.npz", **changed)
    (tmp_path / "other.json").write_text('{"kind": "hair"}')
    np.savez(tmp_path / "other.npz", x=np.zeros(1))
    done = verify(str(tmp_path), "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["failed"] == 2
    first, second = found["sets"]
    assert (first["name"], first["kind"], first["status"]) == ("any name", "mask", "failed")
    assert first["arrays"][name] == {"max_abs_error": 1.0, "tolerance": 0}
    assert first["arrays"]["mask256_u8"] == {"max_abs_error": 0.0, "tolerance": 0}
    assert "unknown kind" in second["reason"]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    done = verify(str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is not a folder" in done.stderr
