-- The people of the office. What a certificate says of its holder is not believed: it is known by its SHA-256, which one officer at a time
-- may have. No row is ever deleted, but for sessions.
CREATE TABLE officer (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    jobs         TEXT    NOT NULL,              -- names, a blank between them
    certificate  BLOB    NOT NULL,
    subject      TEXT    NOT NULL,              -- of the certificate, to be read by people
    state        TEXT    NOT NULL,
    proposed_by  BLOB    REFERENCES officer (id), -- none of the first ones
    proposed_at  INTEGER NOT NULL,
    confirmed_by BLOB    REFERENCES officer (id),
    confirmed_at INTEGER,
    disabled_by  BLOB    REFERENCES officer (id),
    disabled_at  INTEGER,
    seen_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX officer_certificate ON officer (certificate) WHERE state <> 'disabled';

-- What an officer has learned.
CREATE TABLE qualification (
    seq         INTEGER PRIMARY KEY,
    officer     BLOB    NOT NULL REFERENCES officer (id),
    course      TEXT    NOT NULL,
    passed_at   INTEGER NOT NULL,
    valid_until INTEGER
) STRICT;
CREATE INDEX qualification_officer ON qualification (officer);

-- That all officers were gone through.
CREATE TABLE officer_review (
    seq      INTEGER PRIMARY KEY,
    officer  BLOB    NOT NULL REFERENCES officer (id),
    at       INTEGER NOT NULL,
    officers INTEGER NOT NULL                   -- how many were at work
) STRICT;

-- Who is logged in. Of the token only its SHA-256 is here.
CREATE TABLE session (
    token    BLOB    PRIMARY KEY NOT NULL,
    officer  BLOB    NOT NULL REFERENCES officer (id),
    began_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
