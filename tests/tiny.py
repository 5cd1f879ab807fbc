"""A tiny experiment: real models, trained for real, in seconds."""

from pathlib import Path

from warehouse.home import Home

CATALOGUE = """
corpora:
  - id: home-assistant-intents
    task: intent
    reader: home-assistant-intents
    train_size: 60
    test_size: 30
    licence: Apache-2.0
    parts: [deu_Latn, fra_Latn, spa_Latn, nld_Latn, dan_Latn]
models:
  - id: transformer-1x32
    kind: byte-transformer
    config: {layers: 1, width: 32}
    recipe: {name: byte-2ep, epochs: 2, learning_rate: 0.003, batch_size: 32}
    mode: from_scratch
    role: proxy
    tasks: [intent]
  - id: transformer-1x64
    kind: byte-transformer
    config: {layers: 1, width: 64}
    recipe: {name: byte-6ep, epochs: 6, learning_rate: 0.003, batch_size: 32}
    mode: from_scratch
    role: estimated
    tasks: [intent]
    train_languages: [deu_Latn, fra_Latn, spa_Latn, nld_Latn]
"""


def add_model_that_fails(home: Home) -> Path:
    """A second proxy whose definition no engine can build."""
    path = home.catalogue / "bad.yaml"
    path.write_text(
        "models:\n"
        "  - {id: broken, kind: byte-transformer, config: {layers: 0, width: 7}, "
        "recipe: {name: r, epochs: 1, learning_rate: 0.1, batch_size: 8}, "
        "mode: from_scratch, role: proxy, tasks: [intent]}\n"
    )
    return path
