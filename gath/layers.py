"""torch's layers in OpenVINO's operators: parameters by torch's names in, a network that runs on a processor out.

A network that was trained in torch is written down here once more in a few lines, and needs no torch to run.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from gath.flow_config import GROUP, LEAK
from gath.ov import Core, InferRequest, Model, Node, opset13

GROUP_EPSILON = 1e-5  # torch's


class Layers:
    """The layers of a state dict whose names begin with `prefix`; maps are [N, C, H, W] as torch's."""

    def __init__(self, state: dict[str, np.ndarray], prefix: str = ""):
        self._state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

    def conv(self, x: Node, name: str, stride: int = 1) -> Node:
        weight = self._state[f"{name}.weight"]
        pad = [weight.shape[-1] // 2] * 2
        x = opset13.convolution(x, constant(weight), [stride] * 2, pad, pad, [1, 1])
        bias = self._state.get(f"{name}.bias")
        return x if bias is None else opset13.add(x, bias.reshape(1, -1, 1, 1))

    def block(self, x: Node, name: str, stride: int = 1) -> Node:
        """`gath.generator.conv`: a convolution, group normalisation if there are weights of one, leaky ReLU."""
        x = self.conv(x, f"{name}.0", stride)
        if f"{name}.1.weight" in self._state:
            scale, shift = self._state[f"{name}.1.weight"], self._state[f"{name}.1.bias"]
            x = opset13.group_normalization(x, scale, shift, len(scale) // GROUP, GROUP_EPSILON)
        return leaky(x)

    def residual(self, x: Node, name: str) -> Node:
        return opset13.add(x, self.conv(self.block(x, f"{name}.first"), f"{name}.second"))

    def tell(self, vector: Node, name: str) -> Node:
        """A linear layer's answer, the same everywhere: [N, C, 1, 1]."""
        told = opset13.matmul(vector, constant(self._state[f"{name}.weight"]), False, True)
        told = opset13.add(told, self._state[f"{name}.bias"][None])
        return opset13.unsqueeze(told, np.array([2, 3]))

    def unet(self, x: Node) -> Node:
        """`gath.unet.UNet`."""
        half = self.block(opset13.space_to_depth(x, "depth_first", 2), "at_half")
        quarter = self.block(half, "at_quarter", 2)
        eighth = self.block(quarter, "at_eighth", 2)
        low = self.residual(self.residual(self.block(eighth, "low.0", 2), "low.1"), "low.2")
        x = self.block(opset13.concat([up(low), eighth], 1), "up_eighth")
        x = self.block(opset13.concat([up(x), quarter], 1), "up_quarter")
        x = self.conv(self.block(opset13.concat([up(x), half], 1), "up_half"), "out")
        return opset13.depth_to_space(x, "depth_first", 2)


def constant(array: np.ndarray) -> Node:
    """Many numbers as a node; an operator that is given them as they are first makes a list of Python's numbers."""
    return opset13.constant(array)


def leaky(x: Node) -> Node:
    return opset13.prelu(x, np.array([LEAK], np.float32))


def up(x: Node) -> Node:
    scales = np.array([2, 2], np.float32)
    return opset13.interpolate(x, scales, "linear_onnx", "scales", axes=np.array([2, 3]))


def transposed(x: Node, *order: int) -> Node:
    return opset13.transpose(x, np.array(order))


class OneAtATime(InferRequest):
    """A request that lets a thread wait while it answers another."""

    def __init__(self, made: InferRequest):
        super().__init__(made)
        self._busy = threading.Lock()

    def infer(self, *given: Any, **options: Any) -> Any:
        with self._busy:
            return super().infer(*given, **options)


def request(network: Model) -> InferRequest:
    """The network in single precision, ready to run in the caller's thread alone: others draw and encode meanwhile."""
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    return OneAtATime(Core().compile_model(network, "CPU", options).create_infer_request())
