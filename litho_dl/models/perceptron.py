"""Linear classifier."""

from litho_dl.nn.classifier import ClassifierHead


def perceptron() -> ClassifierHead:
    """One layer, 784-10: (B, 1, 28, 28) -> logits (B, 10)."""
    return ClassifierHead(784, [], 10)
