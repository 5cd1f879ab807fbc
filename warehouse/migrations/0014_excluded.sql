-- What the board does not show, with the reason. Everything else in the warehouse is on it: settings,
-- predictions and observed scores as its rows, the scores of proxies where its numbers come from.

CREATE VIEW excluded AS
WITH used AS (
    SELECT score_key, bool_or(preferred) AS preferred FROM setting_scores GROUP BY score_key
)
SELECT 'score' AS kind, c.score_key AS key, e.task, c.metric, r.model_id, r.mode,
       e.source_lang, e.target_lang,
       CASE WHEN e.segment_limit IS NOT NULL
            THEN 'made on the first ' || e.segment_limit || ' test lines only'
            WHEN u.score_key IS NULL THEN 'no setting is about its languages and corpora'
            ELSE 'another score of the same setting is shown: a measured one before an imported one, then the latest'
       END AS reason
FROM scores c JOIN evaluations e USING (evaluation_key) JOIN runs r USING (run_id)
LEFT JOIN used u USING (score_key)
WHERE u.preferred IS DISTINCT FROM true
UNION ALL
SELECT 'prediction', p.prediction_id, q.task, q.metric, q.model_id, q.mode, s.source_lang,
       s.target_lang, 'a newer prediction is shown'
FROM predictions p JOIN predictors q USING (predictor_id) JOIN settings s USING (setting_key)
QUALIFY row_number() OVER (
    PARTITION BY p.setting_key, q.metric, q.model_id, q.mode
    ORDER BY p.made_at DESC, p.prediction_id
) > 1
UNION ALL
SELECT 'setting', setting_key, task, NULL, NULL, NULL, source_lang, target_lang,
       'no estimated model has a score or a prediction in it'
FROM settings ANTI JOIN leaderboard USING (setting_key)
UNION ALL
SELECT 'run', run_id, NULL, NULL, model_id, mode, NULL, NULL,
       'failed: ' || coalesce(reason, 'no reason was recorded')
FROM runs WHERE status = 'failed'
UNION ALL
SELECT 'model', model_id || '@' || revision, NULL, NULL, model_id, NULL, NULL, NULL,
       'nothing was evaluated with it'
FROM models ANTI JOIN runs USING (model_id, revision)
UNION ALL
SELECT 'language', language, NULL, NULL, NULL, NULL, language, NULL, 'no setting is in it'
FROM languages
WHERE language NOT IN (SELECT source_lang FROM settings UNION SELECT target_lang FROM settings)
UNION ALL
SELECT 'predictor', predictor_id, task, metric, model_id, mode, NULL, NULL,
       'a newer predictor took its place'
FROM predictors
QUALIFY row_number() OVER (
    PARTITION BY task, metric, model_id, mode ORDER BY made_at DESC, predictor_id
) > 1;
COMMENT ON VIEW excluded IS 'What is in the warehouse and not on the board, with the reason; one row a thing.';
COMMENT ON COLUMN excluded.kind IS 'score, prediction, setting, run, model, language or predictor.';
COMMENT ON COLUMN excluded.key IS 'Its key in its table.';
COMMENT ON COLUMN excluded.task IS 'Task, where it has one.';
COMMENT ON COLUMN excluded.metric IS 'Metric, where it has one.';
COMMENT ON COLUMN excluded.model_id IS 'Model, where it has one.';
COMMENT ON COLUMN excluded.mode IS 'Mode, where it has one.';
COMMENT ON COLUMN excluded.source_lang IS 'Source language, or the language itself.';
COMMENT ON COLUMN excluded.target_lang IS 'Target language, where it has one.';
COMMENT ON COLUMN excluded.reason IS 'Why it is not on the board.';
