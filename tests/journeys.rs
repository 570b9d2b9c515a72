//! Stories about the whole server, told from outside: a demo CA and `daftar serve` run as processes of their own, and
//! clients speak to them as anybody would. One file a story; each test has an office of its own.

#[path = "journeys/another_module.rs"]
mod another_module;
#[path = "journeys/answer_keys.rs"]
mod answer_keys;
#[path = "journeys/audit_proofs.rs"]
mod audit_proofs;
#[path = "journeys/authority_addresses.rs"]
mod authority_addresses;
#[path = "journeys/authority_away.rs"]
mod authority_away;
#[path = "journeys/authority_lies.rs"]
mod authority_lies;
#[path = "journeys/authority_lint.rs"]
mod authority_lint;
#[path = "journeys/carried_files.rs"]
mod carried_files;
#[path = "journeys/certificates_end.rs"]
mod certificates_end;
#[path = "journeys/clock_stepped.rs"]
mod clock_stepped;
#[path = "journeys/cmc_forwarding.rs"]
mod cmc_forwarding;
#[path = "journeys/cmc_lies.rs"]
mod cmc_lies;
#[path = "journeys/cmp_absent.rs"]
mod cmp_absent;
#[path = "journeys/cmp_algorithms.rs"]
mod cmp_algorithms;
#[path = "journeys/cmp_authorities.rs"]
mod cmp_authorities;
#[path = "journeys/cmp_batching.rs"]
mod cmp_batching;
#[path = "journeys/cmp_confirming.rs"]
mod cmp_confirming;
#[path = "journeys/cmp_delayed.rs"]
mod cmp_delayed;
#[path = "journeys/cmp_enrolling.rs"]
mod cmp_enrolling;
#[path = "journeys/cmp_http.rs"]
mod cmp_http;
#[path = "journeys/cmp_refusing.rs"]
mod cmp_refusing;
#[path = "journeys/cmp_relaying.rs"]
mod cmp_relaying;
#[path = "journeys/cmp_repeating.rs"]
mod cmp_repeating;
#[path = "journeys/cmp_rules_body.rs"]
mod cmp_rules_body;
#[path = "journeys/cmp_rules_enrol.rs"]
mod cmp_rules_enrol;
#[path = "journeys/cmp_rules_header.rs"]
mod cmp_rules_header;
#[path = "journeys/cmp_rules_nested.rs"]
mod cmp_rules_nested;
#[path = "journeys/cmp_rules_protection.rs"]
mod cmp_rules_protection;
#[path = "journeys/cmp_rules_upstream.rs"]
mod cmp_rules_upstream;
#[path = "journeys/cmp_settings.rs"]
mod cmp_settings;
#[path = "journeys/cmp_standing.rs"]
mod cmp_standing;
#[path = "journeys/cmp_support.rs"]
mod cmp_support;
#[path = "journeys/codes.rs"]
mod codes;
#[path = "journeys/console.rs"]
mod console;
#[path = "journeys/console_rights.rs"]
mod console_rights;
#[path = "journeys/est_balanced.rs"]
mod est_balanced;
#[path = "journeys/est_digest.rs"]
mod est_digest;
#[path = "journeys/est_enrolling.rs"]
mod est_enrolling;
#[path = "journeys/est_foreign.rs"]
mod est_foreign;
#[path = "journeys/est_forwarding.rs"]
mod est_forwarding;
#[path = "journeys/est_full_cmc.rs"]
mod est_full_cmc;
#[path = "journeys/est_full_cmc_refusing.rs"]
mod est_full_cmc_refusing;
#[path = "journeys/est_identifying.rs"]
mod est_identifying;
#[path = "journeys/est_linking.rs"]
mod est_linking;
#[path = "journeys/est_refusing.rs"]
mod est_refusing;
#[path = "journeys/est_renewing.rs"]
mod est_renewing;
#[path = "journeys/est_server_key.rs"]
mod est_server_key;
#[path = "journeys/est_wire.rs"]
mod est_wire;
#[path = "journeys/key_life.rs"]
mod key_life;
#[path = "journeys/office/mod.rs"]
mod office;
#[path = "journeys/on_postgres.rs"]
mod on_postgres;
#[path = "journeys/operating.rs"]
mod operating;
#[path = "journeys/requirements/mod.rs"]
mod requirements;
#[expect(dead_code, reason = "the server of the store's tests; not all of it is needed here")]
#[path = "postgres/server.rs"]
mod server;
#[expect(dead_code, reason = "the keys and the PKI of the tests of `certs`; not all of it is needed here")]
#[path = "../certs/tests/outside/software_key.rs"]
mod software_key;
#[path = "journeys/store_faults.rs"]
mod store_faults;
#[path = "journeys/tls_key.rs"]
mod tls_key;
#[path = "journeys/token_away.rs"]
mod token_away;
#[path = "journeys/token_faults.rs"]
mod token_faults;
#[path = "journeys/two_offices.rs"]
mod two_offices;
#[path = "journeys/two_workers.rs"]
mod two_workers;
#[path = "journeys/vetting.rs"]
mod vetting;
#[path = "journeys/waiting.rs"]
mod waiting;
