"""A user's function or module as a problem may use it: a frozen copy that is never the user's own object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from estibench.contracts.flops import Flops
from estibench.contracts.rebuilt_function import reached, rebuilt
from estibench.errors import UserError, first_line

RANDOM = (nn.modules.dropout._DropoutNd,)  # noisy in training mode
LIKELY_METHODS = ("energy", "log_prob", "score", "field", "drift", "velocity", "call", "predict", "loss", "matvec")
LEAST_OPERATIONS = 5e5  # a tenth of a millisecond at five billion a second
MIXING = (nn.modules.batchnorm._BatchNorm,)  # in training mode each point's output depends on the whole batch


@dataclass(frozen=True, eq=False)
class OwnFunction:
    """A function of tensors, or an `nn.Module`, copied with all networks and tensors that it reaches.

    In the copy nothing requires a gradient, and the user's objects are never touched: see `rebuilt_function`.

    Attributes:
        name: what the user calls it, for messages: `field`.
    """

    function: Callable[..., Any]
    name: str

    @classmethod
    def of(cls, given: Any, name: str) -> OwnFunction:
        """Raises `UserError` for what cannot be called, is random in training mode, or cannot be copied."""
        if isinstance(given, type):
            raise UserError(f"{name}: {given.__name__} is a class; give an instance of it, {given.__name__}(…)")
        if not callable(given) or (isinstance(given, nn.Module) and not _has_forward(given)):
            methods = [method for method in vars(type(given)) if method in LIKELY_METHODS]
            what = "a module without forward" if isinstance(given, nn.Module) else type(given).__name__
            hint = f"; give its method, {name}=….{methods[0]}" if methods else ""
            raise UserError(f"{name}: expected a function or an nn.Module, got {what}{hint}")
        for thing in reached(given):
            if isinstance(thing, nn.Module):
                _refuse_training(thing, name, direct=thing is given)
        try:
            made = rebuilt(given, None, None)
        except Exception as error:  # a module may refuse in any way
            first = first_line(error)
            raise UserError(f"{name}: cannot be copied ({type(error).__name__}: {first})") from error
        return cls(made, name)

    def at(self, device: str, dtype: torch.dtype) -> OwnFunction:
        """A copy there."""
        return OwnFunction(rebuilt(self.function, device, dtype), self.name)

    @cached_property
    def home(self) -> tuple[str, torch.dtype] | None:
        """Device and dtype of the first parameters that it reaches, else of the first tensor; None without any."""
        things = reached(self.function)
        modules = [thing for thing in things if isinstance(thing, nn.Module)]
        tensors = [one for module in modules for one in [*module.parameters(), *module.buffers()]]
        for tensor in [*tensors, *(thing for thing in things if isinstance(thing, Tensor))]:
            if tensor.is_floating_point():
                return str(tensor.device), tensor.dtype
        return None

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def checked(self, *arguments: Any) -> Tensor:
        """One call outside of all transforms, whose failure is the user's to mend.

        Raises:
            UserError: it raises, or does not return a tensor; in one line.
        """
        try:
            with torch.no_grad():
                found = self.function(*arguments)
        except Exception as error:  # a user's function may fail in any way
            first = first_line(error)
            shapes = ", ".join(str(tuple(one.shape)) for one in arguments if isinstance(one, Tensor))
            hint = ""
            if "missing" in first and "argument" in first:
                few = "x" if len(arguments) == 1 else "t, x"
                rest = "f(t, x)" if len(arguments) == 1 else "f(t, x, y)"
                hint = f"; it is called with {few} alone: fix the rest, as in {self.name}=lambda {few}: {rest}"
            if "does not require grad" in first:
                hint = "; it is called without gradients: differentiate by torch.func.grad, or give the energy itself"
            raise UserError(f"{self.name}: raises {type(error).__name__} on {shapes}: {first}{hint}") from error
        if isinstance(found, nn.Module):
            raise UserError(f"{self.name}: returns a {type(found).__name__}: call it, and give what it makes")
        if not isinstance(found, Tensor):
            raise UserError(f"{self.name}: expected a tensor, got {type(found).__name__}")
        return found


def _has_forward(given: nn.Module) -> bool:
    return getattr(type(given).forward, "__name__", "") != "_forward_unimplemented"


def _refuse_training(given: nn.Module, name: str, direct: bool) -> None:
    """Raises `UserError` for a module that is random, or mixes the batch, in training mode."""
    called = name if direct else f"the {type(given).__name__} in {name}"
    for path, module in given.named_modules():
        where = f"{called}: {path}" if path else called
        if module.training and isinstance(module, RANDOM) and module.p > 0:
            raise UserError(f"{where}: {type(module).__name__} in training mode is random; call .eval() on it first")
        if module.training and _is_normed(module):
            raise UserError(
                f"{where}: spectral_norm in training mode changes with every call; call .eval() on it first"
            )
        if module.training and isinstance(module, MIXING):
            raise UserError(
                f"{where}: {type(module).__name__} in training mode mixes the points of a batch; "
                "call .eval() on it first"
            )


def _is_normed(module: nn.Module) -> bool:
    """Whether a power iteration changes its weights: spectral_norm as a parametrization, or as the hook of old."""
    hooks = module._forward_pre_hooks.values()
    return type(module).__name__ == "_SpectralNorm" or any(type(hook).__name__ == "SpectralNorm" for hook in hooks)


def repeats(function: OwnFunction, *arguments: Any) -> Tensor:
    """One value, after making sure that a second call gives the same.

    Raises:
        UserError: the two differ, or they use a global random generator.
    """
    state = torch.get_rng_state()
    first, drawn = function.checked(*arguments), not torch.equal(torch.get_rng_state(), state)
    second = function.checked(*arguments)
    torch.set_rng_state(state)
    if drawn or not torch.equal(first.nan_to_num(), second.nan_to_num()):
        raise UserError(f"{function.name}: two calls with the same input differ; it must be deterministic")
    try:
        torch.func.vmap(lambda _: function(*arguments), randomness="error")(torch.arange(2))
    except Exception as error:  # what vmap refuses for other reasons is measured in another way
        if "random" in str(error):
            raise UserError(
                f"{function.name}: draws random numbers itself, though always the same; make them once, outside"
            ) from error
    return first


def differentiable(function: OwnFunction, x: Tensor, *before: Any) -> None:
    """Raises `UserError` unless the value has a gradient in x."""
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        if not function(*before, leaf).requires_grad:
            raise UserError(
                f"{function.name}: its value has no gradient in its argument; is it made under no_grad, by detach() or "
                "by numpy?"
            )


def finite(values: Tensor, name: str) -> Tensor:
    """The values. Raises `UserError` unless all are finite."""
    bad = int((~torch.isfinite(values)).sum())
    if bad:
        raise UserError(f"{name}: {bad} of {values.numel()} values are not finite")
    return values


def float_tensor(given: Any, name: str) -> Tensor:
    """Data as a tensor without a graph: a tensor, an array or nested lists. Raises `UserError` for anything else."""
    try:
        found = torch.as_tensor(given).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: expected a tensor, got {type(given).__name__}") from error
    if not found.is_floating_point():
        raise UserError(f"{name}: expected floating-point numbers, got {str(found.dtype).removeprefix('torch.')}")
    return finite(found, name)


@dataclass(frozen=True)
class OwnPoints:
    """A user's batch of points of any shape.

    Attributes:
        data: `(batch, *shape)`, float64 on the CPU.
        device, dtype: where and in what the user's model computes.
    """

    data: Tensor
    device: str
    dtype: str

    @classmethod
    def of(cls, given: Any, name: str, *models: OwnFunction) -> OwnPoints:
        """Device and dtype are those of the first model that has parameters, else of the points themselves.

        Raises:
            UserError: not a batch of finite floating-point numbers.
        """
        data = float_tensor(given, name)
        if data.ndim < 2 or not data.numel():
            raise UserError(f"{name}: expected (batch, *shape), got the shape {tuple(data.shape)}")
        homes = [model.home for model in models if model.home is not None]
        device, dtype = homes[0] if homes else (str(data.device), data.dtype)
        return cls(data.cpu().double(), device, str(dtype).removeprefix("torch."))

    @property
    def placed(self) -> Tensor:
        """As the user's model takes them, `(batch, *shape)`."""
        return self.data.to(device=self.device, dtype=getattr(torch, self.dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one point."""
        return tuple(self.data.shape[1:])

    @property
    def parameters(self) -> dict[str, Any]:
        """What problems over flat points take: batch, dim, device and dtype."""
        return {
            "batch": len(self.data),
            "dim": self.data[0].numel(),
            "device": self.device,
            "dtype": self.dtype,
        }


def operations(call: Callable[[], Any]) -> float:
    """Floating-point operations of one call, for `Own.within`: those of its products and convolutions, as torch counts
    them, and not less than `LEAST_OPERATIONS`, which any call takes in overhead.
    """
    with Flops() as flops:
        call()
    return max(float(flops.total), LEAST_OPERATIONS)


def kept_bytes(call: Callable[[], Any]) -> int:
    """Bytes that a call may keep for a backward pass, those of all that its operators make, for `Own.within`."""
    with torch.enable_grad(), _Made() as made:  # type: ignore[no-untyped-call]
        call()
    return made.bytes


class _Made(TorchDispatchMode):
    """Adds up what operators make; torch's hooks on what is saved are refused by networks that use `torch.func`."""

    bytes = 0

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = operator(*args, **(kwargs or {}))
        given = {one.untyped_storage().data_ptr() for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        for one in tree_leaves(found):
            if isinstance(one, Tensor) and one.untyped_storage().data_ptr() not in given:  # neither a view nor in place
                self.bytes += one.untyped_storage().nbytes()
        return found


def flat(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """The function on flat points, (..., m) → (..., m), of one on points of a shape, `(batch, *shape)` → the same."""

    def on_rows(x: Tensor) -> Tensor:
        return function(x.reshape(-1, *shape)).reshape(x.shape)

    return on_rows


def keeps_shape(function: OwnFunction, x: Tensor, *before: Any) -> None:
    """Check a field at points x, `(batch, *shape)`; `before` are arguments in front of them, such as a time.

    Raises:
        UserError: it is not deterministic or not finite, changes the shape, or mixes the points of the batch.
    """
    values = finite(repeats(function, *before, x), function.name)
    if values.shape != x.shape:
        raise UserError(
            f"{function.name}: maps points of shape {tuple(x.shape)} to {tuple(values.shape)}; both must agree"
        )
    differentiable(function, x, *before)
    if len(x) < 2:
        return
    moved = x.clone()
    moved[0] = x[0] + 1 + x[0].abs()
    off = (function.checked(*before, moved)[1:] - values[1:]).abs().max()
    if float(off) > 1e3 * torch.finfo(values.dtype).eps * max(float(values[1:].abs().max()), 1e-30):
        raise UserError(
            f"{function.name}: mixes the points of a batch: moving the first one changes the values at the others"
        )
