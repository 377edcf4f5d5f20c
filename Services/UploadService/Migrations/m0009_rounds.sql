-- Work that comes round: when it was last brought to its end, whichever process did it.
CREATE TABLE rounds (
    name        text        PRIMARY KEY,
    -- Counts from here as long as none was.
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    -- Why the last one did not come to its end; NULL when it did.
    failure     text,
    -- The pause after it is longer by this, so that several deployments do not all begin at once.
    jitter      interval    NOT NULL DEFAULT '0'
);
INSERT INTO rounds (name) VALUES ('scheduler'), ('canary'), ('safe-mode-survey');
