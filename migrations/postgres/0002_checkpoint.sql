-- The newest signed checkpoint of the audit log (C2SP tlog-checkpoint). Earlier ones stand where the office keeps copies; each of
-- them can be checked against the tree.
CREATE TABLE checkpoint (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    size BIGINT NOT NULL,
    root BYTEA  NOT NULL,
    at   BIGINT NOT NULL,
    note TEXT   NOT NULL
);
