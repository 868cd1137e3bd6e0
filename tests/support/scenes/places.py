"""Where the repository is."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
LAYOUTS = REPOSITORY / "layouts"
SUPPORT = REPOSITORY / "tests" / "support"  # what a process of its own needs on its path to import `scenes`
