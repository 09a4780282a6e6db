-- 0002: which nodes are alive. A lease is kept by the clock of the database: nodes may disagree about the time.

CREATE TABLE node_leases (
    node TEXT NOT NULL PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);
