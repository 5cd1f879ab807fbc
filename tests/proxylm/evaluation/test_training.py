"""The shared training loop: schedules, early stopping, interruptions and full memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from proxylm.corpora import Labelled
from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation import training as module
from proxylm.evaluation.contract import Training
from proxylm.evaluation.training import Objective, Recipe, train
from proxylm.recipes import names, recipe

N_ROWS, WIDTH = 60, 8
NOTHING = Labelled((), ())


class Network(nn.Module):
    """A regression with dropout, so that the random state matters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(WIDTH, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 1)
        )
        self.checkpointing = False

    def forward(self, data: Tensor) -> Tensor:
        return torch.as_tensor(self.layers(data))[:, 0]

    def gradient_checkpointing_enable(self, **_: Any) -> None:
        self.checkpointing = True


def a_network() -> Network:
    torch.manual_seed(3)
    return Network()


def an_objective(network: nn.Module, noise: float = 0.0, rows: int = N_ROWS) -> Objective:
    generator = torch.Generator().manual_seed(7)
    data = torch.randn(rows, WIDTH, generator=generator)
    truth = data.sum(dim=1) + noise * torch.randn(rows, generator=generator)

    def loss(some: list[int]) -> Tensor:
        return (network(data[some]) - truth[some]).square().sum()

    return Objective([1 + i % 5 for i in range(rows)], [1] * rows, loss)


def a_training(folder: Path) -> Training:
    return Training(
        "intent", NOTHING, NOTHING, "eng_Latn", "eng_Latn", (), {}, seed=5, checkpoint=folder
    )


RECIPE = Recipe(name="r", learning_rate=0.01, epochs=6, batch_lines=10)


def weights(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def trained(folder: Path, recipe: Recipe = RECIPE) -> tuple[list[Tensor], Training]:
    network, training = a_network(), a_training(folder)
    train(network, an_objective(network), None, training, recipe, "cpu")
    return weights(network), training


def test_a_training_learns_and_keeps_its_curve(tmp_path: Path) -> None:
    _, training = trained(tmp_path)
    curve = training.log.curve
    assert [row["epoch"] for row in curve] == [1, 2, 3, 4, 5, 6]
    assert curve[-1]["step"] == 6 * N_ROWS / 10
    assert curve[-1]["loss"] < 0.8 * curve[0]["loss"]
    assert training.log.tokens == 6 * sum(1 + i % 5 for i in range(N_ROWS))
    assert not list(tmp_path.iterdir())


def test_equal_seeds_give_equal_weights(tmp_path: Path) -> None:
    first, _ = trained(tmp_path / "a")
    torch.manual_seed(99)  # what else was drawn in the process does not matter
    again, _ = trained(tmp_path / "b")
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("steps_before_the_end", [3, 17, 30])
def test_an_interrupted_training_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps_before_the_end: int
) -> None:
    whole, _ = trained(tmp_path / "whole")
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", 0.0)
    network, training = a_network(), a_training(tmp_path / "cut")
    objective = an_objective(network)
    calls = 0

    def killed(rows: list[int]) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > steps_before_the_end:
            raise KeyboardInterrupt
        return objective.loss(rows)

    with pytest.raises(KeyboardInterrupt):
        train(network, replace(objective, loss=killed), None, training, RECIPE, "cpu")
    again, anew = a_network(), a_training(tmp_path / "cut")
    train(again, an_objective(again), None, anew, RECIPE, "cpu")
    assert anew.log.resumed_from_step == steps_before_the_end
    assert anew.log.earlier_seconds > 0
    assert len(anew.log.curve) == 6
    for one, other in zip(whole, weights(again), strict=True):
        assert torch.equal(one, other)


def test_a_damaged_checkpoint_means_training_from_the_start(tmp_path: Path) -> None:
    whole, _ = trained(tmp_path / "whole")
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"torn")
    again, training = trained(folder)
    assert training.log.resumed_from_step is None
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_early_stopping_keeps_the_epoch_with_the_least_dev_loss(tmp_path: Path) -> None:
    network, training = a_network(), a_training(tmp_path)
    # Eight noisy rows are soon learnt by heart, and the dev loss rises.
    objective = an_objective(network, noise=3.0, rows=8)
    dev = an_objective(network)
    recipe = replace(RECIPE, epochs=300, learning_rate=0.03, schedule="constant", patience=5)
    train(network, objective, dev, training, recipe, "cpu")
    losses = [row["dev_loss"] for row in training.log.curve]
    assert len(losses) < 300
    assert losses.index(min(losses)) == len(losses) - 6
    network.eval()
    with torch.inference_mode():
        found = float(dev.loss(list(range(N_ROWS)))) / N_ROWS
    assert found == pytest.approx(min(losses), rel=1e-5)


def test_full_memory_cuts_steps_into_pieces_and_changes_no_weight(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2)
    network, training = a_network(), a_training(tmp_path)
    network.layers[2].p = 0.0
    objective = an_objective(network)
    train(network, objective, None, training, recipe, "cpu")
    small = a_network()
    small.layers[2].p = 0.0
    roomy = an_objective(small)

    def full(rows: list[int]) -> Tensor:
        if len(rows) > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return roomy.loss(rows)

    again = a_training(tmp_path)
    train(small, replace(roomy, loss=full), None, again, recipe, "cpu")
    for one, other in zip(weights(network), weights(small), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_line_that_does_not_fit_is_tried_with_gradient_checkpointing(tmp_path: Path) -> None:
    network = a_network()
    objective = an_objective(network)

    def full(rows: list[int]) -> Tensor:
        if not network.checkpointing:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return objective.loss(rows)

    train(network, replace(objective, loss=full), None, a_training(tmp_path), RECIPE, "cpu")

    def fuller(rows: list[int]) -> Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ProxyLMError, match="one line alone does not fit into the memory of cpu"):
        train(network, replace(objective, loss=fuller), None, a_training(tmp_path), RECIPE, "cpu")


def test_a_loss_that_is_not_a_number_ends_the_training(tmp_path: Path) -> None:
    network = a_network()
    objective = an_objective(network)

    def broken(rows: list[int]) -> Tensor:
        return objective.loss(rows) * float("nan")

    with pytest.raises(ProxyLMError, match=r"the loss is nan at step 1: lower the learning rate"):
        train(network, replace(objective, loss=broken), None, a_training(tmp_path), RECIPE, "cpu")


def test_bf16_trains_too(tmp_path: Path) -> None:
    _, training = trained(tmp_path, replace(RECIPE, precision="bf16"))
    assert training.log.curve[-1]["loss"] < 0.8 * training.log.curve[0]["loss"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "r", "epochs": 3}, "recipe r lacks learning_rate"),
        ({"name": "r", "epochs": 3, "learning_rate": 0.1, "rate": 1}, "recipe r has rate; its"),
        (
            {"name": "r", "epochs": 3, "learning_rate": 0.1, "schedule": "step"},
            "there are linear, cosine",
        ),
        ({"name": "r", "epochs": 0, "learning_rate": 0.1}, "are positive"),
        ({"name": "r", "epochs": 1, "learning_rate": 0.1, "precision": "int8"}, "fp32, bf16"),
    ],
)
def test_a_bad_recipe_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Recipe.of(values)


def test_schedules_rise_and_fall_as_published() -> None:
    inverse = Recipe("r", 1.0, 1, schedule="inverse_sqrt", warmup=100)
    assert [inverse.rate(step, 1000) for step in (0, 49, 99, 399)] == [0.01, 0.5, 1.0, 0.5]
    cosine = Recipe("r", 1.0, 1, schedule="cosine", warmup=0.1)
    assert cosine.rate(99, 1000) == 1.0
    assert cosine.rate(550, 1000) == pytest.approx(0.5)
    assert cosine.rate(999, 1000) < 1e-5
    assert Recipe("r", 1.0, 1, warmup=0.0).rate(500, 1000) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("name", names())
def test_the_published_recipes_are_whole(name: str) -> None:
    assert Recipe.of(recipe(name)).name == name


def test_a_recipe_may_be_like_another() -> None:
    mine = Recipe.of(recipe({"name": "mine", "like": "paper-nllb", "epochs": 2}))
    assert (mine.name, mine.epochs, mine.learning_rate, mine.patience) == ("mine", 2, 2e-5, 6)
    with pytest.raises(InputError, match="there is no recipe paper; there are paper-llm-full"):
        recipe("paper")
    with pytest.raises(InputError, match="needs a name"):
        recipe({"like": "paper-nllb"})
