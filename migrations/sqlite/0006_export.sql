-- What was written for CAs that people carry files to. One that is asked for again is the same, octet for octet.
CREATE TABLE export (
    seq       INTEGER PRIMARY KEY,
    authority TEXT    NOT NULL,
    number    INTEGER NOT NULL,                 -- from 1, without gaps
    manifest  BLOB    NOT NULL,
    signature BLOB    NOT NULL,                 -- of the RA key, over the manifest
    made_at   INTEGER NOT NULL,
    UNIQUE (authority, number)
) STRICT;

CREATE TABLE export_file (
    seq       INTEGER PRIMARY KEY,
    authority TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    name      TEXT    NOT NULL UNIQUE,
    octets    BLOB    NOT NULL,
    FOREIGN KEY (authority, number) REFERENCES export (authority, number)
) STRICT;
CREATE INDEX export_file_export ON export_file (authority, number);

-- In which export a message went, by its SHA-256: in one.
CREATE TABLE export_message (
    hash      BLOB    PRIMARY KEY NOT NULL,
    authority TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    FOREIGN KEY (authority, number) REFERENCES export (authority, number)
) STRICT, WITHOUT ROWID;

-- Answers find their submissions.
CREATE INDEX submission_transaction ON submission (authority, transaction_id);
