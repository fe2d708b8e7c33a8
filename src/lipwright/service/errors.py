"""The service's errors: each knows its HTTP status, the task code of the wire format, and its sentence.

Two uses, one tree. Raised while a request is answered, the HTTP edge turns it into the envelope
`{"code", "message", "error"}` with `http_status` (and `error_code`, `Retry-After` where set). Raised while an
accepted job runs, the workflow writes `task_code` and the sentence to the prediction.

```text
ServiceError                    500  5000
  RequestError                  400  1401   the request as such
    MissingParameterError       400  1400
    InvalidParameterError       400  1401
    UnauthorizedError           401         no key, or a wrong one
    CreditError                 402  1407   the balance does not cover it
    ForbiddenError              403         a revoked or suspended key (`error_code`)
    NotFoundError               404         unknown, or somebody else's
    ConflictError               409         the same Idempotency-Key with another body; a file that exists
    TooLargeError               413
    RateLimitError              429         too many requests, too much queued, quota (`retry_after_s`)
  UnavailableError              503  5003   draining, database away (`retry_after_s`)
  TaskError                     200  1405   an accepted job failed
    FetchError                       1402   an input could not be fetched
    BadMediaError                    1401   an input was fetched and cannot be used
    ExecutionError                   1403   the renderer refused (no face ...) or broke
    ModerationError                  1200   the safety check blocked the result
    TaskTimeoutError                 5004   a step took longer than allowed
    InternalTaskError                5000   our side: crashes, a full disk
  SettingsError                             settings that cannot be used; exit code 2
  DatabaseError                             no database, or a schema that does not fit the code
  StorageError                500  5000     a stored file cannot be written or read
```
"""

from lipwright.errors import LipwrightError

CODE_OK = 0
CODE_MODERATION = 1200
CODE_MISSING = 1400
CODE_INVALID = 1401
CODE_FETCH = 1402
CODE_EXECUTION = 1403
CODE_FAILED = 1405
CODE_CREDIT = 1407
CODE_INTERNAL = 5000
CODE_UNAVAILABLE = 5003
CODE_TIMEOUT = 5004


class ServiceError(LipwrightError):
    """Base of what the service raises on purpose. The text is one sentence for the client."""

    http_status: int = 500
    task_code: int = CODE_INTERNAL

    def __init__(
        self, message: str, *, error_code: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        """A word for programs, sent beside the sentence; None for none."""
        self.retry_after_s = retry_after_s
        """Whole seconds for the header `Retry-After`; None for no header."""


class RequestError(ServiceError):
    """The request cannot be served as it stands."""

    http_status = 400
    task_code = CODE_INVALID


class MissingParameterError(RequestError):
    """A required input is not there."""

    task_code = CODE_MISSING


class InvalidParameterError(RequestError):
    """An input has a wrong type or lies outside its range."""


class UnauthorizedError(RequestError):
    """No key, or one that this server does not know."""

    http_status = 401


class CreditError(RequestError):
    """The balance of the key does not cover the price."""

    http_status = 402
    task_code = CODE_CREDIT


class ForbiddenError(RequestError):
    """The key is known and may not do this: revoked or suspended."""

    http_status = 403


class NotFoundError(RequestError):
    """Unknown, expired, deleted, or of another key: the answer is the same for all."""

    http_status = 404


class ConflictError(RequestError):
    """It contradicts an earlier request: an Idempotency-Key used with another body, a file that exists."""

    http_status = 409


class TooLargeError(RequestError):
    """More bytes than the limit."""

    http_status = 413


class RateLimitError(RequestError):
    """Too many requests in this minute, too many jobs waiting, or the upload quota is used up."""

    http_status = 429


class UnavailableError(ServiceError):
    """The server cannot take this now; the same request may work later."""

    http_status = 503
    task_code = CODE_UNAVAILABLE


class TaskError(ServiceError):
    """An accepted job failed; the sentence becomes `error` and the code `data.code` of its prediction."""

    http_status = 200
    task_code = CODE_FAILED


class FetchError(TaskError):
    """An input could not be fetched from where the client said it is."""

    task_code = CODE_FETCH


class BadMediaError(TaskError):
    """An input is here and cannot be used: no media, too long, too large, broken."""

    task_code = CODE_INVALID


class ExecutionError(TaskError):
    """The renderer refused the inputs or broke on them."""

    task_code = CODE_EXECUTION


class ModerationError(TaskError):
    """The safety check blocked the result."""

    task_code = CODE_MODERATION


class TaskTimeoutError(TaskError):
    """A step of the job took longer than the server allows."""

    task_code = CODE_TIMEOUT


class InternalTaskError(TaskError):
    """The job failed for a reason on our side."""

    task_code = CODE_INTERNAL


class SettingsError(ServiceError):
    """Settings that cannot be used; names the setting, the value and the range."""

    exit_code = 2


class DatabaseError(ServiceError):
    """The database cannot be opened, or its schema does not fit this version of the code."""

    http_status = 503
    task_code = CODE_UNAVAILABLE


class StorageError(ServiceError):
    """A stored file cannot be written or read."""
