"""Multi-layer perceptron."""

from litho_dl.nn.classifier import ClassifierHead


def mlp() -> ClassifierHead:
    """Fully connected layers 784-512-256-10 with dropout: (B, 1, 28, 28) -> logits (B, 10)."""
    return ClassifierHead(784, [512, 256], 10, dropout=0.2)
