-- What the sources of the catalogue were asked, and what they propose to add.

CREATE TABLE fetches (
    fetch_id     VARCHAR PRIMARY KEY,
    source       VARCHAR NOT NULL,
    url          VARCHAR NOT NULL,
    started_at   TIMESTAMP NOT NULL,
    status       VARCHAR NOT NULL,
    http_status  BIGINT,
    etag         VARCHAR,
    next_url     VARCHAR,
    retries      BIGINT NOT NULL,
    n_found      BIGINT NOT NULL,
    error        VARCHAR
);
COMMENT ON TABLE fetches IS 'Requests to the sources of the catalogue, one row an address and run, failed ones too.';
COMMENT ON COLUMN fetches.fetch_id IS 'Hash of source, address and time.';
COMMENT ON COLUMN fetches.source IS 'Name of the source in catalogue/policy.yaml.';
COMMENT ON COLUMN fetches.url IS 'Address asked. Tokens are never in it.';
COMMENT ON COLUMN fetches.started_at IS 'When the request began, UTC.';
COMMENT ON COLUMN fetches.status IS 'fetched, unchanged (the source says that nothing is new) or failed.';
COMMENT ON COLUMN fetches.http_status IS 'Status of the last answer; NULL where none came.';
COMMENT ON COLUMN fetches.etag IS 'The source''s name for this state of the page, sent along the next time.';
COMMENT ON COLUMN fetches.next_url IS 'The page that follows; NULL at the last.';
COMMENT ON COLUMN fetches.retries IS 'Tries after the first one.';
COMMENT ON COLUMN fetches.n_found IS 'Models and languages on the page, known ones too; of an unchanged page as before.';
COMMENT ON COLUMN fetches.error IS 'Why it failed, and the way on.';

CREATE TABLE proposals (
    what         VARCHAR NOT NULL,
    id           VARCHAR NOT NULL,
    revision     VARCHAR NOT NULL,
    source       VARCHAR NOT NULL,
    facts        VARCHAR NOT NULL,
    status       VARCHAR NOT NULL,
    decided_by   VARCHAR,
    reason       VARCHAR NOT NULL,
    proposed_at  TIMESTAMP NOT NULL,
    decided_at   TIMESTAMP,
    PRIMARY KEY (what, id, revision)
);
COMMENT ON TABLE proposals IS 'Additions to the catalogue that its sources propose. The catalogue itself is catalogue/*.yaml.';
COMMENT ON COLUMN proposals.what IS 'model, language (a part of a corpus), revision (another commit of a model of the catalogue) or unusable (an entry that is none of these).';
COMMENT ON COLUMN proposals.id IS 'Name on the hub or in the feed; for a language corpus:language.';
COMMENT ON COLUMN proposals.revision IS 'Commit of the model or data set.';
COMMENT ON COLUMN proposals.source IS 'Name of the source in catalogue/policy.yaml.';
COMMENT ON COLUMN proposals.facts IS 'What the source says, JSON. Text from outside: escape it where it is shown.';
COMMENT ON COLUMN proposals.status IS 'proposed, admitted or rejected.';
COMMENT ON COLUMN proposals.decided_by IS 'policy or person; NULL while it is proposed.';
COMMENT ON COLUMN proposals.reason IS 'Why it was admitted or rejected, or what keeps the policy from admitting it.';
COMMENT ON COLUMN proposals.proposed_at IS 'When it was first seen, UTC.';
COMMENT ON COLUMN proposals.decided_at IS 'When it was admitted or rejected, UTC.';
