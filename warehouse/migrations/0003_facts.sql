-- Public facts about languages and models. They come with the code and are replaced whole.

ALTER TABLE model_languages ADD COLUMN licence VARCHAR;
COMMENT ON TABLE model_languages IS 'Languages that a model knows, as far as a source says so. A model without any row is unknown, not without languages.';
COMMENT ON COLUMN model_languages.relation IS 'pre_training (it was trained on the language) or official (its makers name the language).';
COMMENT ON COLUMN model_languages.source IS 'Who says so.';
COMMENT ON COLUMN model_languages.licence IS 'Licence of the source.';

CREATE TABLE language_facts (
    language  VARCHAR NOT NULL,
    fact      VARCHAR NOT NULL,
    value     DOUBLE,
    label     VARCHAR,
    imputed   BOOLEAN NOT NULL,
    reason    VARCHAR,
    source    VARCHAR NOT NULL,
    licence   VARCHAR NOT NULL,
    PRIMARY KEY (language, fact)
);
COMMENT ON TABLE language_facts IS 'Public facts about languages, one row a language and fact. docs/facts.md has the rules.';
COMMENT ON COLUMN language_facts.language IS 'Language code.';
COMMENT ON COLUMN language_facts.fact IS 'latin_script, family, log_speakers, log_web_share or resource_level.';
COMMENT ON COLUMN language_facts.value IS 'The number that predictors get; NULL where there is none.';
COMMENT ON COLUMN language_facts.label IS 'The fact in words: script, family, speakers, percent of web pages, name of the level; NULL where unknown.';
COMMENT ON COLUMN language_facts.imputed IS 'The value is not the language''s own.';
COMMENT ON COLUMN language_facts.reason IS 'Whose value stands in, or why there is none.';
COMMENT ON COLUMN language_facts.source IS 'Where the fact is from, with its version.';
COMMENT ON COLUMN language_facts.licence IS 'Licence of the source.';

COMMENT ON COLUMN features.feature_set IS 'proxylm-2024 (published), plm-1 (computed here), or facts-1 (facts about the languages, beside either).';
COMMENT ON COLUMN features.name IS 'Name of the feature, of the dataset features as in the ProxyLM paper.';

CREATE VIEW feature_coverage AS
WITH feature_names AS (
    SELECT feature_set, name, count(*) AS present, count_if(imputed)::BIGINT AS imputed
    FROM features GROUP BY ALL
), set_sizes AS (
    SELECT feature_set, count(DISTINCT setting_key) AS settings FROM features GROUP BY ALL
)
SELECT feature_set, name, present, imputed, settings - present AS absent
FROM feature_names JOIN set_sizes USING (feature_set);
COMMENT ON VIEW feature_coverage IS 'How many settings have a feature, and for how many its value only stands in; one row a feature.';
COMMENT ON COLUMN feature_coverage.feature_set IS 'Feature set.';
COMMENT ON COLUMN feature_coverage.name IS 'Name of the feature.';
COMMENT ON COLUMN feature_coverage.present IS 'Settings that have it.';
COMMENT ON COLUMN feature_coverage.imputed IS 'Of these, settings where the value is imputed.';
COMMENT ON COLUMN feature_coverage.absent IS 'Settings that have other features of the set but not this one.';
