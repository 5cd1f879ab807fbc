"""Texts of the catalogue's corpora are made once, and again when what they depend on changes."""

import pytest

from proxylm.catalogue import read_catalogue
from proxylm.corpora import read_corpus
from proxylm.errors import InputError
from tasks.catalogue import fetch_catalogue, part_path
from warehouse.home import Home

SLOTS = """
corpora:
  - id: commands
    task: slot
    reader: home-assistant-slots
    train_size: 40
    test_size: 20
    parts: [ell_Grek, zho_Hans]
"""


def test_slots_are_fetched_and_kept(home: Home) -> None:
    pytest.importorskip("hassil")
    path = home.catalogue / "commands.yaml"
    path.write_text(SLOTS)
    assert fetch_catalogue(str(home.path)).fetched == 2
    assert fetch_catalogue(str(home.path)).fetched == 0
    (corpus,) = read_catalogue(home.catalogue).corpora
    texts = read_corpus(part_path(home, "commands", corpus.parts[0])).split
    assert len(texts.train) == 40
    for text, tags in zip(texts.train.texts, texts.train.labels, strict=True):
        assert len(text.split(" ")) == len(tags.split(" "))
        assert "B-" in tags
    # The same name with intents is another text: what lies there is not taken for it.
    path.write_text(SLOTS.replace("task: slot", "task: intent").replace("-slots", "-intents"))
    assert fetch_catalogue(str(home.path)).fetched == 2


def test_a_reader_for_another_task_is_refused(home: Home) -> None:
    (home.catalogue / "commands.yaml").write_text(SLOTS.replace("task: slot", "task: mt"))
    with pytest.raises(InputError, match="has task mt; the reader home-assistant-slots is for slo"):
        fetch_catalogue(str(home.path))
