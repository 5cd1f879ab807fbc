"""The training loop that all torch kinds share: recipe in, trained parameters out.

AdamW with a schedule, batches of similar length, early stopping on the dev loss, a checkpoint that
a killed training goes on from, and smaller pieces where memory runs out. It knows no tasks and no
tokenisers: an `Objective` says how long rows are and what their loss is.
"""

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, dataclass, fields
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.batching import free_cache, is_out_of_memory
from proxylm.evaluation.contract import Training

CHECKPOINT_SECONDS = float(os.environ.get("PLM_CHECKPOINT_SECONDS") or 60)
"""Longest time of training that a killed process loses."""

_CHECKPOINT = "checkpoint.safetensors"
_log = logging.getLogger("proxylm.evaluation")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the fields of a recipe file, see `proxylm/data/recipes`."""

    name: str
    learning_rate: float
    epochs: int  # at most; early stopping may end it before
    schedule: str = "linear"  # after the warm-up: linear, cosine, inverse_sqrt or constant
    warmup: float = 0.1  # share of all steps below 1, else steps
    batch_lines: int = 32  # lines of one step
    batch_tokens: int | None = None  # padded tokens of one step; takes the place of batch_lines
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0  # largest norm of the gradient
    patience: int | None = None  # epochs without a better dev loss before it ends
    precision: str = "fp32"  # fp32 or bf16 (autocast)
    max_tokens: int = 256  # longer inputs and outputs are cut in training
    lora: Mapping[str, Any] | None = None  # rank, alpha, dropout, modules; None: all weights
    prompt: str | None = None  # decoder-only and T5: how a line is put
    gradient_checkpointing: bool = False  # where memory does not suffice it is switched on anyway

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Recipe":
        """The recipe of a mapping. InputError names what is missing, unknown or out of range."""
        name = values.get("name", "?")
        known = {f.name: f for f in fields(cls)}
        required = [f.name for f in known.values() if f.default is MISSING]
        missing = [field for field in required if field not in values]
        unknown = sorted(set(values) - set(known))
        if missing:
            raise InputError(f"recipe {name} lacks {', '.join(missing)}")
        if unknown:
            raise InputError(
                f"recipe {name} has {', '.join(unknown)}; its fields are {', '.join(known)}"
            )
        recipe = cls(**values)
        if recipe.schedule not in _SCHEDULES:
            raise InputError(
                f"recipe {name}: schedule {recipe.schedule}; there are {', '.join(_SCHEDULES)}"
            )
        if recipe.precision not in ("fp32", "bf16"):
            raise InputError(f"recipe {name}: precision {recipe.precision}; there are fp32, bf16")
        if recipe.epochs < 1 or recipe.learning_rate <= 0 or recipe.batch_lines < 1:
            raise InputError(f"recipe {name}: epochs, learning_rate and batch_lines are positive")
        return recipe

    def rate(self, step: int, of: int) -> float:
        """The factor of the learning rate at a step (from 0) of `of`."""
        warmup = max(1, round(self.warmup * of) if self.warmup < 1 else int(self.warmup))
        if step < warmup:
            return (step + 1) / warmup
        return _SCHEDULES[self.schedule](step, warmup, of)


_SCHEDULES: Mapping[str, Callable[[int, int, int], float]] = {
    "linear": lambda step, warmup, of: max(0.0, (of - step) / max(1, of - warmup)),
    "cosine": lambda step, warmup, of: (
        0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, of - warmup))))
    ),
    "inverse_sqrt": lambda step, warmup, of: math.sqrt(warmup / (step + 1)),
    "constant": lambda step, warmup, of: 1.0,
}


@dataclass(frozen=True)
class Objective:
    """Rows to learn from, or to judge by."""

    lengths: Sequence[int]  # tokens of each row: what it costs
    items: Sequence[int]  # what a row's loss is a sum over: target tokens, tags, or 1
    loss: Callable[[list[int]], Tensor]  # summed loss of these rows, over all their items


def train(
    model: nn.Module,
    objective: Objective,
    dev: Objective | None,
    training: Training,
    recipe: Recipe,
    device: str,
) -> None:
    """Train the parameters of `model` that need a gradient, in place.

    Ends with those of the epoch with the least dev loss, or the last ones where there is no `dev`.
    Fills `training.log`. Goes on from the checkpoint in `training.checkpoint` and removes it in
    the end. Raises ProxyLMError when the loss is not finite, or when one row alone does not fit
    into memory.
    """
    with torch.random.fork_rng(devices=[device] if device != "cpu" else []):
        torch.manual_seed(training.seed)
        loop = _Loop(model, objective, dev, training, recipe, device)
        loop.resume()
        loop.run()
    (training.checkpoint / _CHECKPOINT).unlink(missing_ok=True)


class _Loop:
    """One training: its state is what a checkpoint holds."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        dev: Objective | None,
        training: Training,
        recipe: Recipe,
        device: str,
    ) -> None:
        self._model = model
        self._objective = objective
        self._dev = dev
        self._training = training
        self._recipe = recipe
        self._device = device
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._optimizer = torch.optim.AdamW(
            self._parameters.values(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        # With batches by tokens epochs differ by a step or so; the schedule takes the first one's.
        self._steps_an_epoch = len(_batches(objective.lengths, recipe, training.seed, 0))
        self._budget = max(objective.lengths, default=1) * len(objective.lengths)
        self._started = time.monotonic()
        self._saved = self._started
        self._checkpointing = recipe.gradient_checkpointing
        if self._checkpointing:
            self._switch_gradient_checkpointing_on()
        # What follows goes into a checkpoint.
        self._epoch = 0
        self._step = 0  # over all epochs
        self._position = 0  # steps into the epoch
        self._bad_epochs = 0
        self._best_loss = math.inf
        self._best: dict[str, Tensor] = {}
        self._epoch_loss = 0.0
        self._epoch_items = 0

    def run(self) -> None:
        recipe, log = self._recipe, self._training.log
        n_steps = recipe.epochs * self._steps_an_epoch
        while self._epoch < recipe.epochs and not self._is_over():
            self._model.train()
            batches = _batches(self._objective.lengths, recipe, self._training.seed, self._epoch)
            for rows in batches[self._position :]:
                for group in self._optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * recipe.rate(self._step, n_steps)
                self._epoch_loss += self._take_step(rows)
                self._epoch_items += sum(self._objective.items[i] for i in rows)
                log.tokens += sum(self._objective.lengths[i] for i in rows)
                self._step += 1
                self._position += 1
                if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                    self._save()
            self._end_epoch()
        if self._best:
            with torch.no_grad():
                for name, tensor in self._best.items():
                    self._parameters[name].copy_(tensor)
        self._model.eval()

    def _is_over(self) -> bool:
        patience = self._recipe.patience
        return patience is not None and self._dev is not None and self._bad_epochs >= patience

    def _end_epoch(self) -> None:
        self._epoch += 1
        row = {
            "step": self._step,
            "epoch": self._epoch,
            "loss": self._epoch_loss / max(1, self._epoch_items),
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "seconds": round(self._seconds(), 3),
        }
        self._position, self._epoch_loss, self._epoch_items = 0, 0.0, 0
        if self._dev is not None:
            loss = row["dev_loss"] = self._dev_loss(self._dev)
            self._bad_epochs += 1
            if loss < self._best_loss:
                self._best_loss, self._bad_epochs = loss, 0
                self._best = {n: p.detach().clone() for n, p in self._parameters.items()}
        self._training.log.curve.append(row)
        _log.info("epoch %s", json.dumps(row))
        # A short training is as quickly made again as its checkpoint is written.
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS / 4:
            self._save()

    def _seconds(self) -> float:
        return self._training.log.earlier_seconds + time.monotonic() - self._started

    def _take_step(self, rows: list[int]) -> float:
        """One step of the optimiser; returns the summed loss. Pieces that do not fit are halved."""
        items = max(1, sum(self._objective.items[i] for i in rows))
        while True:
            pieces = _pieces(rows, self._objective.lengths, self._budget)
            try:
                total = 0.0
                for piece in pieces:
                    with self._autocast():
                        loss = self._objective.loss(piece)
                    (loss / items).backward()  # type: ignore[no-untyped-call]
                    total += float(loss.detach())
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._optimizer.zero_grad()
            self._make_room(pieces)
        if not math.isfinite(total):
            raise ProxyLMError(
                f"the loss is {total} at step {self._step + 1}: lower the learning rate of recipe "
                f"{self._recipe.name}, or train in fp32"
            )
        nn.utils.clip_grad_norm_(self._parameters.values(), self._recipe.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return total

    def _make_room(self, pieces: list[list[int]]) -> None:
        free_cache()
        longest = max(len(piece) for piece in pieces)
        if longest > 1:
            widest = max(len(p) * max(self._objective.lengths[i] for i in p) for p in pieces)
            self._budget = widest // 2
            _log.warning("out of memory: steps are cut into pieces of %d tokens", self._budget)
        elif not self._checkpointing and hasattr(self._model, "gradient_checkpointing_enable"):
            self._switch_gradient_checkpointing_on()
            _log.warning("out of memory: gradient checkpointing switched on")
        else:
            raise ProxyLMError(
                f"one line alone does not fit into the memory of {self._device}: take a smaller "
                f"model, a lower max_tokens in recipe {self._recipe.name}, or LoRA"
            )

    def _switch_gradient_checkpointing_on(self) -> None:
        self._checkpointing = True
        model: Any = self._model
        if hasattr(model, "enable_input_require_grads"):
            model.enable_input_require_grads()  # or LoRA's layers would get no gradient
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def _dev_loss(self, dev: Objective) -> float:
        self._model.eval()
        total = 0.0
        order = sorted(range(len(dev.lengths)), key=lambda i: -dev.lengths[i])
        budget = self._recipe.batch_tokens or 0
        budget = max(budget, self._recipe.batch_lines * max(dev.lengths))
        with torch.inference_mode(), self._autocast():
            for rows in _pieces(order, dev.lengths, min(budget, self._budget)):
                total += float(dev.loss(rows))
        return total / max(1, sum(dev.items))

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._recipe.precision == "fp32":
            return nullcontext()
        return torch.autocast(torch.device(self._device).type, torch.bfloat16)

    def _save(self) -> None:
        """Write the checkpoint: one file, so that it is whole or the one before it."""
        tensors = {"random": torch.get_rng_state()}
        if self._device != "cpu":
            tensors["random-gpu"] = torch.cuda.get_rng_state(self._device)
        for name, parameter in self._parameters.items():
            tensors[f"model/{name}"] = parameter.detach()
            for key, value in self._optimizer.state[parameter].items():
                tensors[f"optimizer/{name}/{key}"] = value
        tensors |= {f"best/{name}": tensor for name, tensor in self._best.items()}
        log = self._training.log
        state = {
            "epoch": self._epoch,
            "step": self._step,
            "position": self._position,
            "bad_epochs": self._bad_epochs,
            "best_loss": self._best_loss if self._best else None,
            "epoch_loss": self._epoch_loss,
            "epoch_items": self._epoch_items,
            "curve": log.curve,
            "tokens": log.tokens,
            "seconds": self._seconds(),
        }
        folder = self._training.checkpoint
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{_CHECKPOINT}.{os.getpid()}.tmp"
        try:
            plain = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
            save_file(plain, temporary, metadata={"state": json.dumps(state)})
            temporary.replace(folder / _CHECKPOINT)
        finally:
            temporary.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one of this very training."""
        path = self._training.checkpoint / _CHECKPOINT
        try:
            with safe_open(path, "pt") as file:
                state = json.loads((file.metadata() or {})["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            return
        except Exception as error:  # damaged in any way: the training begins anew
            _log.warning("%s cannot be read (%s): training from the start", path, error)
            return
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(tensors[f"model/{name}"])
                start = f"optimizer/{name}/"
                self._optimizer.state[parameter] = {
                    key.removeprefix(start): value.to(parameter.device)
                    for key, value in tensors.items()
                    if key.startswith(start)
                }
        self._best = {
            name.removeprefix("best/"): tensor.to(self._device)
            for name, tensor in tensors.items()
            if name.startswith("best/")
        }
        torch.set_rng_state(tensors["random"])
        if "random-gpu" in tensors:
            torch.cuda.set_rng_state(tensors["random-gpu"], self._device)
        self._epoch, self._step, self._position = state["epoch"], state["step"], state["position"]
        self._bad_epochs = state["bad_epochs"]
        self._best_loss = math.inf if state["best_loss"] is None else state["best_loss"]
        self._epoch_loss, self._epoch_items = state["epoch_loss"], state["epoch_items"]
        log = self._training.log
        log.curve[:], log.tokens = state["curve"], state["tokens"]
        log.earlier_seconds, log.resumed_from_step = state["seconds"], self._step
        _log.info("training goes on from step %d", self._step)


def _batches(lengths: Sequence[int], recipe: Recipe, seed: int, epoch: int) -> list[list[int]]:
    """Every row once, in random batches of similar length; a function of seed and epoch alone."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    noise = torch.rand(len(lengths), generator=generator).tolist()
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] * (0.8 + 0.4 * noise[i]))
    if recipe.batch_tokens is None:
        size = recipe.batch_lines
        batches = [order[start : start + size] for start in range(0, len(order), size)]
    else:
        batches = list(_cut(order, lengths, recipe.batch_tokens))
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def _pieces(rows: list[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    return list(_cut(rows, lengths, budget))


def _cut(rows: Sequence[int], lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """The rows in their order, cut so that rows times longest is within budget; one at least."""
    piece: list[int] = []
    longest = 0
    for row in rows:
        if piece and (len(piece) + 1) * max(longest, lengths[row]) > budget:
            yield piece
            piece, longest = [], 0
        piece.append(row)
        longest = max(longest, lengths[row])
    if piece:
        yield piece
