"""Workers hand on items in order, and one failure ends all of them with its own error."""

import threading
import time
from collections.abc import Callable

import pytest

from lipwright.errors import Cancelled, MediaError
from lipwright.pipeline.relay import Crew, Relay, StageClock, Stopped


def run_line(stages: list[Callable[[int], int]], count: int = 200, size: int = 3) -> list[int]:
    """Pass numbers through a line of workers as the pipeline does: the middle one is the calling thread."""
    first, middle, last = stages
    crew = Crew()
    left: Relay[int] = Relay(crew, size)
    right: Relay[int] = Relay(crew, size)
    out: list[int] = []

    def send() -> None:
        for number in range(count):
            left.put(first(number))
        left.close()

    def receive() -> None:
        out.extend(last(number) for number in right)

    crew.start("send", send)
    crew.start("receive", receive)
    try:
        for number in left:
            right.put(middle(number))
        right.close()
    except BaseException as error:  # noqa: BLE001 - as in the pipeline
        crew.fail(error)
    crew.join()
    return out


def same(number: int) -> int:
    return number


def failing(error: BaseException, at: int) -> Callable[[int], int]:
    def work(number: int) -> int:
        if number == at:
            raise error
        return number

    return work


def test_items_keep_their_order() -> None:
    assert run_line([same, lambda number: 2 * number, lambda number: number + 1]) == [
        2 * number + 1 for number in range(200)
    ]


@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("at", [0, 1, 100, 199])
def test_a_failure_anywhere_ends_all_with_its_error(stage: int, at: int) -> None:
    error = MediaError("The film tore.")
    stages: list[Callable[[int], int]] = [same, same, same]
    stages[stage] = failing(error, at)
    threads = threading.active_count()
    began = time.monotonic()
    with pytest.raises(MediaError) as raised:
        run_line(stages)
    assert raised.value is error
    assert time.monotonic() - began < 5
    assert threading.active_count() == threads


@pytest.mark.parametrize("error", [Cancelled(), KeyboardInterrupt(), MemoryError()])
def test_every_kind_of_failure_is_carried(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        run_line([same, same, failing(error, 50)])
    assert raised.value is error


def test_the_first_failure_is_the_one_reported() -> None:
    crew = Crew()
    crew.fail(MediaError("first"))
    crew.fail(MediaError("second"))
    with pytest.raises(MediaError, match="first"):
        crew.join()


def test_a_queue_is_bounded() -> None:
    crew = Crew()
    relay: Relay[int] = Relay(crew, 2)
    sent: list[int] = []

    def send() -> None:
        for number in range(10):
            relay.put(number)
            sent.append(number)
        relay.close()

    crew.start("send", send)
    deadline = time.monotonic() + 5
    while len(sent) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert sent == [0, 1]
    assert list(relay) == list(range(10))
    crew.join()


def test_who_waits_for_a_stopped_crew_leaves() -> None:
    crew = Crew()
    relay: Relay[int] = Relay(crew, 1)
    relay.put(1)
    crew.stop.set()
    with pytest.raises(Stopped):
        relay.put(2)
    with pytest.raises(Stopped):
        list(relay)


def test_the_clock_sums_what_threads_spend() -> None:
    clock = StageClock()

    def work() -> None:
        with clock("work"):
            time.sleep(0.05)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(MediaError), clock("other"):
        raise MediaError("counted all the same")
    assert clock.seconds["work"] >= 0.15
    assert set(clock.seconds) == {"work", "other"}
