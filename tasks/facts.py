"""Public facts about the warehouse's languages and models; part of several stages."""

import pyarrow as pa

from proxylm import facts
from warehouse.database import reading
from warehouse.facts import FactCounts, Facts, replace_facts
from warehouse.home import Home


def update_facts(home: str) -> FactCounts:
    """Give languages, models and settings of the warehouse the facts that this code knows.

    Settings get them as features, imported ones too. Without news nothing is written.
    """
    here = Home.find(home)
    with reading(here) as connection:
        languages = connection.execute("SELECT language FROM languages ORDER BY ALL").fetchall()
        models = connection.execute("SELECT DISTINCT model_id FROM models ORDER BY ALL").fetchall()
        pairs = connection.execute(
            "SELECT DISTINCT source_lang, target_lang FROM settings ORDER BY ALL"
        ).fetchall()
    rows = [
        (source, target, facts.FEATURE_SET, name, *value)
        for source, target in pairs
        for name, value in facts.pair_facts(source, target).items()
    ]
    schema = pa.schema(
        [(name, pa.string()) for name in ("source_lang", "target_lang", "feature_set", "name")]
        + [("value", pa.float64()), ("imputed", pa.bool_())]
    )
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    known = Facts(
        [fact for (language,) in languages for fact in facts.language_facts(language)],
        facts.model_languages(model for (model,) in models),
        pa.table([pa.array(x, f.type) for x, f in zip(columns, schema, strict=True)], schema),
    )
    return replace_facts(here, known)
