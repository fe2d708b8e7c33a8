"""LoRA: small matrices beside the attention's, trained while the network stands still (by peft)."""

import copy
from collections.abc import Sequence
from typing import Any, cast

from torch import nn

from lipwright.errors import OptionError

PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


def add_lora(network: nn.Module, rank: int, parts: Sequence[str]) -> dict[str, nn.Parameter]:
    """Put adapters of that rank beside the attention projections whose names hold one of `parts` (all when
    empty), freeze the rest, and return what is trained. Raises OptionError when nothing fits, or no peft.
    """
    targets = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear)
        and name.endswith(PROJECTIONS)
        and (not parts or any(part in f"{name}." for part in parts))
    ]
    if not targets:
        raise OptionError(
            f"No attention of the network has {', '.join(parts)} in its name; LoRA has no place."
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise OptionError("LoRA needs peft; run `pip install 'lipwright[train]'`.") from error
    network.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=targets), network)
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


def merged(network: nn.Module) -> nn.Module:
    """A copy whose adapters are added into the weights they stand beside; a network without any as it is."""
    from peft.tuners.lora import LoraLayer

    whole = copy.deepcopy(network)
    places = [name for name, module in whole.named_modules() if isinstance(module, LoraLayer)]
    for name in places:
        layer = cast(Any, whole.get_submodule(name))  # peft ships no types
        layer.merge()
        parent, _, own = name.rpartition(".")
        setattr(whole.get_submodule(parent), own, layer.get_base_layer())
    return whole
