-- What the checks found in the texts of the corpora. Checks can be repeated, so a text's findings are replaced whole.

CREATE TABLE corpus_findings (
    corpus_id    VARCHAR NOT NULL,
    source_lang  VARCHAR NOT NULL,
    target_lang  VARCHAR NOT NULL,
    fingerprint  VARCHAR NOT NULL,
    level        VARCHAR NOT NULL,
    finding      VARCHAR NOT NULL,
    message      VARCHAR NOT NULL,
    n_rows       BIGINT NOT NULL,
    places       VARCHAR[] NOT NULL,
    examples     VARCHAR[] NOT NULL,
    way_on       VARCHAR NOT NULL
);
COMMENT ON TABLE corpus_findings IS 'What the checks found in a text that is trained or tested on, one row a finding. docs/corpora.md lists the checks.';
COMMENT ON COLUMN corpus_findings.corpus_id IS 'Name of the corpus.';
COMMENT ON COLUMN corpus_findings.source_lang IS 'Language of the text.';
COMMENT ON COLUMN corpus_findings.target_lang IS 'mt: language translated into; else the same.';
COMMENT ON COLUMN corpus_findings.fingerprint IS 'Fingerprint of the text that was checked.';
COMMENT ON COLUMN corpus_findings.level IS 'error (add-corpus refuses such a text), warning or note.';
COMMENT ON COLUMN corpus_findings.finding IS 'Name of the check, for example contamination. Every checked text has a size.';
COMMENT ON COLUMN corpus_findings.message IS 'What was found, with its numbers.';
COMMENT ON COLUMN corpus_findings.n_rows IS 'How many rows it concerns.';
COMMENT ON COLUMN corpus_findings.places IS 'The first of them: part and number.';
COMMENT ON COLUMN corpus_findings.examples IS 'Beginnings of their texts, escaped.';
COMMENT ON COLUMN corpus_findings.way_on IS 'What to do about it.';
