"""Random clips that keep design rules, from a seed."""

from litho_dl.layout.generate.families import FAMILIES, Family, generate
from litho_dl.layout.generate.unique import GeneratedClip, unique_clips

__all__ = ["FAMILIES", "Family", "GeneratedClip", "generate", "unique_clips"]
