//! The reference of every key, as a configuration that loads: `daftar help config` prints it.

/// Every key with its meaning and, where there is one, its default.
pub const REFERENCE: &str = r#"# daftar.toml: every key. Relative file names are relative to this file's folder. Unknown keys are errors.

node = "daftar"                  # this node's name in leases and in the audit log (default "daftar")
demo = false                     # true: takes demo certificates, listens on loopback only (default false)
data = "/var/lib/daftar"         # folder of the control socket and of the PIN marker
recovery_certificate = "recovery.pem"  # off-line RSA certificate that every data key is wrapped for, too

[listen]                         # addresses; "off" closes a door
https = "0.0.0.0:8443"           # EST and CMP (default 0.0.0.0:8443)
http = "0.0.0.0:8080"            # CMP (default 0.0.0.0:8080)
balanced = "0.0.0.0:8444"        # EST for a [[balancer]] that ends its clients' TLS and tells of them (default off)
console = "127.0.0.1:9443"       # the officers' pages, where there is [officers] (default 127.0.0.1:9443)
metrics = "127.0.0.1:9090"       # /metrics /livez /readyz (default 127.0.0.1:9090)
certificate_file = "tls.pem"     # server certificate and its chain, PEM; read again at SIGHUP
key_file = "tls.key"             # its private key, PEM, readable by its owner only; or hsm.tls_key
http2 = false                    # true: https also speaks HTTP/2 with who asks for it (default false)
proxy_from = ["192.0.2.0/28"]    # balancers whose connections begin with the PROXY protocol, version 2 (default none)
require_extended_master_secret = true  # of TLS 1.2 clients (default true); strongSwan 5.9 has it not

[listen.limits]                  # defaults shown; read again at SIGHUP
body = 65536                     # octets of a request's body: more is 413
header = 16384                   # octets of a request's head
handshake_seconds = 10
header_seconds = 10
body_seconds = 20
request_seconds = 60             # then 503; the work goes on and a repeat finds its result
send_seconds = 30
idle_seconds = 60
grace_seconds = 20               # for running requests when the server stops
connections = 400                # of a door
connections_per_address = 100

[store]
path = "/var/lib/daftar/daftar.sqlite"  # made when it is not there; or a PostgreSQL server:
# url = "postgres://daftar@db.example/daftar"
# password_file = "db-password"  # readable by its owner only
# anchors = "db-ca.pem"          # what the server's certificate chains to; demands TLS
# connections = 16

[hsm]
module = "/usr/lib/softhsm/libsofthsm2.so"  # PKCS#11 module
token = "daftar"                 # the token's label, or:
# token_serial = "0123456789abcdef"
pin_file = "pin"                 # readable by its owner only, or:
# pin_credential = "daftar-pin"  # a systemd credential
sessions = 2                     # signatures at the same time (default 2)
queue_limit = 256                # signatures that may wait (default 256)
deadline_seconds = 10            # then a signature is given up (default 10)
call_seconds = 2                 # then a call that the token does not answer is given up (default 2)
signing_key = { label = "ra-signing", id = "01" }            # or a pkcs11: URI (RFC 7512)
wrapping_key = "pkcs11:object=ra-wrapping;id=%02"            # AES-256, wraps the data keys
answer_key = { label = "ra-answers", id = "04" }             # signs the answers to requesters; for [answers] (default signing_key)
retiring_answer_key = { label = "ra-answers-1", id = "05" }  # the one before, for exchanges that began under it
package_key = { label = "ra-packages", id = "07" }           # signs the keys that are made for requesters; for [answers] (default answer_key)
checkpoint_key = { label = "ra-log", id = "03" }             # P-256, signs the audit log; for [audit]
# tls_key = { label = "ra-tls", id = "06" }                  # P-256 or P-384, instead of listen.key_file

[audit]                          # without it the log is kept and not signed
origin = "ra.example/log"        # the log's name in its checkpoints; never changes
public_key = "log.pem"           # of checkpoint_key, written by `daftar key generate`: who checks the log needs it
copies = ["/var/lib/daftar/checkpoints"]  # each checkpoint is appended; best where no database administrator can write

[answers]                        # where the answers are not signed with signing_key
certificates = "answers.pem"     # of answer_key: an RA's (id-kp-cmcRA) by one of the CAs below, and what leads there
retiring = "answers-1.pem"       # the same of retiring_answer_key
packages = "packages.pem"        # the same of package_key

[registrar]                      # defaults shown, but for default_profile ("default")
default_profile = "devices"      # for requests without label or /p/PROFILE
activation = "on-load"           # a changed rule set is in force when it is loaded
answer_seconds = 5.0             # then a waiting requester is told to come back
server_key_seconds = 45          # how long a requester of /serverkeygen waits for the CA: nobody comes back for a key
check_after_seconds = 10         # when
come_back_seconds = 1209600      # how long a requester that was told to come back may stay away: then its case lapses
repeat_window_seconds = 900      # a repeated EST request gets the same certificate
queue_limit = 10000              # cases on their way to CAs; more are refused for now
confirm_seconds = 120            # a CMP requester's time for its certConf
information_seconds = 60         # a CA's CRL or root update is given to others, too; 0: asked anew each time
answer_tries = 5                 # unbelievable answers of a CA before an officer must look
requests_per_minute = 120        # of one credential
failures_per_minute = 30         # wrong credentials from one address
iterations_per_minute = 10000000 # of CMP's key derivations for one address

[officers]                       # who works here; without it there is no console
trust = "own"                    # the [trust.NAME] that officers' certificates chain to
hosts = ["ra.example:9443"]      # the console's names, as browsers write them; needed where it is not on a loopback address
utc_offset = "+00:00"            # the office's time ahead of UTC, for its pages: "+03:30" (default "+00:00"); records have UTC
idle_minutes = 15                # without a request a session ends (default 15)
session_hours = 10               # it ends in any case (default 10)
review_days = 92                 # then the officers must be gone through again (default 92)
qualifications = { checker = "CPS course" }  # the course that a job demands (default none)

[officers.alone]                 # ways on which one person alone may get a certificate issued; each stops the start without a reason
"code:devices" = "CPS 4.2.1: codes for devices are handed out by the depot"
"trusted-ra:plant 7:devices" = "CPS 1.3.2: plant 7 vets its devices itself"

[cmp.paths]                      # further places for CMP, for clients that are set to them (default none)
"/pkix/" = {}                    # the default profile
"/ejbca/publicweb/cmp/devices" = { profile = "devices" }

[authority.oil]
kind = "cmp"                     # or "est", "cmc", "file", which have fewer keys
url = "https://ca.oil.example/cmp"
further_urls = []                # further addresses of the same CA with the same records; tried in order when those before give no answer
same_address_seconds = 60        # how long a message that may have arrived is repeated at the same address only
certificates = "oil-chain.pem"   # issuing CA first, up to the root; what is issued must chain to the first
ra_certificate = "ra.pem"        # the RA's certificate, for the key on the token, then its chain
# signer_certificate = "oil-cmp.pem"       # the certificates whose protection is believed; else:
# signer_key_identifier = "00112233…"      # its subject key identifier; else id-kp-cmcCA issued by the CA
# rollover_certificates = "links.pem"      # OldWithOld, OldWithNew, NewWithOld while the root changes, for EST's /cacerts
# tls_roots = "tls-roots.pem"    # for https; default: certificates
nested = false                   # whether it takes messages wrapped in ours (RFC 9483 section 5.2.2.1)
batch_milliseconds = 0           # collects messages that go to the CA together (RFC 9483 section 5.2.2.2); 0: none
batch_limit = 32                 # the most of them
timeout_seconds = 30             # for one answer (default 30)

[trust.manufacturer]             # whose certificates identify a requester; each table is kept apart
anchors = "manufacturer.pem"     # PEM
# intermediates = "below.pem"    # for requesters that do not send them
# crl = "manufacturer.crl"       # DER
crl_required = false             # true: refused when no current list covers it

[trust.own]
anchors = "oil-chain.pem"

[[trusted_ra]]                   # an RA below us, of the CA whose certificates are asked for; none is needed
name = "plant 7"                 # in the log; its certificate must have the extended key usage id-kp-cmcRA
trust = "own"                    # the [trust.NAME] that its certificate is validated with
profiles = ["devices"]           # what it may ask for others: nested messages, raVerified, rr
subject = "CN=plant 7,O=Oil"     # its certificate, known by exactly one of these three
# key_identifier = "00112233…"
# certificate_sha256 = "00112233…"

[[balancer]]                     # who may use listen.balanced; proves itself in the TLS handshake
name = "balancer 1"              # in the log
trust = "own"                    # the [trust.NAME] that its certificate is validated with
subject = "CN=balancer 1,O=Oil"  # its certificate, known by exactly one of these three
# key_identifier = "00112233…"
# certificate_sha256 = "00112233…"

[[key_encryption_key]]           # a secret key that requesters of /serverkeygen may have their keys encrypted with
identifier = "706c616e742037"    # hexadecimal: DecryptKeyIdentifier (RFC 7030 4.4.1.1)
file = "plant-7.key"             # 32 or 64 hexadecimal digits, readable by its owner only
profiles = ["devices"]           # whose keys

[profile.devices]                # its name is the EST label and the CMP path segment
authority = "oil"
forward = "behalf"               # how CMP requests reach the CA: behalf, nested, replace, untouched (docs/configuration.md)
proof = "keep"                   # or "ra-verified": our word instead of the proof of possession, for a CA that cannot check it
original_message = false         # with forward = "replace": its message goes along as it signed it (origPKIMessage)
central_keys = false             # whether the CA may be asked to make the key (RFC 9483 4.1.6); forward = nested or untouched
approval = "automatic"           # or "by-hand" (default): an officer decides
enrol_with = ["code", "manufacturer", "own"]  # for a new certificate: "code" and names of [trust.NAME]
enrol_needs = "one-way"          # or "certificate-and-code": a new certificate needs both, over EST; CMP cannot show both (default shown)
renew_with = ["own"]             # whose certificates may be renewed and revoked here
renewal_key = "any"              # what a renewal does with its key: any, new, same (default any)
renew_expired_days = 0           # how long after its end a certificate may be renewed over EST (default 0: not at all)
alternative_names = ["dns", "ip"]      # kinds that may be asked for: dns, ip, email, uri (default none)
required_alternative_names = []  # kinds of which at least one must be asked for, each
dns_suffixes = []                # every dNSName must be below one of these; empty: any
dns_wildcards = false
key_usage = ["digitalSignature", "keyEncipherment", "keyAgreement"]  # at most (default shown)
extended_key_usage = ["1.3.6.1.5.5.7.3.2"]     # at most, asked for or given, dotted (default none)
other_extensions = []            # further extensions that may be asked for, dotted
lint_allow = []                  # rules of RFC 5280 that its CA may break, by name (docs/operating.md); default: none
validity_days = 397              # the longest validity asked for or given (default 397)
same_key = false                 # whether a key may stand in several valid certificates
implicit_confirm = true          # whether CMP's implicitConfirm is granted (default true)

# what proofs of possession and CMP messages may be signed with (default shown, all there are)
signatures = ["RSA", "RSASSA-PSS", "ECDSA", "Ed25519", "ML-DSA"]

[profile.devices.est]            # defaults shown
channel_binding = "optional"     # "required": requests must be linked to their TLS connection (RFC 7030 3.5); a link that is there is always checked
challenge_password = "binding"   # what a challengePassword is: "binding", or "enrolment-code": REFERENCE:SECRET of a one-time code
http_schemes = "basic"           # or "digest" (SHA-256, RFC 7616), "basic-and-digest": how a code is shown over HTTP
otp_challenge = "refuse"         # an otpChallenge (RFC 7894): "refuse", or "enrolment-code" likewise
full_cmc = false                 # whether /fullcmc is served: CMC, RFC 10002 (RFC 7030 4.3)
# server_key = "RSA-3072"        # /serverkeygen: keys are made here, of this kind; key_usage must allow no signature (default: none are)
server_key_encryption = "optional"  # "required": such a key is sent encrypted only
renew_for_others = false         # whether a [[trusted_ra]] may renew for others over EST: the newest in use with the request's names
change_subject_name = false      # whether a renewal may ask for other names (ChangeSubjectName, RFC 7030 4.2.2)
revocation_challenge = "refuse"  # a revocationChallenge (RFC 7894): "refuse", or "ignore": it is left unread

[profile.devices.cmp]            # defaults shown
mac_sha1 = true                  # SHA-1 inside a MAC, where it is not broken: openssl cmp sends it
pbm_iterations = 10000           # at most, in PasswordBasedMac; 100 to 1000000
pbmac1_iterations = 100000       # at most, in PBMAC1; 1000 to 1000000
message_time_seconds = 300       # how far messageTime may be off; 1 to 86400
message_time_required = false    # true: a message without it is refused
confirm_seconds = 120            # for the certConf (default registrar.confirm_seconds)
extra_certs = "chain"            # or "protection": nothing more; "chain-with-root": the root, too
ca_pubs = false                  # true: an ip brings the CA's root in caPubs

[profile.devices.key]
kinds = ["P-256", "P-384", "P-521", "RSA"]     # also Ed25519, ML-DSA-44, -65, -87 (default shown)
rsa_min_bits = 2048
rsa_max_bits = 4096

[profile.devices.subject]
required = ["CN"]                # short names or dotted
allowed = ["O", "OU", "C", "serialNumber"]
fixed = {}                       # e.g. { O = "Oil Company" }
may_be_empty = false             # an empty subject with an alternative name
names = { code = "profile", manufacturer = "serial-number" }  # by "code" and names of [trust.NAME]; see below
# "credential" (default): only the names of the requester's own certificate, of the code, or else the code's reference
# "serial-number": a subject with the serialNumber of the requester's certificate
# "profile": whatever this profile allows; never for the tables in renew_with

[profile.devices.clauses]        # the clause of your CP/CPS behind a rule, shown in refusals
key_size = "CPS 6.1.5"

[expiry]                         # days before the end of a certificate that the server lives by (defaults shown; less where it is short-lived)
notice_days = 60
warning_days = 30
critical_days = 7

[log]
json = false                     # one JSON object a line
filter = "info,certval=warn"     # as in RUST_LOG (default shown)
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Puts an unknown key into every table; serde answers with the keys that it knows there.
    fn known(table: &mut toml::Table, whole: &dyn Fn(&toml::Table) -> String, found: &mut Vec<Vec<String>>) {
        table.insert(UNKNOWN.to_owned(), toml::Value::Integer(0));
        let fault = toml::from_str::<Config>(&whole(table)).map(drop).unwrap_err().message().to_owned();
        table.remove(UNKNOWN);
        // Tables with free keys, such as [profile], complain of the value instead.
        if let Some((_, keys)) = fault.split_once(&format!("unknown field `{UNKNOWN}`, expected ")) {
            found.push(keys.split('`').skip(1).step_by(2).map(str::to_owned).collect());
        }
        for name in table.keys().cloned().collect::<Vec<_>>() {
            let Some(inner) = table.get(&name).and_then(toml::Value::as_table).cloned() else { continue };
            let outer = table.clone();
            let whole = |inner: &toml::Table| {
                let mut table = outer.clone();
                table.insert(name.clone(), inner.clone().into());
                whole(&table)
            };
            known(&mut inner.clone(), &whole, found);
        }
    }

    #[test]
    fn every_key_that_is_understood_is_listed() {
        let mut found = Vec::new();
        known(&mut REFERENCE.parse().unwrap(), &|table| toml::to_string(table).unwrap(), &mut found);
        assert!(found.len() >= 12, "{found:?}");
        let listed = |key: &str| {
            REFERENCE.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                let named = line.strip_prefix('[').and_then(|line| line.trim_start_matches('[').split(']').next());
                let named = named.unwrap_or_default();
                line.starts_with(&format!("{key} ="))
                    || line.contains(&format!("{{ {key} ="))
                    || line.contains(&format!(", {key} ="))
                    || named.split('.').any(|part| part == key)
            })
        };
        let missing: Vec<&String> = found.iter().flatten().filter(|key| !listed(key)).collect();
        assert!(missing.is_empty(), "daftar help config does not tell of {missing:?}");
    }

    const UNKNOWN: &str = "zzz";
}
