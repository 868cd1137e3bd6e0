"""Fully connected classifiers."""

from litho_dl.nn.classifier import ClassifierHead


def perceptron() -> ClassifierHead:
    """Linear classifier, one layer 784-10: (B, 1, 28, 28) -> logits (B, 10)."""
    return ClassifierHead(784, [], 10)


def mlp() -> ClassifierHead:
    """Multi-layer perceptron 784-512-256-10 with dropout: (B, 1, 28, 28) -> logits (B, 10)."""
    return ClassifierHead(784, [512, 256], 10, dropout=0.2)
