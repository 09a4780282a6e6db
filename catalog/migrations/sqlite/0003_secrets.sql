-- 0003: sealed secrets, version by version. What opens them is not in the store.

CREATE TABLE secrets (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed TEXT NOT NULL,
    created_at TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (kind, id, version)
);
