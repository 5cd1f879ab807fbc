"""Result files of lm-evaluation-harness and MTEB: what is mapped, and what is refused and why."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxylm.errors import InputError, UsageError
from proxylm.imports import ImportedRows
from proxylm.records import Model
from proxylm.user_scores import read_scores

MODELS = [
    Model("bloomz-560m", "unpinned", "decoder-only", 8, ("fine_tuned",), (), "x"),
    Model("multilingual-e5-small", "1", "encoder-head", 8, (), ("fine_tuned",), "x"),
]
TASK = "basque_bench_flores_eu-en"


def lm_eval(task: str = TASK, metrics: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A result file of one task, as the harness writes it."""
    return {
        "results": {task: {"alias": f" - {task}", **(metrics or {"bleu,none": 21.5})}},
        "groups": {},
        "configs": {task: {"task": task, "num_fewshot": 0}},
        "versions": {task: 0.1},
        "n-shot": {task: 0},
        "n-samples": {task: {"original": 1012, "effective": 1012}},
        "config": {
            "model": "hf",
            "model_args": "pretrained=bigscience/bloomz-560m,dtype=bfloat16",
            "model_sha": "a" * 40,
            "limit": None,
        },
        "lm_eval_version": "0.4.13",
    } | more


def mteb(task: str = "MassiveIntentClassification", **subset: Any) -> dict[str, Any]:
    """The result of one task, as MTEB writes it."""
    scores = {"accuracy": 0.57, "f1": 0.5, "main_score": 0.57, "hf_subset": "sw"}
    return {
        "dataset_revision": "4672e20",
        "task_name": task,
        "mteb_version": "2.26.24",
        "scores": {"test": [{**scores, "languages": ["swa-Latn"], **subset}]},
    }


def read(tmp_path: Path, data: Any, model: str | None = None) -> ImportedRows:
    path = tmp_path / "results.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return read_scores(path, MODELS, model)


def test_translations_of_lm_eval_are_zero_shot_scores(tmp_path: Path) -> None:
    metrics = {
        "bleu,none": 21.5,
        "bleu_stderr,none": 0.5,
        "chrf,none": 48.25,
        "chrf_stderr,none": "N/A",
        "ter,none": 101.5,
    }
    imported = read(tmp_path, lm_eval(metrics=metrics))
    assert imported.rejected == []
    bundle = imported.bundle
    assert {s.metric: s.value for s in bundle.scores} == {
        "BLEU": 21.5,
        "chrF2": 48.25,
        "TER": 101.5,
    }
    assert [s.half_width for s in bundle.scores] == [0.98, None, None]
    (evaluation,) = bundle.evaluations
    assert (evaluation.source_lang, evaluation.target_lang) == ("eus_Latn", "eng_Latn")
    assert (evaluation.test_corpus, evaluation.n_segments) == ("flores", 1012)
    (run,) = bundle.runs
    assert (run.model_id, run.revision, run.mode) == ("bloomz-560m", "a" * 40, "zero_shot")
    assert run.recipe.startswith(f"lm-eval:{TASK}@0.1:")
    assert bundle.settings == []


@pytest.mark.parametrize(
    ("task", "languages", "corpus"),
    [
        ("flores_ace_Latn-eng_Latn_prompt_1", ("ace_Latn", "eng_Latn"), "flores"),
        ("mafand_amh-en_prompt_2", ("amh_Ethi", "eng_Latn"), "mafand"),
        ("wmt16-de-en", ("deu_Latn", "eng_Latn"), "wmt16"),
        ("iwslt2017-ar-en", ("arb_Arab", "eng_Latn"), "iwslt2017"),
        ("injongointent_swa_prompt_3", ("swh_Latn", "swh_Latn"), "injongo"),
    ],
)
def test_names_of_tasks_say_languages_and_corpus(
    tmp_path: Path, task: str, languages: tuple[str, str], corpus: str
) -> None:
    metric = {"acc,none": 0.57} if "intent" in task else {"bleu,none": 57}
    (row,) = read(tmp_path, lm_eval(task, metric)).rows
    (evaluation,) = row.evaluations
    assert (evaluation.source_lang, evaluation.target_lang) == languages
    assert (evaluation.test_corpus, row.scores[0].value) == (corpus, 57.0)


def test_another_prompt_or_precision_is_another_evaluation(tmp_path: Path) -> None:
    files = [
        lm_eval("flores_ace_Latn-eng_Latn_prompt_1"),
        lm_eval("flores_ace_Latn-eng_Latn_prompt_2"),
        lm_eval(
            "flores_ace_Latn-eng_Latn_prompt_1",
            config={"model_args": {"pretrained": "bloomz-560m", "load_in_4bit": True}},
        ),
    ]
    bundles = [read(tmp_path, data).bundle for data in files]
    assert len({bundle.evaluations[0].evaluation_key for bundle in bundles}) == 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lm_eval("gsm8k", {"exact_match,strict-match": 0.9}), "none of mt, intent and slot"),
        (lm_eval(metrics={"acc,none": 0.5}), "acc is no metric of mt here (bleu, chrf, chrf++"),
        (lm_eval(**{"n-shot": {TASK: 5}}), "5 examples were in the prompt; only zero_shot"),
        (lm_eval(**{"n-shot": {}, "configs": {TASK: {}}}), "does not say how many examples"),
        (
            lm_eval(config={"model_args": "pretrained=bloomz-560m,peft=me/lora"}),
            "the model had an adapter, me/lora",
        ),
        (
            lm_eval(**{"n-samples": {TASK: {"original": 1012, "effective": 50}}}),
            "only a part of the test lines was used",
        ),
        (lm_eval(config={"model_args": "pretrained=x/bloom-560m"}), "did you mean bloomz-560m?"),
        (lm_eval(config={}), "model is empty"),
        (lm_eval(metrics={"bleu,none": "high"}), "value is 'high', not a number"),
        (lm_eval(metrics={"bleu,none": 121}), "outside BLEU's range"),
        (lm_eval("flores_xx-en"), "unknown language 'xx'"),
        (mteb("SIB200Classification"), "SIB200Classification is none of mt, intent and slot"),
        (mteb(languages=["eng-Latn", "deu-Latn"]), "a subset is one language here"),
        (mteb() | {"scores": {"validation": [{"languages": ["swa-Latn"]}]}}, "not what is tested"),
        (mteb(), "the file does not name its model, nor is model_meta.json beside it"),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_its_reason(
    tmp_path: Path, data: dict[str, Any], reason: str
) -> None:
    imported = read(tmp_path, data)
    assert imported.rows == []
    (rejection,) = imported.rejected
    assert rejection.line == 1
    assert reason in rejection.reason


def test_a_group_of_tasks_is_not_counted_beside_its_members(tmp_path: Path) -> None:
    data = lm_eval(groups={"flores": {}})
    data["results"]["flores"] = {"bleu,none": 20.0}
    imported = read(tmp_path, data)
    assert (len(imported.rows), imported.rejected) == (1, [])


def test_intents_of_mteb_have_a_training_corpus_of_their_own(tmp_path: Path) -> None:
    meta = {"name": "intfloat/multilingual-e5-small", "revision": "fd1525a"}
    (tmp_path / "model_meta.json").write_text(json.dumps(meta))
    (row,) = read(tmp_path, mteb()).rows
    assert row.setting is not None
    assert (row.setting.train_corpus, row.setting.test_corpus) == ("massive-mteb", "massive")
    assert (row.setting.source_lang, row.setting.target_lang) == ("swh_Latn", "swh_Latn")
    assert (row.scores[0].metric, row.scores[0].value) == ("accuracy", 57.0)
    assert row.scores[0].signature == (
        "accuracy|mteb:MassiveIntentClassification@4672e20|mteb:2.26.24|subset:sw"
    )
    assert row.runs[0].revision == "fd1525a"


def test_a_model_result_of_mteb_names_its_model_and_an_option_goes_before(tmp_path: Path) -> None:
    tasks = [mteb(), mteb("MTOPIntentClassification"), mteb("Banking77Classification")]
    data = {"model_name": "org/Multilingual-E5-Small", "task_results": tasks}
    imported = read(tmp_path, data)
    assert [r.scores[0].source for r in imported.rows] == ["results.json:1", "results.json:2"]
    assert [r.line for r in imported.rejected] == [3]
    (row, _) = read(tmp_path, data, "bloomz-560m").rows
    assert row.runs[0].model_id == "bloomz-560m"


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not JSON"), ("[]", "is no result of"), ('{"results": {}}', "is no result of")],
)
def test_a_file_of_no_harness_is_refused_by_name(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)
    with pytest.raises(UsageError, match="--model is for result files"):
        read_scores(tmp_path / "scores.csv", MODELS, "bloomz-560m")
