-- Tables. Keys are SHA-256 in hexadecimal (see proxylm/identity.py); times are UTC.

CREATE TABLE languages (
    language        VARCHAR PRIMARY KEY,
    name            VARCHAR NOT NULL,
    script          VARCHAR NOT NULL,
    script_assumed  BOOLEAN NOT NULL,
    spelling        VARCHAR NOT NULL,
    source          VARCHAR NOT NULL
);
COMMENT ON TABLE languages IS 'Languages, one row a language and script.';
COMMENT ON COLUMN languages.language IS 'FLORES-200 style code, for example swh_Latn.';
COMMENT ON COLUMN languages.name IS 'English name.';
COMMENT ON COLUMN languages.script IS 'ISO 15924 script code.';
COMMENT ON COLUMN languages.script_assumed IS 'The script was not given; CLDR''s likely one was taken.';
COMMENT ON COLUMN languages.spelling IS 'The spelling under which the language first came in.';
COMMENT ON COLUMN languages.source IS 'Who named it first.';

CREATE TABLE models (
    model_id         VARCHAR NOT NULL,
    revision         VARCHAR NOT NULL,
    architecture     VARCHAR NOT NULL,
    n_parameters     BIGINT,
    proxy_modes      VARCHAR[] NOT NULL,
    estimated_modes  VARCHAR[] NOT NULL,
    source           VARCHAR NOT NULL,
    PRIMARY KEY (model_id, revision)
);
COMMENT ON TABLE models IS 'Models, one row a model and revision.';
COMMENT ON COLUMN models.model_id IS 'Name of the model.';
COMMENT ON COLUMN models.revision IS 'Revision of its weights or of its definition.';
COMMENT ON COLUMN models.architecture IS 'Kind of model.';
COMMENT ON COLUMN models.n_parameters IS 'Number of parameters; NULL where unknown.';
COMMENT ON COLUMN models.proxy_modes IS 'Modes whose scores are inputs of predictions for other models.';
COMMENT ON COLUMN models.estimated_modes IS 'Modes whose scores are predicted.';
COMMENT ON COLUMN models.source IS 'Who described it.';

CREATE TABLE model_languages (
    model_id  VARCHAR NOT NULL,
    language  VARCHAR NOT NULL,
    relation  VARCHAR NOT NULL,
    source    VARCHAR NOT NULL,
    PRIMARY KEY (model_id, language, relation)
);
COMMENT ON TABLE model_languages IS 'Languages that a model was trained on, as far as a source says so.';
COMMENT ON COLUMN model_languages.model_id IS 'Name of the model.';
COMMENT ON COLUMN model_languages.language IS 'Language code.';
COMMENT ON COLUMN model_languages.relation IS 'What the source says, for example pre_training.';
COMMENT ON COLUMN model_languages.source IS 'Who says so.';

CREATE TABLE corpora (
    corpus_id    VARCHAR NOT NULL,
    source_lang  VARCHAR NOT NULL,
    target_lang  VARCHAR NOT NULL,
    fingerprint  VARCHAR NOT NULL,
    task         VARCHAR NOT NULL,
    n_train      BIGINT,
    n_dev        BIGINT,
    n_test       BIGINT,
    licence      VARCHAR,
    source       VARCHAR NOT NULL,
    PRIMARY KEY (corpus_id, source_lang, target_lang, fingerprint)
);
COMMENT ON TABLE corpora IS 'Corpora, one row a corpus and language (or pair of languages).';
COMMENT ON COLUMN corpora.corpus_id IS 'Name of the corpus.';
COMMENT ON COLUMN corpora.source_lang IS 'Language of the text; for mt the source side.';
COMMENT ON COLUMN corpora.target_lang IS 'Equal to source_lang; for mt the target side.';
COMMENT ON COLUMN corpora.fingerprint IS 'SHA-256 of the text, or published:<release>:<name> where the text is not here.';
COMMENT ON COLUMN corpora.task IS 'mt, intent or slot.';
COMMENT ON COLUMN corpora.n_train IS 'Lines to train on; NULL where unknown.';
COMMENT ON COLUMN corpora.n_dev IS 'Lines of the development split; NULL where unknown.';
COMMENT ON COLUMN corpora.n_test IS 'Lines of the test split; NULL where unknown.';
COMMENT ON COLUMN corpora.licence IS 'Licence of the text; NULL where unknown.';
COMMENT ON COLUMN corpora.source IS 'Where the text comes from.';

CREATE TABLE settings (
    setting_key   VARCHAR PRIMARY KEY,
    task          VARCHAR NOT NULL,
    source_lang   VARCHAR NOT NULL,
    target_lang   VARCHAR NOT NULL,
    train_corpus  VARCHAR NOT NULL,
    train_size    BIGINT,
    test_corpus   VARCHAR NOT NULL,
    run_group     VARCHAR NOT NULL
);
COMMENT ON TABLE settings IS 'What predictions are for: task, languages, training corpus and size, test corpus.';
COMMENT ON COLUMN settings.setting_key IS 'Key of the setting.';
COMMENT ON COLUMN settings.task IS 'mt, intent or slot.';
COMMENT ON COLUMN settings.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN settings.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN settings.train_corpus IS 'Training corpus.';
COMMENT ON COLUMN settings.train_size IS 'Training lines; NULL where the publisher does not tell.';
COMMENT ON COLUMN settings.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN settings.run_group IS 'Settings of one run group share one fine-tuning, the same for all models.';

CREATE TABLE runs (
    run_id             VARCHAR PRIMARY KEY,
    training_key       VARCHAR NOT NULL,
    model_id           VARCHAR NOT NULL,
    revision           VARCHAR NOT NULL,
    mode               VARCHAR NOT NULL,
    recipe             VARCHAR NOT NULL,
    seed               VARCHAR NOT NULL,
    train_corpus       VARCHAR,
    train_fingerprint  VARCHAR,
    train_size         BIGINT,
    languages          VARCHAR[] NOT NULL,
    origin             VARCHAR NOT NULL,
    source             VARCHAR NOT NULL,
    status             VARCHAR NOT NULL,
    reason             VARCHAR,
    device             VARCHAR,
    started_at         TIMESTAMP,
    wall_seconds       DOUBLE,
    gpu_seconds        DOUBLE,
    peak_memory_bytes  BIGINT,
    arguments          VARCHAR,
    packages           VARCHAR,
    code_revision      VARCHAR,
    log                VARCHAR
);
COMMENT ON TABLE runs IS 'Executions: a training (none for zero-shot) with its cost.';
COMMENT ON COLUMN runs.run_id IS 'Key of the execution.';
COMMENT ON COLUMN runs.training_key IS 'Key of the trained model; several executions may share it.';
COMMENT ON COLUMN runs.model_id IS 'Model.';
COMMENT ON COLUMN runs.revision IS 'Revision of the model.';
COMMENT ON COLUMN runs.mode IS 'zero_shot, fine_tuned or from_scratch.';
COMMENT ON COLUMN runs.recipe IS 'Name of the training recipe; published for imported rows.';
COMMENT ON COLUMN runs.seed IS 'Random seed; published for imported rows.';
COMMENT ON COLUMN runs.train_corpus IS 'Training corpus; NULL for zero-shot.';
COMMENT ON COLUMN runs.train_fingerprint IS 'Fingerprint of the training corpus.';
COMMENT ON COLUMN runs.train_size IS 'Training lines.';
COMMENT ON COLUMN runs.languages IS 'Languages trained on.';
COMMENT ON COLUMN runs.origin IS 'measured or imported.';
COMMENT ON COLUMN runs.source IS 'Where the run is from.';
COMMENT ON COLUMN runs.status IS 'completed or failed.';
COMMENT ON COLUMN runs.reason IS 'Why a run failed.';
COMMENT ON COLUMN runs.device IS 'Device it ran on.';
COMMENT ON COLUMN runs.started_at IS 'Start, UTC.';
COMMENT ON COLUMN runs.wall_seconds IS 'Seconds of training, without testing; NULL where unknown.';
COMMENT ON COLUMN runs.gpu_seconds IS 'Seconds times GPUs; NULL where unknown.';
COMMENT ON COLUMN runs.peak_memory_bytes IS 'Peak resident memory of the process, bytes.';
COMMENT ON COLUMN runs.arguments IS 'All arguments with their defaults, JSON.';
COMMENT ON COLUMN runs.packages IS 'Package versions, JSON.';
COMMENT ON COLUMN runs.code_revision IS 'Revision of this project''s code.';
COMMENT ON COLUMN runs.log IS 'Log file below PLM_HOME.';

CREATE TABLE evaluations (
    evaluation_key    VARCHAR PRIMARY KEY,
    training_key      VARCHAR NOT NULL,
    run_id            VARCHAR NOT NULL,
    task              VARCHAR NOT NULL,
    source_lang       VARCHAR NOT NULL,
    target_lang       VARCHAR NOT NULL,
    test_corpus       VARCHAR NOT NULL,
    test_fingerprint  VARCHAR NOT NULL,
    split_version     VARCHAR NOT NULL,
    decoding          VARCHAR NOT NULL,
    "precision"       VARCHAR NOT NULL,
    backend           VARCHAR NOT NULL,
    segment_limit     BIGINT,
    n_segments        BIGINT,
    wall_seconds      DOUBLE,
    hypotheses        VARCHAR,
    origin            VARCHAR NOT NULL
);
COMMENT ON TABLE evaluations IS 'One trained (or zero-shot) model on one test set.';
COMMENT ON COLUMN evaluations.evaluation_key IS 'Key of the evaluation; present means done.';
COMMENT ON COLUMN evaluations.training_key IS 'Key of the trained model.';
COMMENT ON COLUMN evaluations.run_id IS 'The execution that made it.';
COMMENT ON COLUMN evaluations.task IS 'mt, intent or slot.';
COMMENT ON COLUMN evaluations.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN evaluations.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN evaluations.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN evaluations.test_fingerprint IS 'Fingerprint of the test corpus.';
COMMENT ON COLUMN evaluations.split_version IS 'Version of the rule that splits corpora.';
COMMENT ON COLUMN evaluations.decoding IS 'How outputs were produced.';
COMMENT ON COLUMN evaluations."precision" IS 'Numeric precision.';
COMMENT ON COLUMN evaluations.backend IS 'Inference backend.';
COMMENT ON COLUMN evaluations.segment_limit IS 'Only so many test lines were used; NULL means all.';
COMMENT ON COLUMN evaluations.n_segments IS 'Test lines; NULL where unknown.';
COMMENT ON COLUMN evaluations.wall_seconds IS 'Seconds of generating or classifying; NULL where unknown.';
COMMENT ON COLUMN evaluations.hypotheses IS 'File of kept outputs below PLM_HOME.';
COMMENT ON COLUMN evaluations.origin IS 'measured or imported.';

CREATE TABLE scores (
    score_key          VARCHAR PRIMARY KEY,
    evaluation_key     VARCHAR NOT NULL,
    metric             VARCHAR NOT NULL,
    value              DOUBLE NOT NULL,
    half_width         DOUBLE,
    half_width_method  VARCHAR,
    n_segments         BIGINT,
    signature          VARCHAR NOT NULL,
    origin             VARCHAR NOT NULL,
    source             VARCHAR NOT NULL,
    loaded_at          TIMESTAMP NOT NULL
);
COMMENT ON TABLE scores IS 'Scores, one metric of one evaluation a row. Never rewritten.';
COMMENT ON COLUMN scores.score_key IS 'Key of the score.';
COMMENT ON COLUMN scores.evaluation_key IS 'The evaluation that is scored.';
COMMENT ON COLUMN scores.metric IS 'spBLEU, BLEU, chrF2, chrF2++, TER, comet, accuracy or f1.';
COMMENT ON COLUMN scores.value IS '0-100, comet 0-1. TER is lower-is-better and may pass 100.';
COMMENT ON COLUMN scores.half_width IS '95 % confidence half-width in the metric''s units; NULL where not given.';
COMMENT ON COLUMN scores.half_width_method IS 'How the half-width was obtained.';
COMMENT ON COLUMN scores.n_segments IS 'Test lines; NULL where unknown.';
COMMENT ON COLUMN scores.signature IS 'What could change the number: metric, tokeniser, version.';
COMMENT ON COLUMN scores.origin IS 'measured or imported.';
COMMENT ON COLUMN scores.source IS 'File and line, or run.';
COMMENT ON COLUMN scores.loaded_at IS 'When it came into this warehouse, UTC.';

CREATE TABLE features (
    setting_key  VARCHAR NOT NULL,
    feature_set  VARCHAR NOT NULL,
    name         VARCHAR NOT NULL,
    value        DOUBLE NOT NULL,
    imputed      BOOLEAN NOT NULL
); -- no primary key: its index would be most of the file; the loader and a data check keep it unique
COMMENT ON TABLE features IS 'Dataset and language features of settings, one feature a row.';
COMMENT ON COLUMN features.setting_key IS 'Setting.';
COMMENT ON COLUMN features.feature_set IS 'proxylm-2024 (published) or plm-1 (computed here).';
COMMENT ON COLUMN features.name IS 'Name of the feature, as in the ProxyLM paper.';
COMMENT ON COLUMN features.value IS 'Value.';
COMMENT ON COLUMN features.imputed IS 'The value stands in for one that could not be computed exactly.';

CREATE TABLE predictors (
    predictor_id  VARCHAR PRIMARY KEY,
    task          VARCHAR NOT NULL,
    metric        VARCHAR NOT NULL,
    model_id      VARCHAR NOT NULL,
    mode          VARCHAR NOT NULL,
    input_set     VARCHAR NOT NULL,
    feature_set   VARCHAR NOT NULL,
    regressor     VARCHAR NOT NULL,
    n_rows        BIGINT NOT NULL,
    signature     VARCHAR NOT NULL,
    path          VARCHAR NOT NULL,
    wall_seconds  DOUBLE NOT NULL,
    made_at       TIMESTAMP NOT NULL
);
COMMENT ON TABLE predictors IS 'Fitted predictors, one for each estimated model, mode, metric and retrain that changed something.';
COMMENT ON COLUMN predictors.predictor_id IS 'Key: training rows, regressor, parameters and code.';
COMMENT ON COLUMN predictors.task IS 'mt, intent or slot.';
COMMENT ON COLUMN predictors.metric IS 'Metric that is predicted.';
COMMENT ON COLUMN predictors.model_id IS 'Estimated model.';
COMMENT ON COLUMN predictors.mode IS 'Mode of the estimated model.';
COMMENT ON COLUMN predictors.input_set IS 'proxies, or proxies+zero_shot where the model''s own zero-shot score is an input too.';
COMMENT ON COLUMN predictors.feature_set IS 'Feature set of the rows it was fitted on.';
COMMENT ON COLUMN predictors.regressor IS 'Name of the regressor.';
COMMENT ON COLUMN predictors.n_rows IS 'Training rows.';
COMMENT ON COLUMN predictors.signature IS 'Everything that could change its numbers, JSON.';
COMMENT ON COLUMN predictors.path IS 'Its folder below PLM_HOME.';
COMMENT ON COLUMN predictors.wall_seconds IS 'Seconds to fit and assess it.';
COMMENT ON COLUMN predictors.made_at IS 'When it was made, UTC.';

CREATE TABLE predictor_quality (
    predictor_id  VARCHAR NOT NULL,
    protocol      VARCHAR NOT NULL,
    regressor     VARCHAR NOT NULL,
    statistic     VARCHAR NOT NULL,
    value         DOUBLE NOT NULL,
    n_rows        BIGINT NOT NULL,
    n_folds       BIGINT NOT NULL,
    PRIMARY KEY (predictor_id, protocol, regressor, statistic)
);
COMMENT ON TABLE predictor_quality IS 'How good a predictor is on held-out rows, beside naive baselines.';
COMMENT ON COLUMN predictor_quality.predictor_id IS 'Predictor.';
COMMENT ON COLUMN predictor_quality.protocol IS 'What was held out: random, by_run or lolo.';
COMMENT ON COLUMN predictor_quality.regressor IS 'The predictor''s regressor, or the naive baseline measured on the same folds.';
COMMENT ON COLUMN predictor_quality.statistic IS 'What the value is, for example rmse.';
COMMENT ON COLUMN predictor_quality.value IS 'Value, errors in the metric''s units.';
COMMENT ON COLUMN predictor_quality.n_rows IS 'Held-out rows that the value rests on.';
COMMENT ON COLUMN predictor_quality.n_folds IS 'Folds that the value rests on.';

CREATE TABLE predictions (
    prediction_id  VARCHAR PRIMARY KEY,
    predictor_id   VARCHAR NOT NULL,
    setting_key    VARCHAR NOT NULL,
    kind           VARCHAR NOT NULL,
    protocol       VARCHAR,
    value          DOUBLE,
    lower          DOUBLE,
    upper          DOUBLE,
    level          DOUBLE,
    status         VARCHAR NOT NULL,
    reason         VARCHAR,
    made_at        TIMESTAMP NOT NULL
);
COMMENT ON TABLE predictions IS 'Predictions. Never rewritten; a forecast is graded when the observed score arrives.';
COMMENT ON COLUMN predictions.prediction_id IS 'Key: predictor, setting, kind and what was said.';
COMMENT ON COLUMN predictions.predictor_id IS 'Predictor that made it.';
COMMENT ON COLUMN predictions.setting_key IS 'What it is for.';
COMMENT ON COLUMN predictions.kind IS 'forecast (the score was not known) or out_of_fold (known, held out by the protocol).';
COMMENT ON COLUMN predictions.protocol IS 'Protocol of an out_of_fold prediction.';
COMMENT ON COLUMN predictions.value IS 'Predicted score; NULL for an abstention.';
COMMENT ON COLUMN predictions.lower IS 'Lower end of the interval; NULL where none can be given.';
COMMENT ON COLUMN predictions.upper IS 'Upper end of the interval; NULL where none can be given.';
COMMENT ON COLUMN predictions.level IS 'Share of scores that the interval is made to hold, 0-1.';
COMMENT ON COLUMN predictions.status IS 'predicted or abstained.';
COMMENT ON COLUMN predictions.reason IS 'Why it abstained, or why there is no interval.';
COMMENT ON COLUMN predictions.made_at IS 'When it was made, UTC.';

-- Views: the public SQL contract.

CREATE VIEW setting_scores AS
WITH whole AS (
    SELECT e.*, r.model_id, r.revision, r.mode, r.train_corpus, r.train_size, r.started_at
    FROM evaluations e JOIN runs r USING (run_id)
    WHERE e.segment_limit IS NULL
), joined AS (
    SELECT s.setting_key, w.*
    FROM settings s JOIN whole w
      ON  w.mode <> 'zero_shot'
      AND w.task = s.task AND w.source_lang = s.source_lang AND w.target_lang = s.target_lang
      AND w.test_corpus = s.test_corpus AND w.train_corpus = s.train_corpus
      AND w.train_size IS NOT DISTINCT FROM s.train_size
    UNION ALL
    SELECT s.setting_key, w.*
    FROM settings s JOIN whole w
      ON  w.mode = 'zero_shot'
      AND w.task = s.task AND w.source_lang = s.source_lang AND w.target_lang = s.target_lang
      AND w.test_corpus = s.test_corpus
)
SELECT j.setting_key, j.model_id, j.revision, j.mode, c.metric, c.value, c.half_width,
       coalesce(c.n_segments, j.n_segments) AS n_segments, c.origin, c.signature, c.source,
       c.score_key, j.evaluation_key, j.run_id, c.loaded_at,
       row_number() OVER (
           PARTITION BY j.setting_key, j.model_id, j.mode, c.metric
           ORDER BY c.origin = 'imported', j.started_at DESC NULLS LAST, c.score_key
       ) = 1 AS preferred
FROM joined j JOIN scores c USING (evaluation_key);
COMMENT ON VIEW setting_scores IS 'Scores joined to the settings they are for; a zero-shot score serves every setting with its languages and test corpus. Scores of limited evaluations are left out.';
COMMENT ON COLUMN setting_scores.setting_key IS 'Setting.';
COMMENT ON COLUMN setting_scores.model_id IS 'Model.';
COMMENT ON COLUMN setting_scores.revision IS 'Revision of the model.';
COMMENT ON COLUMN setting_scores.mode IS 'zero_shot, fine_tuned or from_scratch.';
COMMENT ON COLUMN setting_scores.metric IS 'Metric.';
COMMENT ON COLUMN setting_scores.value IS 'Score in the metric''s units.';
COMMENT ON COLUMN setting_scores.half_width IS '95 % confidence half-width; NULL where not given.';
COMMENT ON COLUMN setting_scores.n_segments IS 'Test lines; NULL where unknown.';
COMMENT ON COLUMN setting_scores.origin IS 'measured or imported.';
COMMENT ON COLUMN setting_scores.signature IS 'What could change the number.';
COMMENT ON COLUMN setting_scores.source IS 'File and line, or run.';
COMMENT ON COLUMN setting_scores.score_key IS 'Key of the score.';
COMMENT ON COLUMN setting_scores.evaluation_key IS 'Key of the evaluation.';
COMMENT ON COLUMN setting_scores.run_id IS 'The execution that made it.';
COMMENT ON COLUMN setting_scores.loaded_at IS 'When the score came into this warehouse, UTC.';
COMMENT ON COLUMN setting_scores.preferred IS 'The one to show where a setting has several: measured before imported, newest first.';

CREATE VIEW leaderboard AS
WITH roles AS (
    SELECT DISTINCT model_id, unnest(estimated_modes) AS mode FROM models
), observed AS (
    SELECT s.* FROM setting_scores s JOIN roles USING (model_id, mode) WHERE s.preferred
), predicted AS (
    SELECT p.*, q.metric, q.model_id, q.mode
    FROM predictions p JOIN predictors q USING (predictor_id)
    QUALIFY row_number() OVER (
        PARTITION BY p.setting_key, q.metric, q.model_id, q.mode
        ORDER BY p.made_at DESC, p.prediction_id
    ) = 1
), both_sides AS (
    SELECT setting_key, metric, model_id, mode, p.value AS predicted, p.lower, p.upper, p.level,
           p.kind AS prediction_kind, p.protocol, o.value AS observed,
           o.half_width AS observed_half_width, o.origin AS observed_origin,
           p.status AS prediction_status, p.reason, p.predictor_id, p.made_at
    FROM observed o FULL OUTER JOIN predicted p USING (setting_key, metric, model_id, mode)
)
SELECT b.setting_key, s.task, b.metric, b.model_id, b.mode, s.source_lang, s.target_lang,
       s.train_corpus, s.train_size, s.test_corpus, b.predicted, b.lower, b.upper, b.level,
       b.prediction_kind, b.protocol, b.observed, b.observed_half_width, b.observed_origin,
       b.predicted - b.observed AS error,
       CASE WHEN b.observed IS NOT NULL THEN 'observed'
            WHEN b.prediction_status = 'abstained' THEN 'abstained'
            ELSE 'predicted' END AS status,
       b.reason, b.predictor_id, b.made_at,
       CASE WHEN s.task = 'mt' AND s.target_lang = 'eng_Latn' THEN s.source_lang
            ELSE s.target_lang END AS board_language
FROM both_sides b JOIN settings s USING (setting_key);
COMMENT ON VIEW leaderboard IS 'The board: predicted beside observed, one row a setting, estimated model, mode and metric.';
COMMENT ON COLUMN leaderboard.setting_key IS 'Setting.';
COMMENT ON COLUMN leaderboard.task IS 'mt, intent or slot.';
COMMENT ON COLUMN leaderboard.metric IS 'Metric of predicted and observed.';
COMMENT ON COLUMN leaderboard.model_id IS 'Estimated model.';
COMMENT ON COLUMN leaderboard.mode IS 'zero_shot, fine_tuned or from_scratch.';
COMMENT ON COLUMN leaderboard.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN leaderboard.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN leaderboard.train_corpus IS 'Training corpus.';
COMMENT ON COLUMN leaderboard.train_size IS 'Training lines; NULL where the publisher does not tell.';
COMMENT ON COLUMN leaderboard.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN leaderboard.predicted IS 'Predicted score; NULL for an abstention or before a retrain.';
COMMENT ON COLUMN leaderboard.lower IS 'Lower end of the interval.';
COMMENT ON COLUMN leaderboard.upper IS 'Upper end of the interval.';
COMMENT ON COLUMN leaderboard.level IS 'Share of scores that the interval is made to hold, 0-1.';
COMMENT ON COLUMN leaderboard.prediction_kind IS 'forecast, or out_of_fold where the observed score was known and held out.';
COMMENT ON COLUMN leaderboard.protocol IS 'Protocol of an out_of_fold prediction.';
COMMENT ON COLUMN leaderboard.observed IS 'Observed score; NULL where the model was not run.';
COMMENT ON COLUMN leaderboard.observed_half_width IS '95 % confidence half-width of the observed score.';
COMMENT ON COLUMN leaderboard.observed_origin IS 'measured here, or imported.';
COMMENT ON COLUMN leaderboard.error IS 'predicted - observed.';
COMMENT ON COLUMN leaderboard.status IS 'observed, predicted or abstained.';
COMMENT ON COLUMN leaderboard.reason IS 'Why there is no prediction or no interval.';
COMMENT ON COLUMN leaderboard.predictor_id IS 'Predictor.';
COMMENT ON COLUMN leaderboard.made_at IS 'When the prediction was made, UTC.';
COMMENT ON COLUMN leaderboard.board_language IS 'The language that the row is about: the target; for mt the non-English side.';

CREATE VIEW predicted_vs_observed AS
SELECT * FROM leaderboard WHERE predicted IS NOT NULL AND observed IS NOT NULL;
COMMENT ON VIEW predicted_vs_observed IS 'The rows of the leaderboard that have both a prediction and an observed score.';

CREATE VIEW predictor_quality_latest AS
SELECT p.task, p.metric, p.model_id, p.mode, p.input_set, q.protocol, q.regressor, q.statistic,
       q.value, q.n_rows, q.n_folds, p.regressor AS predictor_regressor, p.predictor_id, p.made_at
FROM predictor_quality q JOIN (
    SELECT * FROM predictors
    QUALIFY row_number() OVER (
        PARTITION BY task, metric, model_id, mode ORDER BY made_at DESC, predictor_id
    ) = 1
) p USING (predictor_id);
COMMENT ON VIEW predictor_quality_latest IS 'Quality of the newest predictor of each estimated model, mode and metric.';
COMMENT ON COLUMN predictor_quality_latest.task IS 'mt, intent or slot.';
COMMENT ON COLUMN predictor_quality_latest.metric IS 'Metric that is predicted.';
COMMENT ON COLUMN predictor_quality_latest.model_id IS 'Estimated model.';
COMMENT ON COLUMN predictor_quality_latest.mode IS 'Mode of the estimated model.';
COMMENT ON COLUMN predictor_quality_latest.input_set IS 'Inputs of the predictor.';
COMMENT ON COLUMN predictor_quality_latest.protocol IS 'What was held out.';
COMMENT ON COLUMN predictor_quality_latest.regressor IS 'The predictor''s regressor, or a naive baseline on the same folds.';
COMMENT ON COLUMN predictor_quality_latest.statistic IS 'What the value is.';
COMMENT ON COLUMN predictor_quality_latest.value IS 'Value, errors in the metric''s units.';
COMMENT ON COLUMN predictor_quality_latest.n_rows IS 'Held-out rows that the value rests on.';
COMMENT ON COLUMN predictor_quality_latest.n_folds IS 'Folds that the value rests on.';
COMMENT ON COLUMN predictor_quality_latest.predictor_regressor IS 'Regressor of the predictor itself.';
COMMENT ON COLUMN predictor_quality_latest.predictor_id IS 'Predictor.';
COMMENT ON COLUMN predictor_quality_latest.made_at IS 'When the predictor was made, UTC.';

CREATE VIEW forecast_grades AS
SELECT p.prediction_id, p.setting_key, s.task, q.metric, q.model_id, q.mode, s.source_lang,
       s.target_lang, p.value AS predicted, p.lower, p.upper, p.level, o.value AS observed,
       o.half_width AS observed_half_width, p.value - o.value AS error,
       o.value BETWEEN p.lower AND p.upper AS inside, p.predictor_id, p.made_at,
       o.loaded_at AS observed_at
FROM predictions p
JOIN predictors q USING (predictor_id)
JOIN settings s USING (setting_key)
JOIN setting_scores o
  ON  o.setting_key = p.setting_key AND o.metric = q.metric AND o.model_id = q.model_id
  AND o.mode = q.mode AND o.preferred
WHERE p.kind = 'forecast' AND p.status = 'predicted' AND o.loaded_at > p.made_at;
COMMENT ON VIEW forecast_grades IS 'Forecasts beside the score that became known after they were made.';
COMMENT ON COLUMN forecast_grades.prediction_id IS 'Prediction.';
COMMENT ON COLUMN forecast_grades.setting_key IS 'Setting.';
COMMENT ON COLUMN forecast_grades.task IS 'mt, intent or slot.';
COMMENT ON COLUMN forecast_grades.metric IS 'Metric.';
COMMENT ON COLUMN forecast_grades.model_id IS 'Estimated model.';
COMMENT ON COLUMN forecast_grades.mode IS 'Mode of the estimated model.';
COMMENT ON COLUMN forecast_grades.source_lang IS 'Source language.';
COMMENT ON COLUMN forecast_grades.target_lang IS 'Target language.';
COMMENT ON COLUMN forecast_grades.predicted IS 'Forecast.';
COMMENT ON COLUMN forecast_grades.lower IS 'Lower end of the interval.';
COMMENT ON COLUMN forecast_grades.upper IS 'Upper end of the interval.';
COMMENT ON COLUMN forecast_grades.level IS 'Level of the interval, 0-1.';
COMMENT ON COLUMN forecast_grades.observed IS 'Score that became known later.';
COMMENT ON COLUMN forecast_grades.observed_half_width IS '95 % confidence half-width of the observed score.';
COMMENT ON COLUMN forecast_grades.error IS 'predicted - observed.';
COMMENT ON COLUMN forecast_grades.inside IS 'The observed score lies in the interval.';
COMMENT ON COLUMN forecast_grades.predictor_id IS 'Predictor.';
COMMENT ON COLUMN forecast_grades.made_at IS 'When the forecast was made, UTC.';
COMMENT ON COLUMN forecast_grades.observed_at IS 'When the score became known here, UTC.';

CREATE VIEW cost_ledger AS
WITH tested AS (
    SELECT run_id, task, count(*) AS evaluations, sum(wall_seconds) AS test_seconds
    FROM evaluations GROUP BY ALL
)
SELECT r.model_id, r.mode, r.origin, t.task, count(*) AS runs,
       coalesce(sum(t.evaluations), 0)::BIGINT AS evaluations,
       sum(r.wall_seconds) AS train_seconds, sum(t.test_seconds) AS test_seconds,
       sum(r.wall_seconds) + sum(t.test_seconds) AS total_seconds,
       sum(r.gpu_seconds) AS gpu_seconds, max(r.peak_memory_bytes) AS peak_memory_bytes,
       (count(*) FILTER (r.status = 'failed'))::BIGINT AS failed_runs
FROM runs r LEFT JOIN tested t USING (run_id)
GROUP BY ALL;
COMMENT ON VIEW cost_ledger IS 'What the evaluations cost, by model, mode and task. Costs of imported runs are unknown: NULL, never 0.';
COMMENT ON COLUMN cost_ledger.model_id IS 'Model.';
COMMENT ON COLUMN cost_ledger.mode IS 'Mode.';
COMMENT ON COLUMN cost_ledger.origin IS 'measured or imported.';
COMMENT ON COLUMN cost_ledger.task IS 'Task; NULL for runs that failed before any test.';
COMMENT ON COLUMN cost_ledger.runs IS 'Runs.';
COMMENT ON COLUMN cost_ledger.evaluations IS 'Evaluations.';
COMMENT ON COLUMN cost_ledger.train_seconds IS 'Seconds of training.';
COMMENT ON COLUMN cost_ledger.test_seconds IS 'Seconds of generating or classifying.';
COMMENT ON COLUMN cost_ledger.total_seconds IS 'Both.';
COMMENT ON COLUMN cost_ledger.gpu_seconds IS 'Seconds times GPUs.';
COMMENT ON COLUMN cost_ledger.peak_memory_bytes IS 'Largest resident memory of a run, bytes.';
COMMENT ON COLUMN cost_ledger.failed_runs IS 'Runs that failed.';

CREATE VIEW coverage_gaps AS
WITH in_use AS (
    SELECT DISTINCT s.task, s.train_corpus, x.model_id, x.mode
    FROM setting_scores x JOIN settings s USING (setting_key)
), roles AS (
    SELECT DISTINCT model_id, unnest(proxy_modes) AS mode, 'proxy' AS role FROM models
    UNION
    SELECT DISTINCT model_id, unnest(estimated_modes), 'estimated' FROM models
)
SELECT s.setting_key, s.task, s.source_lang, s.target_lang, s.train_corpus, s.train_size,
       s.test_corpus, u.model_id, u.mode, r.role
FROM settings s
JOIN in_use u USING (task, train_corpus)
JOIN roles r USING (model_id, mode)
WHERE NOT EXISTS (
    SELECT 1 FROM setting_scores x
    WHERE x.setting_key = s.setting_key AND x.model_id = u.model_id AND x.mode = u.mode
);
COMMENT ON VIEW coverage_gaps IS 'Settings that lack the score of a proxy or of an estimated model that is in use for the training corpus.';
COMMENT ON COLUMN coverage_gaps.setting_key IS 'Setting.';
COMMENT ON COLUMN coverage_gaps.task IS 'mt, intent or slot.';
COMMENT ON COLUMN coverage_gaps.source_lang IS 'Source language.';
COMMENT ON COLUMN coverage_gaps.target_lang IS 'Target language.';
COMMENT ON COLUMN coverage_gaps.train_corpus IS 'Training corpus.';
COMMENT ON COLUMN coverage_gaps.train_size IS 'Training lines.';
COMMENT ON COLUMN coverage_gaps.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN coverage_gaps.model_id IS 'Model without a score.';
COMMENT ON COLUMN coverage_gaps.mode IS 'Mode without a score.';
COMMENT ON COLUMN coverage_gaps.role IS 'proxy or estimated.';

CREATE VIEW data_checks AS
SELECT 'score without its evaluation' AS rule, score_key AS key FROM scores
WHERE evaluation_key NOT IN (SELECT evaluation_key FROM evaluations)
UNION ALL
SELECT 'evaluation without its run', evaluation_key FROM evaluations
WHERE run_id NOT IN (SELECT run_id FROM runs)
UNION ALL
SELECT 'run of an unknown model', run_id FROM runs
WHERE (model_id, revision) NOT IN (SELECT (model_id, revision) FROM models)
UNION ALL
SELECT 'setting in an unknown language', setting_key FROM settings
WHERE source_lang NOT IN (SELECT language FROM languages)
   OR target_lang NOT IN (SELECT language FROM languages)
UNION ALL
SELECT 'feature of an unknown setting', setting_key FROM features
WHERE setting_key NOT IN (SELECT setting_key FROM settings)
UNION ALL
SELECT 'feature given twice', setting_key FROM features
GROUP BY setting_key, feature_set, name HAVING count(*) > 1
UNION ALL
SELECT 'score out of range', score_key FROM scores
WHERE NOT isfinite(value) OR value < 0
   OR (metric = 'comet' AND value > 1.1)
   OR (metric NOT IN ('comet', 'TER') AND value > 100)
UNION ALL
SELECT 'negative half-width', score_key FROM scores WHERE half_width < 0
UNION ALL
SELECT 'prediction without its predictor', prediction_id FROM predictions
WHERE predictor_id NOT IN (SELECT predictor_id FROM predictors)
UNION ALL
SELECT 'prediction of an unknown setting', prediction_id FROM predictions
WHERE setting_key NOT IN (SELECT setting_key FROM settings);
COMMENT ON VIEW data_checks IS 'Rows that break a rule; empty when all is well.';
COMMENT ON COLUMN data_checks.rule IS 'The rule that is broken.';
COMMENT ON COLUMN data_checks.key IS 'Key of the offending row.';
