"""`lipwright train tiny`."""

from desk import Desk


def test_seeds_of_evaluation_are_refused(desk: Desk) -> None:
    flags = ("-o", desk.outputs / "tiny", "--work", desk.outputs / "work", "--toy", "--serial")
    code, said, told = desk.run("train", "tiny", *flags, "--seed", 1_000_000)
    assert (code, said) == (2, [])
    assert "1000000" in told[-1] and "evaluation" in told[-1]
    assert not (desk.outputs / "tiny").exists()


def test_the_help_names_what_a_run_needs(desk: Desk) -> None:
    code, said, _ = desk.run("train", "tiny", "--help")
    text = " ".join(said)
    assert code == 0 and "--work" in text and "--seed" in text and "--toy" in text
