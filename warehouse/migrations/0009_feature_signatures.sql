-- What the computed features of a setting rest on. Derived: the stage `features` writes them.

CREATE TABLE feature_signatures (
    setting_key  VARCHAR NOT NULL,
    feature_set  VARCHAR NOT NULL,
    signature    VARCHAR NOT NULL,
    PRIMARY KEY (setting_key, feature_set)
);
COMMENT ON TABLE feature_signatures IS 'What could change the computed features of a setting; another signature means that they are computed again. Imported sets have none. docs/features.md explains the parts.';
COMMENT ON COLUMN feature_signatures.setting_key IS 'Setting.';
COMMENT ON COLUMN feature_signatures.feature_set IS 'Feature set that was computed.';
COMMENT ON COLUMN feature_signatures.signature IS 'Definitions and versions, language data, encoder and tokenisers, then the fingerprint of each text.';

COMMENT ON COLUMN features.feature_set IS 'plm-2 (computed here), proxylm-2024 (published, or computed as published), or facts-1 (facts about the languages, beside either).';
