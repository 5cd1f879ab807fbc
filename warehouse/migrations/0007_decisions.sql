-- What follows from the predictions: which model to take, whether to fine-tune, what to run next, and
-- whether forecasts still hold. Derived: the stage `predict` replaces the rows as a whole.

CREATE TABLE decisions (
    setting_key       VARCHAR NOT NULL,
    metric            VARCHAR NOT NULL,
    model_id          VARCHAR NOT NULL,
    mode              VARCHAR NOT NULL,
    value             DOUBLE NOT NULL,
    basis             VARCHAR NOT NULL,
    probability_best  DOUBLE NOT NULL,
    expected_regret   DOUBLE NOT NULL,
    n_models          BIGINT NOT NULL,
    missing_models    VARCHAR[] NOT NULL,
    made_at           TIMESTAMP NOT NULL,
    PRIMARY KEY (setting_key, metric, model_id, mode)
);
COMMENT ON TABLE decisions IS 'How likely each estimated model is the best in a setting.';
COMMENT ON COLUMN decisions.setting_key IS 'Setting.';
COMMENT ON COLUMN decisions.metric IS 'Metric.';
COMMENT ON COLUMN decisions.model_id IS 'Estimated model.';
COMMENT ON COLUMN decisions.mode IS 'Mode of the model.';
COMMENT ON COLUMN decisions.value IS 'The score that was compared: observed where there is one, else predicted.';
COMMENT ON COLUMN decisions.basis IS 'observed or predicted.';
COMMENT ON COLUMN decisions.probability_best IS 'Probability, 0-1, that no other model compared here is better.';
COMMENT ON COLUMN decisions.expected_regret IS 'What is lost on average by taking this model instead of the best, in the metric''s units.';
COMMENT ON COLUMN decisions.n_models IS 'Models that were compared in this setting.';
COMMENT ON COLUMN decisions.missing_models IS 'Estimated models in use for the training corpus, with their modes, that have neither an observed score nor a prediction here.';
COMMENT ON COLUMN decisions.made_at IS 'When it was computed, UTC.';

CREATE VIEW model_choice AS
SELECT d.setting_key, s.task, d.metric, s.source_lang, s.target_lang, s.train_corpus, s.train_size,
       s.test_corpus, d.model_id, d.mode, d.value, d.basis, d.probability_best, d.expected_regret,
       row_number() OVER (
           PARTITION BY d.setting_key, d.metric
           ORDER BY d.expected_regret, d.probability_best DESC, d.model_id, d.mode
       ) AS choice,
       d.n_models, d.missing_models, d.made_at,
       CASE WHEN s.task = 'mt' AND s.target_lang = 'eng_Latn' THEN s.source_lang
            ELSE s.target_lang END AS board_language
FROM decisions d JOIN settings s USING (setting_key);
COMMENT ON VIEW model_choice IS 'Which estimated model to take in a setting: the one with the least expected regret is choice 1.';
COMMENT ON COLUMN model_choice.setting_key IS 'Setting.';
COMMENT ON COLUMN model_choice.task IS 'mt, intent or slot.';
COMMENT ON COLUMN model_choice.metric IS 'Metric.';
COMMENT ON COLUMN model_choice.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN model_choice.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN model_choice.train_corpus IS 'Training corpus.';
COMMENT ON COLUMN model_choice.train_size IS 'Training lines; NULL where the publisher does not tell.';
COMMENT ON COLUMN model_choice.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN model_choice.model_id IS 'Estimated model.';
COMMENT ON COLUMN model_choice.mode IS 'Mode of the model.';
COMMENT ON COLUMN model_choice.value IS 'The score that was compared: observed where there is one, else predicted.';
COMMENT ON COLUMN model_choice.basis IS 'observed or predicted.';
COMMENT ON COLUMN model_choice.probability_best IS 'Probability, 0-1, that no other model compared here is better.';
COMMENT ON COLUMN model_choice.expected_regret IS 'What is lost on average by taking this model instead of the best, in the metric''s units.';
COMMENT ON COLUMN model_choice.choice IS '1 is the model with the least expected regret.';
COMMENT ON COLUMN model_choice.n_models IS 'Models that were compared in this setting.';
COMMENT ON COLUMN model_choice.missing_models IS 'Estimated models in use for the training corpus, with their modes, that have neither an observed score nor a prediction here.';
COMMENT ON COLUMN model_choice.made_at IS 'When it was computed, UTC.';
COMMENT ON COLUMN model_choice.board_language IS 'The language that the row is about: the target; for mt the non-English side.';

CREATE TABLE fine_tune_gains (
    setting_key       VARCHAR NOT NULL,
    metric            VARCHAR NOT NULL,
    model_id          VARCHAR NOT NULL,
    zero_shot         DOUBLE NOT NULL,
    fine_tuned        DOUBLE NOT NULL,
    basis             VARCHAR NOT NULL,
    gain              DOUBLE NOT NULL,
    lower             DOUBLE,
    upper             DOUBLE,
    level             DOUBLE,
    probability_gain  DOUBLE NOT NULL,
    made_at           TIMESTAMP NOT NULL,
    PRIMARY KEY (setting_key, metric, model_id)
);
COMMENT ON TABLE fine_tune_gains IS 'What fine-tuning a model gains over its zero-shot score in a setting.';
COMMENT ON COLUMN fine_tune_gains.setting_key IS 'Setting.';
COMMENT ON COLUMN fine_tune_gains.metric IS 'Metric.';
COMMENT ON COLUMN fine_tune_gains.model_id IS 'Estimated model.';
COMMENT ON COLUMN fine_tune_gains.zero_shot IS 'Zero-shot score, observed or predicted.';
COMMENT ON COLUMN fine_tune_gains.fine_tuned IS 'Fine-tuned score, observed or predicted.';
COMMENT ON COLUMN fine_tune_gains.basis IS 'observed where both scores are, else predicted.';
COMMENT ON COLUMN fine_tune_gains.gain IS 'fine_tuned - zero_shot (the other way round where lower is better), in the metric''s units.';
COMMENT ON COLUMN fine_tune_gains.lower IS 'Lower end of the gain''s interval; NULL where none can be given.';
COMMENT ON COLUMN fine_tune_gains.upper IS 'Upper end of the gain''s interval; NULL where none can be given.';
COMMENT ON COLUMN fine_tune_gains.level IS 'Share of gains that the interval is made to hold, 0-1.';
COMMENT ON COLUMN fine_tune_gains.probability_gain IS 'Probability, 0-1, that fine-tuning is better.';
COMMENT ON COLUMN fine_tune_gains.made_at IS 'When it was computed, UTC.';

CREATE VIEW fine_tune_advice AS
SELECT g.setting_key, s.task, g.metric, g.model_id, s.source_lang, s.target_lang, s.train_corpus,
       s.train_size, s.test_corpus, g.zero_shot, g.fine_tuned, g.basis, g.gain, g.lower, g.upper,
       g.level, g.probability_gain,
       CASE WHEN g.basis = 'observed' THEN if(g.gain > 0, 'yes', 'no')
            WHEN g.probability_gain >= 0.9 THEN 'yes'
            WHEN g.probability_gain <= 0.1 THEN 'no'
            ELSE 'uncertain' END AS advice,
       g.made_at,
       CASE WHEN s.task = 'mt' AND s.target_lang = 'eng_Latn' THEN s.source_lang
            ELSE s.target_lang END AS board_language
FROM fine_tune_gains g JOIN settings s USING (setting_key);
COMMENT ON VIEW fine_tune_advice IS 'Whether to fine-tune a model in a setting: how much it gains over zero-shot, and how sure that is.';
COMMENT ON COLUMN fine_tune_advice.setting_key IS 'Setting.';
COMMENT ON COLUMN fine_tune_advice.task IS 'mt, intent or slot.';
COMMENT ON COLUMN fine_tune_advice.metric IS 'Metric.';
COMMENT ON COLUMN fine_tune_advice.model_id IS 'Estimated model.';
COMMENT ON COLUMN fine_tune_advice.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN fine_tune_advice.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN fine_tune_advice.train_corpus IS 'Training corpus.';
COMMENT ON COLUMN fine_tune_advice.train_size IS 'Training lines; NULL where the publisher does not tell.';
COMMENT ON COLUMN fine_tune_advice.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN fine_tune_advice.zero_shot IS 'Zero-shot score, observed or predicted.';
COMMENT ON COLUMN fine_tune_advice.fine_tuned IS 'Fine-tuned score, observed or predicted.';
COMMENT ON COLUMN fine_tune_advice.basis IS 'observed where both scores are, else predicted.';
COMMENT ON COLUMN fine_tune_advice.gain IS 'What fine-tuning gains, in the metric''s units; negative where it harms.';
COMMENT ON COLUMN fine_tune_advice.lower IS 'Lower end of the gain''s interval.';
COMMENT ON COLUMN fine_tune_advice.upper IS 'Upper end of the gain''s interval.';
COMMENT ON COLUMN fine_tune_advice.level IS 'Share of gains that the interval is made to hold, 0-1.';
COMMENT ON COLUMN fine_tune_advice.probability_gain IS 'Probability, 0-1, that fine-tuning is better.';
COMMENT ON COLUMN fine_tune_advice.advice IS 'yes, no, or uncertain (probability between 0.1 and 0.9).';
COMMENT ON COLUMN fine_tune_advice.made_at IS 'When it was computed, UTC.';
COMMENT ON COLUMN fine_tune_advice.board_language IS 'The language that the row is about: the target; for mt the non-English side.';

CREATE TABLE recommendations (
    rank                 BIGINT PRIMARY KEY,
    task                 VARCHAR NOT NULL,
    metric               VARCHAR NOT NULL,
    model_id             VARCHAR NOT NULL,
    mode                 VARCHAR NOT NULL,
    role                 VARCHAR NOT NULL,
    run_group            VARCHAR NOT NULL,
    source_lang          VARCHAR NOT NULL,
    target_lang          VARCHAR NOT NULL,
    train_corpus         VARCHAR,
    train_size           BIGINT,
    test_corpus          VARCHAR NOT NULL,
    settings             BIGINT NOT NULL,
    expected_error_drop  DOUBLE NOT NULL,
    device_seconds       DOUBLE,
    cost_basis           VARCHAR,
    drop_per_hour        DOUBLE,
    reason               VARCHAR NOT NULL,
    made_at              TIMESTAMP NOT NULL
);
COMMENT ON TABLE recommendations IS 'What to evaluate next, the largest expected error drop per hour of the device first.';
COMMENT ON COLUMN recommendations.rank IS '1 is to be run first.';
COMMENT ON COLUMN recommendations.task IS 'mt, intent or slot.';
COMMENT ON COLUMN recommendations.metric IS 'Metric whose error is to fall.';
COMMENT ON COLUMN recommendations.model_id IS 'Model to evaluate.';
COMMENT ON COLUMN recommendations.mode IS 'Mode to evaluate it in.';
COMMENT ON COLUMN recommendations.role IS 'estimated, or proxy where a missing proxy score is what is wanted.';
COMMENT ON COLUMN recommendations.run_group IS 'Settings of one run group share one fine-tuning; * where a zero-shot test serves several.';
COMMENT ON COLUMN recommendations.source_lang IS 'Source language; intent and slot: the language to train on. * where several.';
COMMENT ON COLUMN recommendations.target_lang IS 'Target language; intent and slot: the language to test on. * where several: one training serves them.';
COMMENT ON COLUMN recommendations.train_corpus IS 'Training corpus; NULL for zero-shot.';
COMMENT ON COLUMN recommendations.train_size IS 'Training lines.';
COMMENT ON COLUMN recommendations.test_corpus IS 'Test corpus; * where several.';
COMMENT ON COLUMN recommendations.settings IS 'Settings whose prediction would become surer.';
COMMENT ON COLUMN recommendations.expected_error_drop IS 'Expected fall of the summed standard deviation of those predictions, in the metric''s units.';
COMMENT ON COLUMN recommendations.device_seconds IS 'Expected seconds of the device, training included; NULL where nothing comparable was run.';
COMMENT ON COLUMN recommendations.cost_basis IS 'measured (same model elsewhere), or scaled (another model of known cost, by parameters); NULL where unknown.';
COMMENT ON COLUMN recommendations.drop_per_hour IS 'expected_error_drop per hour of the device; NULL where the cost is unknown.';
COMMENT ON COLUMN recommendations.reason IS 'Why, in words.';
COMMENT ON COLUMN recommendations.made_at IS 'When it was computed, UTC.';

CREATE TABLE drift_checks (
    task         VARCHAR NOT NULL,
    metric       VARCHAR NOT NULL,
    model_id     VARCHAR NOT NULL,
    mode         VARCHAR NOT NULL,
    language     VARCHAR NOT NULL,
    n_forecasts  BIGINT NOT NULL,
    coverage     DOUBLE NOT NULL,
    evidence     DOUBLE NOT NULL,
    threshold    DOUBLE NOT NULL,
    alarm        BOOLEAN NOT NULL,
    since        TIMESTAMP,
    made_at      TIMESTAMP NOT NULL,
    PRIMARY KEY (task, metric, model_id, mode, language)
);
COMMENT ON TABLE drift_checks IS 'Whether graded forecasts still hold what their intervals promise: a sequential test for each model, task, metric and language.';
COMMENT ON COLUMN drift_checks.task IS 'mt, intent or slot.';
COMMENT ON COLUMN drift_checks.metric IS 'Metric.';
COMMENT ON COLUMN drift_checks.model_id IS 'Estimated model.';
COMMENT ON COLUMN drift_checks.mode IS 'Mode of the model.';
COMMENT ON COLUMN drift_checks.language IS 'Board language; * for all together.';
COMMENT ON COLUMN drift_checks.n_forecasts IS 'Graded forecasts that the test has seen.';
COMMENT ON COLUMN drift_checks.coverage IS 'Share of them inside their interval.';
COMMENT ON COLUMN drift_checks.evidence IS 'The largest value that the test has reached against "the intervals hold".';
COMMENT ON COLUMN drift_checks.threshold IS 'Evidence at which the alarm is raised.';
COMMENT ON COLUMN drift_checks.alarm IS 'The evidence has reached the threshold.';
COMMENT ON COLUMN drift_checks.since IS 'When the observed score that raised the alarm came in, UTC; NULL without one.';
COMMENT ON COLUMN drift_checks.made_at IS 'When it was computed, UTC.';
