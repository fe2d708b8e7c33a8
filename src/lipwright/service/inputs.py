"""The inputs of an accepted job, brought from where the client said they are to a place on our disk.

A URL that we gave out is read from the store, never fetched over the network. Everything else goes through
the guarded client or the decoder of data: URIs.
"""

import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from lipwright.service import files, signing
from lipwright.service.check import Kind
from lipwright.service.data_uri import decode, is_data_uri
from lipwright.service.errors import BadMediaError, FetchError, ForbiddenError, InvalidParameterError
from lipwright.service.fetch import FetchLimits, fetch
from lipwright.service.guard import Policy, policy_of
from lipwright.service.predictions import Prediction
from lipwright.service.settings import Settings
from lipwright.service.signing import OwnUrl
from lipwright.service.storage import Storage

STALL_S = 20.0
"""The longest time without a byte from another server; half of it would cut off slow but honest ones."""


class Inputs:
    """Brings the inputs of jobs: `inputs(prediction, "video", target, cancelled)`."""

    def __init__(
        self, engine: sa.Engine, settings: Settings, storage: Storage, policy: Policy | None = None
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._storage = storage
        self._policy = policy if policy is not None else policy_of(settings)
        self._secret = signing.url_secret(engine)

    def __call__(
        self, prediction: Prediction, kind: Kind, target: Path, cancelled: Callable[[], bool]
    ) -> None:
        """Put an input at `target`, whole or not at all.

        Raises FetchError (cannot be fetched), BadMediaError (too large), InvalidParameterError (no URL, or
        not this key's), Cancelled, StorageError.
        """
        ref = str(prediction.input[kind])
        if is_data_uri(ref):
            decode(ref, target, self._settings.max_data_uri_bytes, what=kind)
            return
        own = self._own(ref, prediction, kind)
        if own is not None:
            self._from_store(own, prediction, kind, target)
            return
        limits = FetchLimits(
            self._settings.max_input_bytes,
            total_s=self._settings.fetch_timeout_s,
            stall_s=min(STALL_S, self._settings.fetch_timeout_s),
        )
        fetch(ref, target, limits, self._policy, what=kind, cancelled=cancelled)

    def _own(self, ref: str, prediction: Prediction, kind: Kind) -> OwnUrl | None:
        bases = tuple(
            base for base in (self._settings.public_url, prediction.base_url) if base is not None and base
        )
        try:
            return signing.own_url(ref, bases)
        except ValueError as error:  # urlsplit's, for brackets that do not match
            raise InvalidParameterError(f"The {kind} is no well-formed URL; check it.") from error

    def _from_store(self, own: OwnUrl, prediction: Prediction, kind: Kind, target: Path) -> None:
        try:
            signing.verify(self._secret, "GET", own.key, own.expires, own.signature, time.time())
        except ForbiddenError as error:
            with self._engine.connect() as conn:
                if files.owner(conn, own.key) != prediction.key_id:
                    raise InvalidParameterError(f"The {kind} cannot be used: {error}") from error
        size = self._storage.size(own.key)
        if size is None:
            raise FetchError(
                f"The {kind} is a file of this server that is no longer there; upload it again, and use it "
                f"within {self._settings.retention_days:g} days."
            )
        if size > self._settings.max_input_bytes:
            raise BadMediaError(
                f"The {kind} is larger than the {self._settings.max_input_bytes:,} bytes allowed; shorten or "
                "compress it."
            )
        part = target.with_name(f".{target.name}.part")
        try:
            self._storage.fetch(own.key, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
