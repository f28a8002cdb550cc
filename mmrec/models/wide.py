"""Linear maps of wide rows, such as item features: on the CPU by oneDNN.

On processors with AVX-512 that are not Intel's, oneDNN takes about three quarters of the time of
MKL, by which torch multiplies float32 matrices. Both add up in a fixed order.

Shapes: N rows, F columns of the input, D columns of the output.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_WIDE = 256
"""Columns from which oneDNN is faster."""


class WideLinear(nn.Linear):
    """``x W^T + b`` as :class:`torch.nn.Linear`, computed by :func:`wide_linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, D] for ``x`` [N, F]."""
        return wide_linear(x, self.weight, self.bias)


def wide_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x W^T + b``, [N, D]; differentiable once where F is at least 256.

    Narrower rows are left to torch, which is faster there, and so are other shapes of ``x``.

    Args:
        x: [N, F], or [..., F].
        weight: W, [D, F].
        bias: b, [D].
    """
    if x.dim() != 2 or x.shape[1] < _WIDE:
        return nn.functional.linear(x, weight, bias)
    product: Tensor = _WideLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return product


def product_with_transpose(x: Tensor, y: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x y^T + b``, [N, D] for ``x`` [N, F], ``y`` [D, F] and ``b`` [D]; no gradient."""
    is_float_on_cpu = x.device.type == "cpu" and x.dtype == torch.float32
    if is_float_on_cpu and _has_onednn() and x.numel() and y.numel():  # it refuses empty matrices
        if not (y.is_contiguous() or y.T.is_contiguous()):
            y = y.contiguous()  # for some columns of a matrix oneDNN would loop over the numbers
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, y, bias, "none", [], "")
        return product
    return nn.functional.linear(x, y, bias)


class _WideLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        return product_with_transpose(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            product_with_transpose(gradient, weight.T) if needs_x else None,
            product_with_transpose(gradient.T, x.T) if needs_weight else None,
            gradient.sum(0) if needs_bias else None,
        )


@functools.cache
def _has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
