"""docs/service-security.md, made of the table of attacks: `python -m service.attacks.document` in tests/."""

import json
from collections.abc import Iterable
from pathlib import Path

from service.attacks.table import MEDIA, SUBMITS, TICKETS, UPLOADS, URLS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "service-security.md"
_HEAD = """# What was tried against the service

URLs, headers, files and bodies that reach the server come from strangers. These tables are the attacks that
`tests/service/attacks` tries, in every run of the tests, against the code that serves: the guarded client
with real servers behind made-up names, the checker with real files, and a running server with its default
settings. Every row is blocked; the last column is part of the sentence that the client gets.

## How it is guarded

* **Addresses** (`service/addresses.py`, `service/guard.py`). A name is looked up once per exchange, every
  address of it must be public, and exactly that address is dialled, under the name for TLS. The rule sits
  below the HTTP client, in its network backend, so redirects and webhooks cannot go around it. Metadata,
  link-local and multicast addresses stay refused even with `allow_private_urls`.
* **URLs**: http and https, ports 80 and 443 (`url_ports`), no credentials; proxies and netrc of the
  environment are not used.
* **Fetching** (`service/fetch.py`): limits on bytes, on the time in all and between two pieces, and on
  redirects; no content encodings; contents are judged by their bytes, never by a name or type; a file
  appears whole or not at all.
* **Checking** (`service/check.py`): a child process with limits on memory, CPU time and open files, which
  may write nothing, gets no secrets by its environment and is killed when its time is over. Playlists and
  scripts, which name other files, are no formats here.
* **Own URLs**: signed, for one key of the store and one method, until a time; else the file must belong to
  the caller's key.
* **Sentences** name hosts without queries and never a path or an address of ours; unknown and private names
  get the same one.

Not guarded by this process: a fault of a decoder that runs code as the service's user. Run the server in a
container without other secrets, and without a route to networks that it need not reach.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        (
            _HEAD,
            "## URLs of inputs\n",
            "The attacker's server is the public host `media.example`. *reached* tells whether a request",
            "came to it; nothing inside was ever dialled.\n",
            *_table(
                ("attack", "URL", "reached", "answer"),
                (
                    (row.attack, _code(row.url), "no" if row.behave is None else "yes", row.expected)
                    for row in URLS
                ),
            ),
            "\n## Files that arrived\n",
            *_table(("attack", "sent as", "answer"), ((row.attack, row.kind, row.expected) for row in MEDIA)),
            "\n## Submits to a running server\n",
            "400 is the answer to the submit; with 200 the job was accepted, failed with the sentence, cost",
            "nothing, and its webhook, to a private address, was noted and not delivered.\n",
            *_table(
                ("attack", "`video`", "HTTP", "answer"),
                ((row.attack, _code(_short(row.video)), str(row.status), row.expected) for row in SUBMITS),
            ),
            "\n## Uploads to a running server\n",
            *_table(
                ("attack", "request", "HTTP"),
                ((row.attack, f"{row.method} {_code(row.url)}", _either(row.statuses)) for row in UPLOADS),
            ),
            "\n## Tickets for uploads\n",
            *_table(
                ("attack", "body", "HTTP"),
                ((row.attack, _code(json.dumps(row.body)), str(row.status)) for row in TICKETS),
            ),
            "",
        )
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("{base}", "https://this-server").replace("{canary}", "PORT")
    return text if len(text) <= 60 else text[:60] + "…"


def _either(statuses: tuple[int, ...]) -> str:
    return " or ".join(str(status) for status in statuses)


def _code(text: str) -> str:
    return "`" + text.replace("\r", "\\r").replace("\n", "\\n").replace("|", "\\|") + "`"


if __name__ == "__main__":
    PAGE.write_text(page())
