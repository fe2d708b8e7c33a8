"""Presenters drawn from seeds are the same each time, and differ from each other."""

from lipwright.presenter.hair import STYLES
from lipwright.presenter.identity import HAIR_STYLES, draw_identity


def test_a_seed_is_always_the_same_person() -> None:
    assert draw_identity(7) == draw_identity(7)
    assert draw_identity(7) != draw_identity(8)


def test_people_are_varied() -> None:
    people = [draw_identity(seed) for seed in range(300)]
    assert {who.hair.style for who in people} == set(HAIR_STYLES)
    assert {who.hair.beard for who in people} == {"none", "stubble", "moustache", "goatee", "full"}
    assert {who.setting.glasses for who in people} >= {"none", "round", "square", "oval"}
    assert 0.35 < sum(who.feminine for who in people) / len(people) < 0.65
    brightness = [sum(who.skin.albedo) / 3 for who in people]
    assert min(brightness) < 0.1 and max(brightness) > 0.6


def test_walls_are_neutral() -> None:
    """Saturated backgrounds lose their colour in the small model's codec."""
    for seed in range(100):
        wall = draw_identity(seed).setting.wall
        assert max(wall) - min(wall) < 0.25


def test_every_style_can_be_combed() -> None:
    assert set(STYLES) == set(HAIR_STYLES)
