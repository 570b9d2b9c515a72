-- How far each nonce of HTTP Digest was counted (RFC 7616 section 3.4), so that no node takes a count that another took. The first
-- octets of a nonce are its moment; it is good for minutes, and what has run out is deleted.
CREATE TABLE digest_nonce (
    nonce BYTEA  PRIMARY KEY,
    count BIGINT NOT NULL
);
