-- What a run and an evaluation used beyond seconds. Older rows have NULL: it was not counted.

ALTER TABLE runs ADD COLUMN curve VARCHAR;
ALTER TABLE runs ADD COLUMN train_tokens BIGINT;
ALTER TABLE runs ADD COLUMN peak_gpu_memory_bytes BIGINT;
ALTER TABLE runs ADD COLUMN energy_joules DOUBLE;
COMMENT ON COLUMN runs.curve IS 'Training curve below PLM_HOME, JSON lines; NULL where none was kept.';
COMMENT ON COLUMN runs.train_tokens IS 'Tokens trained on over all epochs, padding left out; NULL where not counted.';
COMMENT ON COLUMN runs.peak_gpu_memory_bytes IS 'Peak memory taken on a GPU, bytes; NULL without one.';
COMMENT ON COLUMN runs.energy_joules IS 'Energy of training, joules; NULL where no counter told.';

ALTER TABLE evaluations ADD COLUMN tokens_in BIGINT;
ALTER TABLE evaluations ADD COLUMN tokens_out BIGINT;
ALTER TABLE evaluations ADD COLUMN gpu_seconds DOUBLE;
ALTER TABLE evaluations ADD COLUMN energy_joules DOUBLE;
COMMENT ON COLUMN evaluations.tokens_in IS 'Tokens read, padding left out; NULL where not counted.';
COMMENT ON COLUMN evaluations.tokens_out IS 'Tokens generated; NULL where none or not counted.';
COMMENT ON COLUMN evaluations.gpu_seconds IS 'Seconds times GPUs; NULL where unknown.';
COMMENT ON COLUMN evaluations.energy_joules IS 'Energy of generating or classifying, joules; NULL where no counter told.';

-- Costs. Four views, each on the one before. Unknown is NULL and stays NULL in every sum.

DROP VIEW cost_ledger;

CREATE VIEW run_costs AS
WITH tested AS (
    SELECT run_id, task, count(*) AS evaluations, sum(wall_seconds) AS test_seconds,
           sum(gpu_seconds) AS gpu_seconds, sum(tokens_in) AS tokens_in,
           sum(tokens_out) AS tokens_out, sum(energy_joules) AS energy_joules
    FROM evaluations GROUP BY ALL
)
SELECT r.model_id, r.mode, r.origin, t.task, count(*) AS runs,
       (count(*) FILTER (r.status = 'failed'))::BIGINT AS failed_runs,
       coalesce(sum(t.evaluations), 0)::BIGINT AS evaluations,
       sum(r.wall_seconds) AS train_seconds, sum(t.test_seconds) AS test_seconds,
       sum(r.wall_seconds + coalesce(t.test_seconds, 0)) AS total_seconds,
       CASE WHEN count(r.gpu_seconds) + count(t.gpu_seconds) > 0
            THEN coalesce(sum(r.gpu_seconds), 0) + coalesce(sum(t.gpu_seconds), 0)
       END AS gpu_seconds,
       sum(r.train_tokens)::BIGINT AS train_tokens, sum(t.tokens_in)::BIGINT AS tokens_in,
       sum(t.tokens_out)::BIGINT AS tokens_out,
       CASE WHEN count(r.energy_joules) + count(t.energy_joules) > 0
            THEN coalesce(sum(r.energy_joules), 0) + coalesce(sum(t.energy_joules), 0)
       END AS energy_joules,
       max(r.peak_memory_bytes) AS peak_memory_bytes,
       max(r.peak_gpu_memory_bytes) AS peak_gpu_memory_bytes
FROM runs r LEFT JOIN tested t USING (run_id)
GROUP BY ALL;
COMMENT ON VIEW run_costs IS 'What was spent, by model, mode and task, failed runs included. Costs of imported runs are unknown: NULL, never 0.';
COMMENT ON COLUMN run_costs.model_id IS 'Model.';
COMMENT ON COLUMN run_costs.mode IS 'Mode.';
COMMENT ON COLUMN run_costs.origin IS 'measured or imported.';
COMMENT ON COLUMN run_costs.task IS 'Task; NULL for runs that failed before any test.';
COMMENT ON COLUMN run_costs.runs IS 'Runs.';
COMMENT ON COLUMN run_costs.failed_runs IS 'Runs that failed.';
COMMENT ON COLUMN run_costs.evaluations IS 'Evaluations.';
COMMENT ON COLUMN run_costs.train_seconds IS 'Seconds of training.';
COMMENT ON COLUMN run_costs.test_seconds IS 'Seconds of generating or classifying.';
COMMENT ON COLUMN run_costs.total_seconds IS 'Both.';
COMMENT ON COLUMN run_costs.gpu_seconds IS 'Seconds times GPUs; NULL where no GPU was used.';
COMMENT ON COLUMN run_costs.train_tokens IS 'Tokens trained on, as far as they were counted.';
COMMENT ON COLUMN run_costs.tokens_in IS 'Tokens read in tests, as far as they were counted.';
COMMENT ON COLUMN run_costs.tokens_out IS 'Tokens generated in tests, as far as they were counted.';
COMMENT ON COLUMN run_costs.energy_joules IS 'Energy, as far as counters told; NULL where none did.';
COMMENT ON COLUMN run_costs.peak_memory_bytes IS 'Largest resident memory of a run, bytes.';
COMMENT ON COLUMN run_costs.peak_gpu_memory_bytes IS 'Largest memory of a run on a GPU, bytes.';

-- Sharing: a training is paid by the tests it serves, in equal parts; a zero-shot evaluation by the
-- settings it serves. So the costs of one model's settings add up to what they really took.
CREATE VIEW setting_costs AS
WITH trainings AS ( -- completed runs of a training together: a later one may reuse its weights
    SELECT training_key, sum(wall_seconds) AS seconds, sum(gpu_seconds) AS gpu_seconds
    FROM runs WHERE status = 'completed' GROUP BY training_key
), served AS (
    SELECT training_key,
           count(DISTINCT (task, source_lang, target_lang, test_corpus)) AS tests
    FROM evaluations WHERE segment_limit IS NULL GROUP BY training_key
), shown AS ( -- of several evaluations the one whose score is preferred
    SELECT setting_key, model_id, mode, evaluation_key
    FROM setting_scores WHERE preferred
    QUALIFY row_number() OVER (
        PARTITION BY setting_key, model_id, mode
        ORDER BY origin = 'imported', loaded_at DESC, evaluation_key
    ) = 1
), shared AS (
    SELECT *, count(*) OVER (PARTITION BY evaluation_key) AS settings FROM shown
)
SELECT s.setting_key, s.model_id, s.mode, s.evaluation_key, r.device,
       v.tests AS training_shared_by, s.settings AS evaluation_shared_by,
       t.seconds / v.tests / s.settings AS train_seconds,
       e.wall_seconds / s.settings AS test_seconds,
       t.seconds / v.tests / s.settings + e.wall_seconds / s.settings AS seconds,
       CASE WHEN r.device = 'cpu' THEN 0
            ELSE t.gpu_seconds / v.tests / s.settings + e.gpu_seconds / s.settings
       END AS gpu_seconds
FROM shared s
JOIN evaluations e USING (evaluation_key)
JOIN runs r USING (run_id)
JOIN served v ON v.training_key = e.training_key
LEFT JOIN trainings t ON t.training_key = e.training_key;
COMMENT ON VIEW setting_costs IS 'What the score of a model in a setting cost: its test and its share of the training. Failed runs are left out.';
COMMENT ON COLUMN setting_costs.setting_key IS 'Setting.';
COMMENT ON COLUMN setting_costs.model_id IS 'Model, proxy or estimated.';
COMMENT ON COLUMN setting_costs.mode IS 'Mode.';
COMMENT ON COLUMN setting_costs.evaluation_key IS 'The evaluation that is counted: the preferred one where there are several.';
COMMENT ON COLUMN setting_costs.device IS 'Device it ran on; NULL for imported scores.';
COMMENT ON COLUMN setting_costs.training_shared_by IS 'Tests that share the training in equal parts.';
COMMENT ON COLUMN setting_costs.evaluation_shared_by IS 'Settings that share the evaluation in equal parts; more than 1 for zero-shot alone.';
COMMENT ON COLUMN setting_costs.train_seconds IS 'Share of the seconds of training; NULL where unknown.';
COMMENT ON COLUMN setting_costs.test_seconds IS 'Share of the seconds of generating or classifying; NULL where unknown.';
COMMENT ON COLUMN setting_costs.seconds IS 'Both; NULL where either is unknown.';
COMMENT ON COLUMN setting_costs.gpu_seconds IS 'Both, seconds times GPUs; 0 on a CPU, NULL where unknown.';

-- The size of a test text, in lines and in tokens of one model: the one that counted its tokens in
-- the most texts of the task. How many tokens it has for a model that did not read it is unknown.
CREATE VIEW test_texts AS
WITH whole AS (
    SELECT e.*, r.model_id, r.mode FROM evaluations e JOIN runs r USING (run_id)
    WHERE e.segment_limit IS NULL
), yardstick AS (
    SELECT task, model_id, mode FROM whole WHERE tokens_in > 0
    GROUP BY task, model_id, mode
    QUALIFY row_number() OVER (
        PARTITION BY task
        ORDER BY count(DISTINCT (source_lang, target_lang, test_corpus)) DESC, model_id, mode
    ) = 1
)
SELECT w.task, w.source_lang, w.target_lang, w.test_corpus, max(w.n_segments) AS lines,
       max(w.tokens_in) FILTER (y.task IS NOT NULL) AS tokens,
       any_value(y.model_id) AS token_model_id
FROM whole w LEFT JOIN yardstick y USING (task, model_id, mode)
GROUP BY w.task, w.source_lang, w.target_lang, w.test_corpus;
COMMENT ON VIEW test_texts IS 'Size of each test text, in lines and in the tokens of one model of the task.';
COMMENT ON COLUMN test_texts.task IS 'mt, intent or slot.';
COMMENT ON COLUMN test_texts.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN test_texts.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN test_texts.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN test_texts.lines IS 'Test lines; NULL where unknown.';
COMMENT ON COLUMN test_texts.tokens IS 'Tokens that this model read in it; NULL where it did not.';
COMMENT ON COLUMN test_texts.token_model_id IS 'The model whose tokens these are.';

CREATE VIEW throughput AS
WITH measured AS (
    SELECT e.*, r.model_id, r.mode, r.device
    FROM evaluations e JOIN runs r USING (run_id)
    WHERE e.wall_seconds IS NOT NULL AND e.n_segments > 0 AND r.device IS NOT NULL
), tests AS ( -- those on the first lines alone are counted too: as that part of the text
    SELECT m.model_id, m.mode, m.task, m.device, count(*) AS evaluations,
           sum(m.n_segments)::BIGINT AS lines, sum(m.wall_seconds) AS seconds,
           sum(m.wall_seconds) FILTER (x.tokens IS NOT NULL)
           / sum(x.tokens * m.n_segments / x.lines) AS seconds_per_token
    FROM measured m LEFT JOIN test_texts x USING (task, source_lang, target_lang, test_corpus)
    GROUP BY ALL
), trained AS ( -- completed runs of a training together: a later one may reuse its weights
    SELECT training_key, arg_max(device, wall_seconds) AS device, any_value(train_size) AS lines,
           sum(wall_seconds) AS seconds
    FROM runs WHERE status = 'completed' AND wall_seconds IS NOT NULL
    GROUP BY training_key
), trainings AS (
    SELECT model_id, mode, task, t.device, count(*) AS trainings, sum(t.lines)::BIGINT AS lines,
           sum(t.seconds) AS seconds
    FROM trained t JOIN (SELECT DISTINCT training_key, model_id, mode, task FROM measured)
         USING (training_key)
    GROUP BY ALL
)
SELECT model_id, mode, task, device, t.trainings, t.lines AS train_lines,
       t.seconds AS train_seconds, t.seconds / t.lines AS seconds_per_train_line,
       e.evaluations, e.lines AS test_lines, e.seconds AS test_seconds,
       e.seconds / e.lines AS seconds_per_test_line, e.seconds_per_token AS seconds_per_test_token
FROM tests e LEFT JOIN trainings t USING (model_id, mode, task, device);
COMMENT ON VIEW throughput IS 'How fast each model trained and answered here, by task and device; limited evaluations are counted too.';
COMMENT ON COLUMN throughput.model_id IS 'Model.';
COMMENT ON COLUMN throughput.mode IS 'Mode.';
COMMENT ON COLUMN throughput.task IS 'mt, intent or slot.';
COMMENT ON COLUMN throughput.device IS 'Device.';
COMMENT ON COLUMN throughput.trainings IS 'Trainings; zero-shot: loads.';
COMMENT ON COLUMN throughput.train_lines IS 'Lines trained on, each once; NULL for zero-shot.';
COMMENT ON COLUMN throughput.train_seconds IS 'Seconds of training; zero-shot: of loading.';
COMMENT ON COLUMN throughput.seconds_per_train_line IS 'Seconds of training a training line, over all epochs.';
COMMENT ON COLUMN throughput.evaluations IS 'Evaluations.';
COMMENT ON COLUMN throughput.test_lines IS 'Test lines answered.';
COMMENT ON COLUMN throughput.test_seconds IS 'Seconds of generating or classifying.';
COMMENT ON COLUMN throughput.seconds_per_test_line IS 'Seconds a test line.';
COMMENT ON COLUMN throughput.seconds_per_test_token IS 'Seconds a token of the test text, counted as in test_texts; NULL where nobody counted.';

-- Extrapolation, for an estimated model that did not run in a setting but ran in others of the task:
-- seconds a training line times its training lines, shared by the settings of its run group, and
-- seconds a token of test text (a line, where tokens were not counted) times its tokens. Where the
-- model ran on several devices: the one that the proxies ran on, else the one it ran on most.
CREATE VIEW cost_ledger AS
WITH costs AS MATERIALIZED (
    SELECT * FROM setting_costs
), estimated AS (
    SELECT DISTINCT model_id, unnest(estimated_modes) AS mode FROM models
), proxy AS (
    SELECT DISTINCT model_id, unnest(proxy_modes) AS mode FROM models
    EXCEPT SELECT model_id, mode FROM estimated
), wanted AS ( -- the rows of the board
    SELECT setting_key, model_id, mode FROM costs SEMI JOIN estimated USING (model_id, mode)
    UNION
    SELECT setting_key, model_id, mode FROM predictions JOIN predictors USING (predictor_id)
), proxies AS ( -- the scores that predictions may use, as proxylm/predictor/inputs.py has it
    SELECT w.setting_key, w.model_id, w.mode, count(*) AS proxies,
           CASE WHEN count(c.seconds) = count(*) THEN sum(c.seconds) END AS seconds,
           CASE WHEN count(c.gpu_seconds) = count(*) THEN sum(c.gpu_seconds) END AS gpu_seconds,
           list_sort(list(DISTINCT c.device)) AS devices
    FROM wanted w JOIN costs c USING (setting_key)
         LEFT JOIN proxy p ON p.model_id = c.model_id AND p.mode = c.mode
    WHERE CASE WHEN c.model_id = w.model_id THEN c.mode = 'zero_shot' AND w.mode <> 'zero_shot'
               ELSE p.model_id IS NOT NULL END
    GROUP BY ALL
), sizes AS (
    SELECT s.*, x.lines, x.tokens,
           count(*) OVER (PARTITION BY s.task, s.run_group) AS same_training,
           count(*) OVER (
               PARTITION BY s.task, s.source_lang, s.target_lang, s.test_corpus
           ) AS same_test
    FROM settings s LEFT JOIN test_texts x USING (task, source_lang, target_lang, test_corpus)
), extrapolated AS (
    SELECT setting_key, model_id, mode, t.device,
           CASE WHEN mode = 'zero_shot' THEN t.train_seconds / t.evaluations / z.same_test
                ELSE t.seconds_per_train_line * z.train_size / z.same_training
           END AS train_seconds,
           coalesce(t.seconds_per_test_token * z.tokens, t.seconds_per_test_line * z.lines)
           / CASE WHEN mode = 'zero_shot' THEN z.same_test ELSE 1 END AS test_seconds
    FROM wanted
    JOIN sizes z USING (setting_key)
    JOIN throughput t USING (model_id, mode, task)
    LEFT JOIN proxies p USING (setting_key, model_id, mode)
    QUALIFY row_number() OVER (
        PARTITION BY setting_key, model_id, mode
        ORDER BY list_contains(p.devices, t.device) DESC NULLS LAST, t.evaluations DESC, t.device
    ) = 1
), priced AS (
    SELECT w.*, coalesce(m.seconds, x.train_seconds + x.test_seconds) AS seconds,
           CASE WHEN m.seconds IS NOT NULL THEN 'measured'
                WHEN x.train_seconds + x.test_seconds IS NOT NULL THEN 'extrapolated'
                ELSE 'unknown' END AS basis,
           CASE WHEN m.seconds IS NOT NULL THEN m.device ELSE x.device END AS device,
           m.gpu_seconds
    FROM wanted w
    LEFT JOIN costs m USING (setting_key, model_id, mode)
    LEFT JOIN extrapolated x USING (setting_key, model_id, mode)
)
SELECT setting_key, e.model_id, e.mode, s.task, s.source_lang, s.target_lang, s.train_corpus,
       s.train_size, s.test_corpus, coalesce(p.proxies, 0)::BIGINT AS proxies,
       p.seconds AS proxy_seconds, p.gpu_seconds AS proxy_gpu_seconds, p.devices AS proxy_devices,
       e.seconds AS estimated_seconds, e.basis AS estimated_basis,
       e.gpu_seconds AS estimated_gpu_seconds, e.device AS estimated_device,
       e.seconds / nullif(p.seconds, 0) AS speed_up
FROM priced e
JOIN settings s USING (setting_key)
LEFT JOIN proxies p USING (setting_key, model_id, mode);
COMMENT ON VIEW cost_ledger IS 'What the proxies of a setting cost, beside what the estimated model''s own evaluation cost or would cost; one row a setting, estimated model and mode of the board. docs/costs.md has the rules.';
COMMENT ON COLUMN cost_ledger.setting_key IS 'Setting.';
COMMENT ON COLUMN cost_ledger.model_id IS 'Estimated model.';
COMMENT ON COLUMN cost_ledger.mode IS 'Mode of the estimated model.';
COMMENT ON COLUMN cost_ledger.task IS 'mt, intent or slot.';
COMMENT ON COLUMN cost_ledger.source_lang IS 'Source language; intent and slot: the language trained on.';
COMMENT ON COLUMN cost_ledger.target_lang IS 'Target language; intent and slot: the language tested on.';
COMMENT ON COLUMN cost_ledger.train_corpus IS 'Training corpus.';
COMMENT ON COLUMN cost_ledger.train_size IS 'Training lines; NULL where the publisher does not tell.';
COMMENT ON COLUMN cost_ledger.test_corpus IS 'Test corpus.';
COMMENT ON COLUMN cost_ledger.proxies IS 'Models whose scores are inputs here; the model''s own zero-shot score counts as one.';
COMMENT ON COLUMN cost_ledger.proxy_seconds IS 'Seconds of all proxies together: tests and shares of the trainings. NULL where one of them is unknown.';
COMMENT ON COLUMN cost_ledger.proxy_gpu_seconds IS 'The same, seconds times GPUs; 0 where all ran on a CPU.';
COMMENT ON COLUMN cost_ledger.proxy_devices IS 'Devices that the proxies ran on.';
COMMENT ON COLUMN cost_ledger.estimated_seconds IS 'Seconds of the estimated model: its test and its share of the training; NULL where unknown.';
COMMENT ON COLUMN cost_ledger.estimated_basis IS 'measured (it ran here), extrapolated (from its throughput in other settings) or unknown.';
COMMENT ON COLUMN cost_ledger.estimated_gpu_seconds IS 'Seconds times GPUs, where measured; 0 on a CPU.';
COMMENT ON COLUMN cost_ledger.estimated_device IS 'Device that it ran on or that the extrapolation is for.';
COMMENT ON COLUMN cost_ledger.speed_up IS 'estimated_seconds / proxy_seconds; NULL where either is unknown. Compares like with like only where the devices are the same.';
