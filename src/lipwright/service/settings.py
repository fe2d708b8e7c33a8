"""Every knob of the server: name, default, range and meaning, stated once.

A setting comes from the environment (`LIPWRIGHT_` and its name in capitals), else from the TOML file that
`--settings` or LIPWRIGHT_SETTINGS names, else from its default here. The descriptions below are the texts of
docs/operate.md. Lists are written with commas in the environment.
"""

import os
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lipwright.adapt.options import MINUTES
from lipwright.options import DEFAULT_MODEL
from lipwright.service.errors import SettingsError

PREFIX = "LIPWRIGHT_"
FILE_VARIABLE = "LIPWRIGHT_SETTINGS"
MIB = 1024 * 1024
GIB = 1024 * MIB


def _split(value: object) -> object:
    """`a, b` from the environment as a list; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Numbers = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The settings of one server. Made by `load_settings`; frozen afterwards."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, validate_default=True
    )

    # ---- where

    data: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("lipwright") / "service",
        description="Folder for the database, work files and stored outputs; on a local disk, not on NFS.",
    )
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="postgresql://user:password@host/name or sqlite:///path; not given: SQLite in the data "
        "folder.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 for any free one.")
    public_url: str | None = Field(
        default=None,
        description="Scheme and host that clients see, such as https://lips.example.com; not given: "
        "the address that each request was sent to.",
    )
    cors_origins: Words = Field(
        default=(), description="Origins of web pages that may call the API from a browser; * for any."
    )
    metrics_key: str | None = Field(
        default=None,
        repr=False,
        description="Bearer token that /metrics asks for; not given: open to everyone who reaches the port.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level of log lines that are written."
    )

    # ---- rendering

    models: Words = Field(
        default=(DEFAULT_MODEL,), description="Model bundles that jobs may ask for: names or folders."
    )
    default_model: str = Field(
        default=DEFAULT_MODEL, description="The bundle of a job that asks for none; one of `models`."
    )
    renderer: str = Field(
        default="lipwright.service.worker:render",
        description="Function that renders a job, as module:function; for tests.",
    )
    device: str = Field(
        default="auto",
        description="auto, cpu, cuda, or a list such as cuda:0,cuda:1: one job at a time on each.",
    )
    slots: int | None = Field(
        default=None, ge=1, le=64, description="Jobs rendered at a time; not given: one for each device."
    )
    engines_kept: int = Field(
        default=1, ge=1, le=16, description="Models that a worker keeps loaded between jobs."
    )
    prepare_concurrent: int = Field(
        default=4, ge=1, le=64, description="Jobs whose inputs are fetched and checked at a time."
    )

    # ---- limits of inputs

    max_upload_bytes: int = Field(default=200 * MIB, ge=1, description="Largest upload.")
    max_input_bytes: int = Field(
        default=500 * MIB, ge=1, description="Largest input that is fetched from a URL."
    )
    max_json_bytes: int = Field(default=MIB, ge=1024, description="Largest request body without data: URIs.")
    max_data_uri_bytes: int = Field(
        default=64 * MIB, ge=1024, description="Largest request body with data: URIs."
    )
    max_base64_bytes: int = Field(
        default=64 * MIB, ge=1, description="Largest output that is returned as base64."
    )
    max_video_s: float = Field(default=600, gt=0, description="Longest video, in seconds.")
    max_audio_s: float = Field(default=600, gt=0, description="Longest audio, in seconds.")
    max_pixels: int = Field(default=3840 * 2160, ge=1, description="Most pixels of a frame.")
    max_side: int = Field(default=4096, ge=16, description="Longest side of a frame, in pixels.")
    max_fps: float = Field(default=120, gt=0, description="Highest frame rate.")
    allow_private_urls: bool = Field(
        default=False,
        description="Fetch from and send webhooks to private addresses, and webhooks over plain http; for "
        "tests and closed networks only.",
    )
    url_ports: Numbers = Field(
        default=(80, 443),
        description="Ports that inputs are fetched from and webhooks sent to; any with allow_private_urls.",
    )

    # ---- personal bundles

    adapt_minutes: float = Field(
        default=MINUTES,
        gt=0,
        le=60,
        description="How many minutes an adapt job reads its clip at most; what comes later is left out.",
    )
    bundles_per_key: int = Field(
        default=100, ge=0, description="Personal bundles that one key may hold; 0 for no adapting."
    )
    bundle_retention_days: float | None = Field(
        default=None,
        gt=0,
        le=3650,
        description="Days that personal bundles are kept; not given: until they are deleted.",
    )

    # ---- time

    fetch_timeout_s: float = Field(default=120, gt=0, description="Longest time for fetching one input.")
    probe_timeout_s: float = Field(default=30, gt=0, description="Longest time for checking one input.")
    render_timeout_s: float = Field(default=3600, gt=0, description="Longest time for rendering one job.")
    sync_window_s: float = Field(
        default=90, gt=0, description="How long a submit with enable_sync_mode waits for the result."
    )
    drain_s: float = Field(
        default=30, ge=0, description="How long a stopping server lets running jobs go on; they resume later."
    )
    webhook_timeout_s: float = Field(
        default=20, gt=0, description="How long a webhook receiver may take to answer."
    )
    webhook_retry_h: float = Field(
        default=24, gt=0, description="How many hours after the first attempt a webhook is tried again."
    )

    # ---- limits of keys

    rate_per_minute: int = Field(
        default=60, ge=1, description="Submits per key and minute, unless the key has its own."
    )
    concurrent: int = Field(
        default=4, ge=1, description="Jobs of a key rendered at a time, unless the key has its own."
    )
    max_queued_per_key: int = Field(default=1000, ge=1, description="Unfinished jobs of one key.")
    max_queued: int = Field(default=10_000, ge=1, description="Unfinished jobs in all.")
    priority: int = Field(
        default=100, ge=1, le=1000, description="Priority of a key without its own; smaller goes first."
    )
    upload_quota_bytes: int = Field(
        default=10 * GIB, ge=1, description="Bytes of unexpired uploads that one key may hold."
    )
    upload_ticket_s: int = Field(
        default=3600, ge=1, le=7 * 86400, description="How long an upload ticket may be used."
    )

    # ---- money

    price_unit_usd: Decimal = Field(
        default=Decimal("0.15"), ge=0, le=1000, description="Price of one unit of output, in US dollars."
    )
    adapt_price_unit_usd: Decimal | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="The same for adapt jobs, by the seconds of their clip; not given: `price_unit_usd`.",
    )
    price_unit_s: int = Field(default=5, ge=1, description="Seconds in a unit.")
    price_minimum_s: int = Field(default=5, ge=0, description="Seconds that are charged at the least.")
    price_round_s: int = Field(default=1, ge=1, description="Seconds are rounded up to a multiple of this.")
    price_cap_s: int = Field(default=600, ge=1, description="Seconds that are charged at the most.")

    # ---- storage

    storage: Literal["local", "s3"] = Field(
        default="local", description="Where uploads and outputs lie: local (the data folder) or s3."
    )
    s3_bucket: str | None = Field(default=None, description="Bucket; required with s3.")
    s3_prefix: str = Field(default="", description="Folder inside the bucket; empty for its root.")
    s3_endpoint: str | None = Field(
        default=None, description="URL of an S3-compatible server; not given: Amazon's."
    )
    s3_region: str = Field(default="us-east-1", description="Region of the bucket.")
    s3_access_key_id: str | None = Field(
        default=None, repr=False, description="Access key; not given: as the machine's role provides."
    )
    s3_secret_access_key: str | None = Field(default=None, repr=False, description="Its secret.")
    s3_url_s: int = Field(
        default=3600, ge=1, le=7 * 86400, description="How long a presigned URL of the store is good."
    )
    retention_days: float = Field(
        default=7, gt=0, le=3650, description="Days that predictions, uploads and outputs are kept."
    )

    # ---- safety

    nsfw: Literal["report", "block"] = Field(
        default="report",
        description="What a hit of the safety check does: report it, or block: fail the job.",
    )
    nsfw_model: str = Field(
        default="none",
        description="The safety check: none, nsfw-vit, or a classifier's folder (needs the extra `nsfw`).",
    )
    nsfw_threshold: float = Field(
        default=0.5, gt=0, le=1, description="Probability from which on a frame is a hit of the safety check."
    )
    nsfw_frames: int = Field(
        default=8, ge=1, le=1000, description="Frames of an output that the safety check looks at."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed in code, then the environment, then the file (see `load_settings`)."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be http:// or https://, a host, and no query")
        return value.rstrip("/")

    @field_validator("renderer")
    @classmethod
    def _renderer(cls, value: str) -> str:
        module, colon, function = value.partition(":")
        if not colon or not module or not function.isidentifier():
            raise ValueError("must be module:function")
        return value

    @model_validator(mode="after")
    def _together(self) -> "Settings":
        if self.default_model not in self.models:
            raise ValueError(
                f"default_model is {self.default_model!r}, but models holds only {', '.join(self.models)}"
            )
        if self.price_cap_s < self.price_minimum_s:
            raise ValueError(
                f"price_cap_s is {self.price_cap_s}, below price_minimum_s, which is {self.price_minimum_s}"
            )
        if self.nsfw == "block" and self.nsfw_model == "none":  # else it would block nothing, silently
            raise ValueError("nsfw is block, but nsfw_model is none, so nothing would be looked at")
        if self.storage == "s3" and self.s3_bucket is None:
            raise ValueError("storage is s3, but s3_bucket is not given")
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError("s3_access_key_id and s3_secret_access_key must be given together")
        return self

    @property
    def sqlite_path(self) -> Path:
        """The database file when no database_url is given."""
        return self.data / "lipwright.db"

    @property
    def work(self) -> Path:
        """Folder of the private folders of jobs, `<work>/<prediction id>/`."""
        return self.data / "work"

    @property
    def stored(self) -> Path:
        """Folder of LocalStorage."""
        return self.data / "files"

    @property
    def bundle_retention_us(self) -> int | None:
        """`bundle_retention_days` in microseconds; None for no end."""
        days = self.bundle_retention_days
        return None if days is None else round(days * 86_400 * 1_000_000)

    @property
    def retention_us(self) -> int:
        """`retention_days` in microseconds."""
        return round(self.retention_days * 86_400 * 1_000_000)


def load_settings(file: Path | None = None, **given: Any) -> Settings:
    """The settings of this process: `given`, then the environment, then the file, then defaults.

    `file` overrides LIPWRIGHT_SETTINGS. Raises SettingsError, one sentence per bad setting.
    """
    named = os.environ.get(FILE_VARIABLE)
    path = file if file is not None else Path(named) if named else None
    if path is not None and not path.is_file():
        raise SettingsError(f"The settings file {path} is not there.")
    toml_file = path

    class _Loaded(Settings):
        model_config = SettingsConfigDict(toml_file=toml_file)

    try:
        loaded = _Loaded(**given)
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from error
    except ValueError as error:  # tomllib.TOMLDecodeError is one
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from error
    return Settings.model_construct(**{name: getattr(loaded, name) for name in Settings.model_fields})


def unknown_variables() -> list[str]:
    """Environment variables whose names are almost those of settings: most likely typing errors."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    strangers = [name for name in os.environ if name.startswith(PREFIX) and name not in known]
    return sorted(name for name in strangers if get_close_matches(name, known, n=1, cutoff=0.9))


def _sentences(error: ValidationError) -> str:
    """One sentence for each bad setting, without the values of secrets."""
    said = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        reason = item["msg"].removeprefix("Value error, ").rstrip(".")
        if item["type"] == "extra_forbidden":
            said.append(f"There is no setting {name!r}; see `lipwright serve --check`.")
        elif not name:
            said.append(f"The settings contradict each other: {reason}.")
        elif _secret(name):
            said.append(f"The setting {name} cannot be used: {reason}.")
        else:
            said.append(f"The setting {name} is {item['input']!r}, which cannot be used: {reason}.")
    return " ".join(said)


def _secret(name: str) -> bool:
    field = Settings.model_fields.get(name)
    return field is not None and not field.repr
