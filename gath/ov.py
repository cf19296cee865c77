"""What the package uses of OpenVINO, without its converter, which takes twice as long to import as all the rest."""

from gath.later import later

with later("openvino.tools.ovc"):
    from openvino import Core, InferRequest, Model, Node, opset13

__all__ = ["Core", "InferRequest", "Model", "Node", "opset13"]
