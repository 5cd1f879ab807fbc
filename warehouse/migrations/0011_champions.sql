-- Which predictor speaks for a target, and why. A challenger has to win on held-out languages.

CREATE TABLE champions (
    task          VARCHAR NOT NULL,
    metric        VARCHAR NOT NULL,
    model_id      VARCHAR NOT NULL,
    mode          VARCHAR NOT NULL,
    predictor_id  VARCHAR NOT NULL,
    regressor     VARCHAR NOT NULL,
    reason        VARCHAR NOT NULL,
    since         TIMESTAMP NOT NULL,
    PRIMARY KEY (task, metric, model_id, mode)
);
COMMENT ON TABLE champions IS 'The predictor in use for each estimated model, mode and metric. docs/decide.md has the rule.';
COMMENT ON COLUMN champions.task IS 'mt, intent or slot.';
COMMENT ON COLUMN champions.metric IS 'Metric that is predicted.';
COMMENT ON COLUMN champions.model_id IS 'Estimated model.';
COMMENT ON COLUMN champions.mode IS 'Mode of the estimated model.';
COMMENT ON COLUMN champions.predictor_id IS 'Predictor in use: the recipe fitted on the newest data.';
COMMENT ON COLUMN champions.regressor IS 'Its recipe: the regressor, with the parameters of this code.';
COMMENT ON COLUMN champions.reason IS 'How the recipe came into use: the first one, or the comparison it won.';
COMMENT ON COLUMN champions.since IS 'Since when the recipe is in use, UTC.';

INSERT INTO champions
SELECT task, metric, model_id, mode, predictor_id, regressor, 'the newest when champions came in',
       made_at
FROM predictors
QUALIFY row_number() OVER (
    PARTITION BY task, metric, model_id, mode ORDER BY made_at DESC, predictor_id
) = 1;

DROP VIEW predictor_quality_latest;

CREATE VIEW predictor_quality_latest AS
SELECT p.task, p.metric, p.model_id, p.mode, p.input_set, q.protocol, q.regressor, q.statistic,
       q.value, q.n_rows, q.n_folds, p.regressor AS predictor_regressor, p.predictor_id, p.made_at
FROM predictor_quality q
JOIN predictors p USING (predictor_id)
SEMI JOIN champions USING (predictor_id);
COMMENT ON VIEW predictor_quality_latest IS 'Quality of the predictor in use for each estimated model, mode and metric.';
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
