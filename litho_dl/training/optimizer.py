"""Optimizers from their settings; biases and normalisation parameters have no weight decay."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import nn

from litho_dl.core.settings import ProperFraction, Rate, Settings
from litho_dl.training.muon import Muon

Groups = list[dict[str, Any]]


class _Optimizer(Settings, ABC):
    """Base of all optimizers.

    Attributes:
        kind: Name of the optimizer.
        learning_rate: Largest learning rate of the schedule.
        weight_decay: L2 penalty on the weights (`sgd`, `adam`), or decoupled weight decay (`adamw`, `muon`).
    """

    kind: str
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = 0.0

    @abstractmethod
    def make(self, groups: Groups, **how: bool) -> torch.optim.Optimizer:
        """Torch's optimizer of these parameter groups; `how` holds its implementation options, such as `fused`."""


class Sgd(_Optimizer):
    """Stochastic gradient descent, with momentum or Nesterov momentum."""

    kind: Literal["sgd"] = "sgd"
    momentum: ProperFraction = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum above 0")
        return self

    def make(self, groups: Groups, **how: bool) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, self.learning_rate, self.momentum, nesterov=self.nesterov, **how)


class Adam(_Optimizer):
    """Adam, or AdamW with decoupled weight decay; `beta1` and `beta2` are the decay rates of the two moments."""

    kind: Literal["adam", "adamw"] = "adam"
    beta1: ProperFraction = 0.9
    beta2: ProperFraction = 0.999

    def make(self, groups: Groups, **how: bool) -> torch.optim.Optimizer:
        kind = torch.optim.AdamW if self.kind == "adamw" else torch.optim.Adam
        return kind(groups, self.learning_rate, (self.beta1, self.beta2), **how)


class MuonAndAdam(_Optimizer):
    """Muon, with Adam for biases, norms and spectral weights; `weight_decay` is decoupled."""

    kind: Literal["muon"] = "muon"
    momentum: ProperFraction = 0.95
    beta1: ProperFraction = 0.9
    beta2: ProperFraction = 0.99

    def make(self, groups: Groups, **how: bool) -> torch.optim.Optimizer:
        return Muon(groups, self.learning_rate, self.momentum, (self.beta1, self.beta2))


OptimizerSettings = Annotated[Sgd | Adam | MuonAndAdam, Field(discriminator="kind")]


def make_optimizer(settings: Sgd | Adam | MuonAndAdam, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a network's trainable parameters.

    Args:
        settings: Kind of optimizer and its settings.
        network: The network; biases and parameters of normalisations get no weight decay.

    Returns:
        The optimizer, with at most two parameter groups.
    """
    decays: dict[nn.Parameter, bool] = {}  # a parameter that several modules share counts once
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                decays.setdefault(parameter, settings.weight_decay > 0 and not _has_no_decay(module, name, parameter))
    decayed = [parameter for parameter, decay in decays.items() if decay]
    undecayed = [parameter for parameter, decay in decays.items() if not decay]
    groups = [{"params": undecayed, "weight_decay": 0.0}, {"params": decayed, "weight_decay": settings.weight_decay}]
    real = not any(parameter.is_complex() for parameter in decays)  # fused kernels do not support complex weights
    filled = [group for group in groups if group["params"]]  # each group costs time at every step
    return settings.make(filled, **{"fused" if real else "foreach": True})


def _has_no_decay(module: nn.Module, name: str, parameter: nn.Parameter) -> bool:
    return name == "bias" or parameter.ndim < 2 or isinstance(module, nn.LayerNorm | nn.RMSNorm)
