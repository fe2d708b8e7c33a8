"""The presenter's sentences: many, pronounceable, and never shared between training and evaluation."""

from lipwright.presenter.texts import EVALUATION_SEED, content_words, draw_text

KINDS = ("person", "place", "thing", "quality", "action", "manner", "group")


def test_the_same_seed_gives_the_same_text() -> None:
    assert draw_text(7, 5) == draw_text(7, 5)


def test_thousands_of_texts_are_distinct() -> None:
    texts = {draw_text(seed, 4) for seed in range(3000)}
    assert len(texts) > 2950


def test_no_text_of_evaluation_is_a_text_of_training() -> None:
    training = {sentence for seed in range(2000) for sentence in draw_text(seed, 3).split(". ")}
    evaluation = {
        sentence for seed in range(2000) for sentence in draw_text(EVALUATION_SEED + seed, 3).split(". ")
    }
    assert not training & evaluation


def test_content_words_are_split_between_training_and_evaluation() -> None:
    for kind in KINDS:
        training, evaluation = content_words(kind, False), content_words(kind, True)
        assert min(len(training), len(evaluation)) >= 10
        assert not set(training) & set(evaluation)


def test_lips_that_meet_are_frequent() -> None:
    letters = "".join(draw_text(seed, 4) for seed in range(300)).lower()
    assert sum(letters.count(letter) for letter in "pbm") / len(letters) > 0.06
    assert sum(letters.count(letter) for letter in "fv") / len(letters) > 0.025


def test_length_follows_the_seconds_asked_for() -> None:
    mean = sum(len(draw_text(seed, 10)) for seed in range(200)) / 200
    assert 100 < mean < 180
