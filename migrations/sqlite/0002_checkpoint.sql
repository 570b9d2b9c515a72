-- The newest signed checkpoint of the audit log (C2SP tlog-checkpoint). Earlier ones stand where the office keeps copies; each of
-- them can be checked against the tree.
CREATE TABLE checkpoint (
    one  INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    size INTEGER NOT NULL,
    root BLOB    NOT NULL,
    at   INTEGER NOT NULL,
    note TEXT    NOT NULL
) STRICT;
