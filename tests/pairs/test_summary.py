"""A data set in short."""

from litho_dl.pairs.manifest import read_manifest
from litho_dl.pairs.summary import set_text


def test_a_data_set_without_description(pair_set):
    manifest = read_manifest(pair_set)
    manifest.settings["recipe"]["description"] = ""
    assert set_text(pair_set, manifest).splitlines()[0] == str(pair_set)
