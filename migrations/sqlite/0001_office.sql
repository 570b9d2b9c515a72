-- What the office remembers. Identifiers are 16 octets, nearly all of them beginning with their moment (src/case/id.rs), so that
-- what is new stands side by side in every index. Times are UTC milliseconds since 1970, hashes are SHA-256.
-- `seq` is the order of arrival; nothing outside this database refers to it. No row is ever deleted, but for leases.
-- Indexes cost every enrolment: each names the look-up it serves.

CREATE TABLE case_record (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    kind         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    open         INTEGER NOT NULL,              -- 1 where the state has no end (State::is_open)
    door         TEXT    NOT NULL,
    profile      TEXT    NOT NULL,
    credential   TEXT    NOT NULL,
    requester    TEXT    NOT NULL,
    join_key     BLOB,
    about        BLOB    REFERENCES certificate (id),
    rule_set     BLOB    NOT NULL,
    reason_code  TEXT,
    reason_text  TEXT,
    created_at   INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    subject_text TEXT    NOT NULL,
    key_print    BLOB,
    public_key   BLOB,
    subject      BLOB,
    alt_names    BLOB,
    form         TEXT    NOT NULL,
    request      BLOB    NOT NULL
) STRICT;
-- At most one open case with a join key; small, as most cases end within a second.
CREATE UNIQUE INDEX case_open_join ON case_record (join_key) WHERE open = 1;
-- A repeated request after the end of its case.
CREATE INDEX case_join ON case_record (join_key) WHERE join_key IS NOT NULL;
-- Work lists.
CREATE INDEX case_open_state ON case_record (state) WHERE open = 1;

CREATE TABLE decision (
    seq      INTEGER PRIMARY KEY,
    case_id  BLOB    NOT NULL REFERENCES case_record (id),
    actor    TEXT    NOT NULL,
    facts    TEXT    NOT NULL,
    findings TEXT    NOT NULL,
    verdict  TEXT    NOT NULL,
    rule_set BLOB    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX decision_case ON decision (case_id);

CREATE TABLE exchange (
    seq            INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL UNIQUE,
    door           TEXT    NOT NULL,
    key            BLOB    NOT NULL UNIQUE,     -- never purged: a transactionID is used once
    credential     TEXT    NOT NULL,
    family         TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    case_id        BLOB    REFERENCES case_record (id),
    transaction_id BLOB,
    our_nonce      BLOB,
    body           INTEGER,
    implicit       INTEGER NOT NULL,
    deadline       INTEGER,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX exchange_case ON exchange (case_id) WHERE case_id IS NOT NULL;
-- A later message that brings no certificate: whose transaction it is.
CREATE INDEX exchange_transaction ON exchange (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX exchange_deadline ON exchange (deadline) WHERE deadline IS NOT NULL;

CREATE TABLE submission (
    seq            INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL UNIQUE,
    case_id        BLOB    NOT NULL REFERENCES case_record (id),
    authority      TEXT    NOT NULL,
    transaction_id BLOB    NOT NULL,
    implicit       INTEGER NOT NULL,
    state          TEXT    NOT NULL,
    step           TEXT    NOT NULL,
    owner          TEXT,
    lease_until    INTEGER,
    next_attempt   INTEGER,
    deadline       INTEGER,
    attempts       INTEGER NOT NULL,            -- since the newest outgoing message was recorded
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX submission_case ON submission (case_id);
CREATE INDEX submission_due ON submission (next_attempt) WHERE state IN ('due', 'polling');
CREATE INDEX submission_deadline ON submission (deadline) WHERE state = 'awaiting_confirmation';

-- Both sides' messages with their exact octets. Messages have no index of their own on `id`: they are found by their exchange
-- or submission.
CREATE TABLE message (
    seq            INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL,
    leg            TEXT    NOT NULL,
    exchange_id    BLOB    REFERENCES exchange (id),
    submission_id  BLOB    REFERENCES submission (id),
    answers        BLOB,
    transaction_id BLOB,
    hash           BLOB    NOT NULL,            -- SHA-256 of the octets
    at             INTEGER NOT NULL,
    octets         BLOB    NOT NULL
) STRICT;
-- A byte-identical request is the same request.
CREATE UNIQUE INDEX message_request ON message (exchange_id, hash) WHERE leg = 'request' AND exchange_id IS NOT NULL;
CREATE INDEX message_reply ON message (exchange_id) WHERE leg = 'reply' AND exchange_id IS NOT NULL;
CREATE INDEX message_submission ON message (submission_id) WHERE submission_id IS NOT NULL;

CREATE TABLE certificate (
    seq        INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL UNIQUE,
    case_id    BLOB    NOT NULL REFERENCES case_record (id),
    profile    TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    status_at  INTEGER NOT NULL,
    not_after  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    key_print  BLOB    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    issuer     BLOB    NOT NULL,                -- canonical form
    serial     BLOB    NOT NULL,
    subject    BLOB    NOT NULL,                -- canonical form
    der        BLOB    NOT NULL,
    UNIQUE (serial, issuer)
) STRICT;
CREATE INDEX certificate_case ON certificate (case_id);
CREATE INDEX certificate_key ON certificate (key_print);
-- A registrar renews for others: their certificates by name.
CREATE INDEX certificate_subject ON certificate (subject);

-- Enrolment codes. The secret stands under AES-256-GCM with a data key; `lookup` is an HMAC of the reference.
CREATE TABLE code (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    lookup       BLOB    NOT NULL UNIQUE,
    reference    TEXT    NOT NULL,
    data_key     INTEGER NOT NULL,
    secret       BLOB    NOT NULL,
    profile      TEXT    NOT NULL,
    uses         INTEGER,                       -- NULL: any number
    used         INTEGER NOT NULL,
    bound_case   BLOB    REFERENCES case_record (id),
    tries        INTEGER NOT NULL,
    names        TEXT,
    expires_at   INTEGER,
    withdrawn_at INTEGER,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE data_key (
    id         INTEGER NOT NULL,
    wrapped_by TEXT    NOT NULL,
    blob       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (id, wrapped_by)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_set (
    hash         BLOB    PRIMARY KEY NOT NULL,
    text         TEXT    NOT NULL,
    state        TEXT    NOT NULL,              -- proposed, active, retired
    proposed_at  INTEGER NOT NULL,
    activated_at INTEGER,
    actor        TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX rule_set_active ON rule_set (state) WHERE state = 'active';

-- The audit log. `number` is the leaf's index in the tree; NULL until the sequencer comes.
CREATE TABLE leaf (
    seq       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    number    INTEGER,
    hash      BLOB    NOT NULL,
    canonical BLOB    NOT NULL
) STRICT;
CREATE INDEX leaf_unnumbered ON leaf (at, id) WHERE number IS NULL;
CREATE UNIQUE INDEX leaf_number ON leaf (number) WHERE number IS NOT NULL;

-- What stands behind a commitment in a leaf; may be destroyed, and the log still verifies.
CREATE TABLE leaf_detail (
    leaf_id  BLOB    NOT NULL,
    position INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    salt     BLOB    NOT NULL,
    value    TEXT    NOT NULL,
    PRIMARY KEY (leaf_id, position)
) STRICT, WITHOUT ROWID;

-- The complete subtrees above the leaves, so that a proof reads a few rows.
CREATE TABLE tree_node (
    level    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    name  TEXT    PRIMARY KEY NOT NULL,
    owner TEXT    NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts about the office that stand in the schema.
CREATE TABLE office (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO office (key, value) VALUES ('leaf_version', '1');
