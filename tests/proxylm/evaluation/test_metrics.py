"""Accuracy and its half-width against values worked out by hand."""

import pytest

from proxylm.evaluation.metrics import accuracy, wilson_half_width


@pytest.mark.parametrize(
    ("correct", "n", "half_width"),
    [
        # z^2 = 3.841459; for 5 of 10: 1.959964 / 1.3841459 * sqrt(0.025 + 0.00960365)
        (5, 10, 0.263406),
        # for 0 of 10 the interval is 0 .. z^2 / (n + z^2) = 0.277533
        (0, 10, 0.138766),
        (10, 10, 0.138766),
        # for 150 of 200: 1.959964 / 1.0192073 * sqrt(0.0009375 + 0.0000240091)
        (150, 200, 0.059628),
    ],
)
def test_wilson_half_width(correct: int, n: int, half_width: float) -> None:
    assert wilson_half_width(correct, n) == pytest.approx(half_width, abs=1e-5)


def test_accuracy_is_0_to_100_and_says_how_it_was_measured() -> None:
    measured = accuracy(["a"] * 150 + ["b"] * 50, ["a"] * 200)
    assert measured.value == 75.0
    assert measured.half_width == pytest.approx(5.9628, abs=1e-3)
    assert measured.half_width_method == "wilson"
    assert measured.signature == "accuracy|n:200|v:1"
    assert (measured.metric, measured.n_segments) == ("accuracy", 200)


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_nothing_to_score_is_an_error(hypotheses: list[str], references: list[str]) -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        accuracy(hypotheses, references)
