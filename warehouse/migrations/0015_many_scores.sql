-- For tens of millions of scores. No view shows anything else than before.

-- No primary keys for the two largest tables: the index over hashes was most of the file, and most of the
-- time of a load. The loader and the data checks keep the keys unique.

ALTER TABLE evaluations RENAME TO indexed_evaluations;
CREATE TABLE evaluations (
    evaluation_key    VARCHAR NOT NULL,
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
    origin            VARCHAR NOT NULL,
    tokens_in         BIGINT,
    tokens_out        BIGINT,
    gpu_seconds       DOUBLE,
    energy_joules     DOUBLE
);
INSERT INTO evaluations FROM indexed_evaluations;
DROP TABLE indexed_evaluations;

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
COMMENT ON COLUMN evaluations.tokens_in IS 'Tokens read, padding left out; NULL where not counted.';
COMMENT ON COLUMN evaluations.tokens_out IS 'Tokens generated; NULL where none or not counted.';
COMMENT ON COLUMN evaluations.gpu_seconds IS 'Seconds times GPUs; NULL where unknown.';
COMMENT ON COLUMN evaluations.energy_joules IS 'Energy of generating or classifying, joules; NULL where no counter told.';

ALTER TABLE scores RENAME TO indexed_scores;
CREATE TABLE scores (
    score_key          VARCHAR NOT NULL,
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
INSERT INTO scores FROM indexed_scores;
DROP TABLE indexed_scores;

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

-- The board: scores of proxies, most of all, are left out before they are joined and ranked, not after.

DROP VIEW leaderboard;
DROP VIEW setting_scores;

-- Scores in the settings that they serve; with `of_estimated` only those of estimated models.
CREATE MACRO scores_in_settings(of_estimated) AS TABLE
WITH whole AS (
    SELECT e.*, r.model_id, r.revision, r.mode, r.train_corpus, r.train_size, r.started_at
    FROM evaluations e JOIN runs r USING (run_id)
    WHERE e.segment_limit IS NULL AND (
        NOT of_estimated OR (r.model_id, r.mode) IN (
            SELECT (model_id, unnest(estimated_modes)) FROM models
        )
    )
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

CREATE VIEW setting_scores AS FROM scores_in_settings(false);
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
WITH observed AS (
    SELECT * FROM scores_in_settings(true) WHERE preferred
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

DROP VIEW data_checks;
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
WHERE setting_key NOT IN (SELECT setting_key FROM settings)
UNION ALL
SELECT 'score given twice', score_key FROM scores GROUP BY score_key HAVING count(*) > 1
UNION ALL
SELECT 'evaluation given twice', evaluation_key FROM evaluations
GROUP BY evaluation_key HAVING count(*) > 1;
COMMENT ON VIEW data_checks IS 'Rows that break a rule; empty when all is well.';
COMMENT ON COLUMN data_checks.rule IS 'The rule that is broken.';
COMMENT ON COLUMN data_checks.key IS 'Key of the offending row.';
