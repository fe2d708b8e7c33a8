"""Dockerfile and compose file: what they must hold, read without a container engine."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lipwright.service.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
CONSTANT_ELSEWHERE = {"LIPWRIGHT_CACHE", "LIPWRIGHT_CREDENTIALS"}
"""Variables that other parts of the package read; not settings of the server."""


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), with continued lines joined and comments left out."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


@pytest.fixture
def compose() -> dict[str, Any]:
    """The compose file, parsed."""
    loaded = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def settings_variables() -> set[str]:
    """The environment variables of all settings."""
    return {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_image_is_built_in_two_stages_and_the_last_has_no_build_tools() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert [stage.split(" AS ")[1] for stage in stages] == ["build", "run"]
    last = instructions()[[name for name, _ in instructions()].index("FROM", 2) :]
    assert not any("pip install" in rest for name, rest in last if name == "RUN")


def test_the_service_runs_as_an_unprivileged_user() -> None:
    steps = instructions()
    users = [rest for name, rest in steps if name == "USER"]
    assert users == ["lipwright"]
    names = [name for name, _ in steps]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("RUN", "COPY"))


def test_health_is_checked_and_a_stop_is_a_drain() -> None:
    steps = dict(instructions())
    assert "/healthz" in steps["HEALTHCHECK"]
    assert steps["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(steps["ENTRYPOINT"]) == ["lipwright"]  # the exec form: signals arrive
    assert json.loads(steps["CMD"]) == ["serve"]


def test_no_secret_is_baked_in() -> None:
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "compose.yaml").read_text()
    from_outside = re.sub(r"(?m)^ *#.*|\$\{[A-Z0-9_]+:-\}", "", text)  # comments; variables without a default
    secret = r"(?i)(?:password|secret|key|token)[a-z_]*[\"']?[ \t]*[:=][ \t]*[\"']?(\w+)"
    assert re.findall(secret, from_outside) == []
    assert re.search(r"//[^/\s]+:[^/\s]+@", from_outside) is None  # user:password@host
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert "**/.env*" in ignored


def test_only_what_exists_is_copied() -> None:
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_only_known_settings_are_set(compose: dict[str, Any]) -> None:
    named = {name for name, _ in re.findall(r"(LIPWRIGHT_[A-Z0-9_]+)(=)", (ROOT / "Dockerfile").read_text())}
    for service in compose["services"].values():
        named |= {name for name in service.get("environment", {}) if name.startswith(PREFIX)}
    assert named - CONSTANT_ELSEWHERE <= settings_variables()


def test_every_profile_runs_one_service_and_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    profiles = {profile for service in services.values() for profile in service["profiles"]}
    assert profiles == {"default", "postgres", "s3"}
    for profile in profiles:
        running = {name for name, service in services.items() if profile in service["profiles"]}
        assert len([name for name in running if name.startswith("lipwright")]) == 1
        for name in running:
            assert set(services[name].get("depends_on", {})) <= running


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {
        mount.split(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
    }
    assert used == set(compose["volumes"])


def test_services_give_up_privileges_and_have_time_to_drain(compose: dict[str, Any]) -> None:
    ours = [service for name, service in compose["services"].items() if name.startswith("lipwright")]
    for service in ours:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert int(service["stop_grace_period"].removesuffix("s")) > Settings.model_fields["drain_s"].default
        assert service["ports"][0].split(":8000}")[0].endswith("127.0.0.1")  # not open to all by default
