"""Uploads by ticket and by form, and files by signed URLs."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.api.client import INPUTS, SUBMIT, Api, assert_error

CONTENT = bytes(range(256)) * 40


def ticket(api: Api, content: bytes = CONTENT, filename: str = "clip.mp4", **more: Any) -> Any:
    """A ticket for an upload."""
    return api.post("media/uploads", {"filename": filename, "size": len(content), **more})


def put(api: Api, granted: Any, content: Any = CONTENT) -> Any:
    """The response to sending the bytes, with exactly the headers of the ticket and no key."""
    upload = granted["upload"]
    return api.client.request(upload["method"], upload["url"], content=content, headers=upload["headers"])


def stored(api: Api) -> str:
    """URL of a stored upload."""
    granted = ticket(api)
    assert put(api, granted).status_code == 200
    return str(granted["download_url"])


def test_a_ticket_then_the_bytes(api: Api) -> None:
    granted = ticket(api, content_type="video/mp4")

    assert (granted["type"], granted["filename"], granted["size"]) == ("video", "clip.mp4", len(CONTENT))
    assert granted["upload"]["method"] == "PUT"
    assert granted["upload"]["headers"] == {"Content-Type": "video/mp4", "If-None-Match": "*"}
    assert granted["upload"]["expires_at"].endswith("Z")
    assert put(api, granted).status_code == 200
    fetched = api.client.get(granted["download_url"])
    assert fetched.content == CONTENT
    assert fetched.headers["content-type"] == "video/mp4"
    assert fetched.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/api/v3/media/upload/binary", "/api/v2/media/upload/binary", "/api/v3/upload"]
)
def test_forms_of_older_clients(api: Api, path: str) -> None:
    answer = api.data(api.call("POST", path, files={"file": ("voice.wav", CONTENT, "audio/wav")}))

    assert (answer["type"], answer["filename"], answer["size"]) == ("audio", "voice.wav", len(CONTENT))
    assert answer["url"] == answer["download_url"]
    assert api.client.get(answer["download_url"]).content == CONTENT


def test_bytes_are_taken_once(api: Api) -> None:
    granted = ticket(api)
    assert put(api, granted).status_code == 200

    assert_error(put(api, granted, CONTENT[::-1]), 409, "already stored")
    assert api.client.get(granted["download_url"]).content == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b""])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_size_must_be_the_tickets(api: Api, content: bytes, chunked: bool) -> None:
    granted = ticket(api)

    def pieces() -> Iterator[bytes]:
        yield content

    answer = put(api, granted, pieces() if chunked else content)

    assert answer.status_code in (400, 413)
    assert_error(api.client.get(granted["download_url"]), 404)
    assert put(api, granted).status_code == 200  # the ticket is still good


def test_a_ticket_is_for_one_path_and_one_method(api: Api) -> None:
    granted = ticket(api)
    url = granted["upload"]["url"]

    for wrong in (
        granted["download_url"],
        url.replace("clip", "clap"),
        url.partition("?")[0],
        url.replace("expires=", "expires=9"),
    ):
        answer = api.client.put(wrong, content=CONTENT)
        assert assert_error(answer, 403)["error_code"] == "signature_invalid"
    assert_error(api.client.get(url), 403)


def test_what_is_no_media_gets_no_ticket(api: Api) -> None:
    assert_error(api.call("POST", "media/uploads", json={"filename": "run.exe", "size": 5}), 400, "run.exe")
    assert_error(api.call("POST", "media/uploads", json={"filename": "a.mp4"}), 400, "size is missing")
    assert_error(api.call("POST", "media/uploads", json={"filename": "a.mp4", "size": -1}), 400, "size")
    assert_error(api.call("POST", "media/uploads", json={"filename": "a.mp4", "size": 2**40}), 413)
    assert_error(api.call("POST", "media/uploads", json={"filename": "a.mp4", "size": 10**30}), 413)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"files": {"other": ("a.wav", b"x")}}, ["'file'"]),
        ({"files": {"file": ("a.wav", b"")}}, ["empty"]),
        ({"files": {"file": ("a.txt", b"x")}}, ["a.txt"]),
        ({"data": {"file": "text"}}, ["multipart"]),
        ({"content": b"garbage", "headers": {"Content-Type": "multipart/form-data"}}, ["form"]),
        ({"content": b"garbage", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, ["form"]),
        ({"json": {}}, ["multipart"]),
    ],
)
def test_forms_that_cannot_be(api: Api, body: dict[str, Any], words: list[str]) -> None:
    assert_error(api.call("POST", "media/upload/binary", **body), 400, *words)


@pytest.mark.parametrize("changes", [{"max_upload_bytes": 1000}])
def test_uploads_over_the_limit_are_refused_while_they_arrive(api: Api) -> None:
    big = b"x" * 200_000

    def pieces() -> Iterator[bytes]:
        boundary = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        yield boundary
        for _ in range(10):
            yield big

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert_error(api.call("POST", "media/upload/binary", files={"file": ("a.wav", big)}), 413)
    assert_error(api.call("POST", "media/upload/binary", content=pieces(), headers=kind), 413)
    assert_error(api.call("POST", "media/upload/binary", files={"file": ("a.wav", big[:2000])}), 413)


@pytest.mark.parametrize("changes", [{"upload_quota_bytes": 100}])
def test_the_quota_of_a_key(api: Api) -> None:
    ticket(api, b"x" * 60)

    answer = api.call("POST", "media/uploads", json={"filename": "b.mp4", "size": 60})

    assert_error(answer, 429, "Upload quota exceeded")


def test_ranges(api: Api) -> None:
    url = stored(api)
    size = len(CONTENT)

    for header, first, last in (
        ("bytes=0-9", 0, 9),
        ("bytes=100-", 100, size - 1),
        ("bytes=-10", size - 10, size - 1),
        (f"bytes=5-{size * 2}", 5, size - 1),
        ("bytes=0-0", 0, 0),
    ):
        part = api.client.get(url, headers={"Range": header})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == CONTENT[first : last + 1]
    whole = api.client.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    head = api.client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(size)
    assert api.client.get(url, headers={"Range": "lines=1-2"}).status_code == 200  # not a unit of ours


@pytest.mark.parametrize(
    "header",
    [
        "bytes=999999-",
        "bytes=5-2",
        "bytes=0-1,5-6",
        "bytes=",
        "bytes=-0",
        "bytes=x-y",
        "bytes=" + "9" * 50 + "-",
    ],
)
def test_ranges_that_cannot_be(api: Api, header: str) -> None:
    answer = api.client.get(stored(api), headers={"Range": header})

    assert_error(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_a_range_of_a_file_that_changed_is_the_whole(api: Api) -> None:
    url = stored(api)
    tag = api.client.get(url).headers["etag"]

    assert api.client.get(url, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    assert api.client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/files/../lipwright.db",
        "/files/%2e%2e/lipwright.db",
        "/files/..%2f..%2fetc/passwd",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/uploads/%00",
        "/files/uploads/x%5c..%5cy",
        "/files/.part-1234",
        "/files/",
        "/files/uploads/" + "a" * 600,
        "/..%2f..%2fetc/passwd",
        "/static/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_path_tricks_find_nothing(api: Api, path: str, method: str) -> None:
    answer = api.client.request(method, f"{path}?expires=99999999999&signature={'0' * 64}")

    assert answer.status_code in (400, 403, 404, 405)
    assert "root:" not in answer.text
    assert answer.json()["code"] == answer.status_code


def test_expired_urls(api: Api) -> None:
    url = stored(api)
    parts = dict(part.split("=") for part in url.partition("?")[2].split("&"))

    answer = api.client.get(url.replace(parts["expires"], "1"))

    assert assert_error(answer, 403)["error_code"] == "signature_invalid"


def test_own_files_as_inputs(api: Api) -> None:
    url = stored(api)
    unsigned = url.partition("?")[0]
    other = api.another()

    assert api.submit(video=url)["input"]["video"] == url
    assert api.submit(video=unsigned)["status"] == "created"  # the key's own
    assert other.submit(video=url)["status"] == "created"  # who has the signed URL may use it
    assert_error(other.call("POST", SUBMIT, json=INPUTS | {"video": unsigned}), 400, "video", "signature")
    gone = url.replace("clip", "clap")
    assert_error(api.call("POST", SUBMIT, json=INPUTS | {"video": gone}), 400, "video")
    waiting = ticket(api)["download_url"]
    assert_error(api.call("POST", SUBMIT, json=INPUTS | {"video": waiting}), 400, "not there")
    tricky = "http://lips.test/files/../../etc/passwd"
    assert_error(api.call("POST", SUBMIT, json=INPUTS | {"video": tricky}), 400)


def test_data_uris_become_uploads(api: Api) -> None:
    wav = "data:audio/wav;base64,UklGRgAAAABXQVZFAAAA"

    accepted = api.submit(audio=wav)

    url = accepted["input"]["audio"]
    assert url.startswith("http://lips.test/files/uploads/")
    assert url.partition("?")[0].endswith("/audio.wav")
    assert api.client.get(url).content == b"RIFF\0\0\0\0WAVE\0\0\0"
    for broken in ("data:audio/wav;base64,%%%", "data:", "data:audio/wav;base64,"):
        assert_error(api.call("POST", SUBMIT, json=INPUTS | {"audio": broken}), 400, "audio")
