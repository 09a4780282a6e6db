-- 0003: signed checkpoints of the audit trail. body: canonical JSON, exactly the bytes that were signed.

-- Every key that signs or signed; signature: of the key before, and of the key itself.
CREATE TABLE audit_keys (
    number INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    introduced_at TEXT NOT NULL,
    body TEXT NOT NULL,
    signature TEXT NOT NULL
);

-- taken_ms: by the clock of the database. whole: it names the heads of all chains.
CREATE TABLE audit_checkpoints (
    seq INTEGER NOT NULL PRIMARY KEY,
    taken_at TEXT NOT NULL,
    taken_ms INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    whole INTEGER NOT NULL,
    body TEXT NOT NULL,
    signature TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_checkpoints_whole ON audit_checkpoints (seq) WHERE whole = 1;
