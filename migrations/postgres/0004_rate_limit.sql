-- How much of its limits each requester and address has used up, at all nodes together: until when, in nanoseconds of the server's clock, what
-- it drew is paid for. Nothing is lost with it but that, so it is not written to the log of the server: a crash forgives, as a node's restart does.
CREATE UNLOGGED TABLE rate_limit (
    name  TEXT   PRIMARY KEY,
    until BIGINT NOT NULL
);
