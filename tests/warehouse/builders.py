"""Small records for tests: one model trained in one language and tested in others."""

from dataclasses import replace

from proxylm import identity
from proxylm.imports import imported_evaluation, imported_run
from proxylm.records import Bundle, Evaluation, Language, Model, Score, Setting

LANGUAGES = ("eng_Latn", "fra_Latn", "swh_Latn")


def evaluated(
    model_id: str = "proxy",
    source: str = "eng_Latn",
    targets: tuple[str, ...] = LANGUAGES,
    value: float = 50.0,
    role: str = "proxy",
    origin: str = "measured",
    corpus: str = "c",
) -> Bundle:
    """A run of `model_id` trained in `source`, with one score a target."""
    run = imported_run(
        model_id=model_id,
        revision="1",
        mode="fine_tuned",
        recipe=origin,
        seed="0",
        train_corpus=corpus,
        train_fingerprint="f",
        train_size=10,
        languages=(source,),
        source="test",
    )
    run = replace(run, origin=origin, wall_seconds=2.0 if origin == "measured" else None)
    settings = [
        Setting(
            identity.setting_key("intent", source, target, corpus, 10, corpus),
            "intent",
            source,
            target,
            corpus,
            10,
            corpus,
            identity.run_group("intent", source, target, corpus, 10),
        )
        for target in targets
    ]
    evaluations = [replace(imported_evaluation(run, s, "f", 100), origin=origin) for s in settings]
    proxy, estimated = (("fine_tuned",), ()) if role == "proxy" else ((), ("fine_tuned",))
    return Bundle(
        languages=[Language(x, x, x[-4:], False, x, "test") for x in {source, *targets}],
        models=[Model(model_id, "1", "kind", None, proxy, estimated, "test")],
        settings=settings,
        runs=[run],
        evaluations=evaluations,
        scores=[_score(e, value, origin) for e in evaluations],
    )


def _score(evaluation: Evaluation, value: float, origin: str) -> Score:
    return Score(
        identity.score_key(evaluation.evaluation_key, "accuracy", "test"),
        evaluation.evaluation_key,
        "accuracy",
        value,
        1.0,
        "test",
        100,
        "test",
        origin,
        "test",
    )
