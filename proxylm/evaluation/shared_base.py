"""One base model in memory, and the variants of it that were trained.

With LoRA (peft) a variant is a small adapter and the base is loaded once for all of them; without,
it is a copy of the base with weights of its own.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import nn

from proxylm.errors import InputError

_ADAPTER, _WHOLE, _LORA = "adapter.safetensors", "model.safetensors", "lora.json"
_LORA_FIELDS = ("rank", "alpha", "dropout", "modules")


class SharedBase:
    """A base model and the adapters that are on it at the moment."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._peft: PeftModel | None = None

    def plain(self) -> "Variant":
        """The base itself, without any adapter."""
        return Variant(self, None, self._model, None)

    def new(self, name: str, lora: Mapping[str, Any] | None) -> "Variant":
        """A variant to train: an adapter called `name`, or a copy of the base for `lora` None.

        `lora` has rank, and may have alpha (default 2 * rank), dropout (0.05) and modules
        (default: all linear layers but the output's). Draws from torch's generator.
        """
        if lora is None:
            module = self._copy()
            module.requires_grad_(True)
            return Variant(self, None, module, None)
        self._add(name, lora)
        return Variant(self, name, self._peft, dict(lora))

    def load(self, name: str, folder: Path) -> "Variant":
        """The variant that `Variant.save` wrote into `folder`."""
        description = folder / _LORA
        if not description.exists():
            module = self._copy()
            load_model(module, folder / _WHOLE)
            return Variant(self, None, module, None)
        lora = json.loads(description.read_text(encoding="utf-8"))
        self._add(name, lora)
        state = load_file(folder / _ADAPTER)
        set_peft_model_state_dict(self._peft, state, adapter_name=name)
        self._model.eval()  # or the new adapter's dropout would be on
        return Variant(self, name, self._peft, lora)

    def _copy(self) -> Any:
        """The bare base once more: peft puts adapters into its layers, and they stay behind."""
        if self._peft is None:
            return copy.deepcopy(self._model)
        return copy.deepcopy(self._peft).unload()

    def _add(self, name: str, lora: Mapping[str, Any]) -> None:
        unknown = set(lora) - set(_LORA_FIELDS)
        if unknown or "rank" not in lora:
            raise InputError(
                f"lora has {', '.join(lora) or 'no fields'}; it needs rank, and may have "
                f"{', '.join(_LORA_FIELDS[1:])}"
            )
        rank = int(lora["rank"])
        config = LoraConfig(
            r=rank,
            lora_alpha=lora.get("alpha", 2 * rank),
            lora_dropout=lora.get("dropout", 0.05),
            target_modules=lora.get("modules", "all-linear"),
        )
        try:
            if self._peft is None:
                self._peft = get_peft_model(self._model, config, adapter_name=name)
            else:
                if name in self._peft.peft_config:
                    self._peft.delete_adapter(name)
                self._peft.add_adapter(name, config)
        except ValueError as error:
            raise InputError(f"lora does not fit this model: {error}") from None


class Variant:
    """Weights on a shared base."""

    def __init__(
        self, base: SharedBase, name: str | None, module: Any, lora: dict[str, Any] | None
    ) -> None:
        self._base = base
        self._name = name
        self._module = module
        self._lora = lora

    @contextmanager
    def active(self) -> Iterator[Any]:
        """The module, with these weights in force for as long as the context lasts.

        It is in evaluation mode: an adapter that was just put on, or a base whose training failed,
        would have its dropout on.
        """
        peft = self._base._peft
        if self._name is not None and peft is not None:
            peft.set_adapter(self._name)
            yield peft.eval()
        elif peft is not None and self._module is self._base._model:
            with peft.disable_adapter():
                yield self._module.eval()
        else:
            yield self._module.eval()

    def save(self, folder: Path) -> None:
        """Write the adapter, or all weights where there is none, as safetensors."""
        if self._name is None:
            save_model(self._module, str(folder / _WHOLE))
            return
        state = get_peft_model_state_dict(self._module, adapter_name=self._name)
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        save_file(plain, folder / _ADAPTER)
        (folder / _LORA).write_text(json.dumps(self._lora, sort_keys=True), encoding="utf-8")

    def release(self) -> None:
        """Take the adapter off the base, or drop the copy."""
        peft = self._base._peft
        if self._name is not None and peft is not None and self._name in peft.peft_config:
            if len(peft.peft_config) > 1:
                peft.delete_adapter(self._name)
            else:
                # peft keeps at least one; taking the wrapper off leaves the bare base.
                self._base._model = peft.unload()
                self._base._peft = None
        self._module = nn.Identity()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
