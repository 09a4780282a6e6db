-- 0003: signed checkpoints of the audit trail. body: canonical JSON, exactly the bytes that were signed.

-- Every key that signs or signed; signature: of the key before, and of the key itself.
CREATE TABLE audit_keys (
    number BIGINT NOT NULL PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    introduced_at TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    signature TEXT NOT NULL
);

-- taken_ms: by the clock of the database. whole: it names the heads of all chains.
CREATE TABLE audit_checkpoints (
    seq BIGINT NOT NULL PRIMARY KEY,
    taken_at TEXT COLLATE "C" NOT NULL,
    taken_ms BIGINT NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    whole BIGINT NOT NULL,
    body TEXT NOT NULL,
    signature TEXT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_checkpoints_whole ON audit_checkpoints (seq) WHERE whole = 1;
