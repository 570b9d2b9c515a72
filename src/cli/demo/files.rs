//! What the demo writes: its configuration, `demo.env`, and the words on the screen.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use demo_ca::pki::Part;
use serde_json::Value;

use super::office::{pki_file, pki_key};
use super::staff::{PASSWORD, REGISTRAR_OFFICER, STAFF, file_of};
use super::{Failed, Ports};

/// The demo's daftar.toml.
pub(super) fn configuration(ports: Ports, profiles: &[String]) -> String {
    let Ports { https, http, console, metrics, authority } = ports;
    let module = MODULES.iter().find(|path| Path::new(path).exists()).unwrap_or(&MODULES[0]);
    let wanted = |name: &str| profiles.is_empty() || profiles.iter().any(|profile| profile == name);
    let mut text = format!(
        r#"# A throw-away office made by `daftar demo`. `daftar help config` explains every key.
demo = true
data = "data"
recovery_certificate = "pki/recovery.pem"

[listen]
https = "127.0.0.1:{https}"
http = "127.0.0.1:{http}"
console = "127.0.0.1:{console}"
metrics = "127.0.0.1:{metrics}"
certificate_file = "pki/tls.pem"
key_file = "pki/tls.key"
# So that strongSwan 5.9 can be tried, too.
require_extended_master_secret = false

[store]
path = "data/daftar.sqlite"

[hsm]
module = "{module}"
token = "daftar-demo"
pin_file = "pin"
signing_key = {{ label = "demo-ra-signing", id = "01" }}
wrapping_key = {{ label = "demo-ra-wrapping", id = "02" }}
checkpoint_key = {{ label = "demo-ra-log", id = "03" }}

[audit]
origin = "demo.invalid/log"
public_key = "pki/log.pem"
copies = ["data/checkpoints"]

[registrar]
default_profile = "default"
answer_seconds = 5.0
check_after_seconds = 2
confirm_seconds = 120
requests_per_minute = 6000
failures_per_minute = 60
iterations_per_minute = 1000000000

[authority.demo]
kind = "cmp"
url = "http://127.0.0.1:{authority}/cmp"
certificates = "pki/chain.pem"
ra_certificate = "pki/ra.pem"
nested = true
timeout_seconds = 20

[trust.manufacturer]
anchors = "pki/manufacturer.pem"

[trust.own]
anchors = "pki/root.pem"
intermediates = "pki/issuing.pem"
"#
    );
    let forwards: Vec<&str> = ["nested", "replace", "untouched"].into_iter().filter(|name| wanted(name)).collect();
    let served: Vec<&str> = ["default"].into_iter().chain(forwards.iter().copied()).collect();
    let strict = wanted("strict").then_some("strict");
    let by_code = served.iter().copied().chain(strict).map(|profile| format!("code:{profile}"));
    let by_other = served.iter().map(|profile| format!("trusted-ra:{OTHER_RA}:{profile}"));
    let alone = by_code.chain(by_other).map(|path| format!("{path:?} = \"a demo: nothing of it is for production\"\n"));
    text.push_str(OFFICERS_TABLE);
    text.extend(alone);
    text.push_str(DEFAULT_PROFILE);
    for forward in forwards {
        text.push_str(
            &DEFAULT_PROFILE
                .replace("[profile.default]", &format!("[profile.{forward}]"))
                .replace("approval = ", &format!("forward = \"{forward}\"\napproval = ")),
        );
    }
    text.push_str(TRUSTED_RA);
    text.push_str(&toml::Value::from(served).to_string());
    if wanted("by-hand") {
        text.push_str(BY_HAND_PROFILE);
    }
    if wanted("strict") {
        text.push_str(STRICT_PROFILE);
    }
    text
}

/// Shell lines that a test or a person sources; written last, by rename (DESIGN 3).
pub(super) fn write_env(dir: &Path, ports: Ports, code: &Value) -> Result<(), Failed> {
    let field = |name: &str| code.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Ports { https, http, console, metrics, authority } = ports;
    let file = |part| pki_file(dir, part).display().to_string();
    let key = |part| pki_key(dir, part).display().to_string();
    let own = |name: &str| dir.join(name).display().to_string();
    let lines = [
        ("EST_URL", format!("https://127.0.0.1:{https}/.well-known/est")),
        ("CMP_URL", format!("http://127.0.0.1:{http}/.well-known/cmp")),
        ("CMPS_URL", format!("https://127.0.0.1:{https}/.well-known/cmp")),
        ("CONSOLE_URL", format!("https://localhost:{console}")),
        ("METRICS_URL", format!("http://127.0.0.1:{metrics}/metrics")),
        ("HEALTH_URL", format!("http://127.0.0.1:{metrics}")),
        ("TLS_CA", file(Part::Root)),
        ("ROOT_CA", file(Part::Root)),
        ("ISSUING_CHAIN", file(Part::Issuing)),
        ("RA_CERT", file(Part::Ra)),
        ("EST_USER", field("reference")),
        ("EST_PASSWORD", field("secret")),
        ("CMP_REF", field("reference")),
        ("CMP_SECRET", field("secret")),
        ("DEVICE_CERT", file(Part::Device)),
        ("DEVICE_KEY", key(Part::Device)),
        ("MANUFACTURER_CA", file(Part::Manufacturer)),
        ("OTHER_RA_CERT", file(Part::SecondRa)),
        ("OTHER_RA_KEY", key(Part::SecondRa)),
        ("UPSTREAM_CMP_URL", format!("http://127.0.0.1:{authority}/cmp")),
        ("CONFIG", own("daftar.toml")),
        ("OFFICERS", own(super::OFFICERS)),
    ];
    let text = lines.map(|(name, value)| format!("{name}={}\n", quoted(&value))).concat();
    let unfinished = dir.join("demo.env.new");
    write_private(&unfinished, text.as_bytes())?;
    std::fs::rename(&unfinished, dir.join("demo.env")).map_err(Failed::new)
}

/// For a shell: nothing in it is looked at.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// What runs where, and what to try.
pub(super) fn welcome(program: &Path, dir: &Path, ports: Ports, code: &Value) -> String {
    let field = |name: &str| code.get(name).and_then(Value::as_str).unwrap_or_default();
    let Ports { https, http, console, metrics, authority } = ports;
    format!(
        r"
A demo office runs in {dir}. It is NOT FOR PRODUCTION.

  EST      https://127.0.0.1:{https}/.well-known/est
  CMP      http://127.0.0.1:{http}/.well-known/cmp  (and over HTTPS on {https})
  console  https://localhost:{console}  (for officers, see below)
  metrics  http://127.0.0.1:{metrics}/metrics
  its CA   http://127.0.0.1:{authority}/cmp
  code     {reference} / {secret}  (profile `default`, any number of uses)

Try, in another shell:

  . {env}
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout my.key -subj /CN=my-device -outform DER -out my.csr
  base64 -w0 my.csr | curl -sS --cacert $TLS_CA -u $EST_USER:$EST_PASSWORD -H 'Content-Type: application/pkcs10' \
      --data-binary @- $EST_URL/simpleenroll | base64 -d | openssl pkcs7 -inform DER -print_certs -out my.pem
  openssl verify -CAfile $ROOT_CA -untrusted $ISSUING_CHAIN my.pem

  openssl ecparam -name prime256v1 -genkey -noout -out cmp.key
  openssl cmp -cmd ir -server ${{CMP_URL#http://}} -ref $CMP_REF -secret pass:$CMP_SECRET \
      -newkey cmp.key -subject /CN=my-device -certout cmp.pem

The officers, each with a job:

{officers}

{browser},
and {root} as an authority.

The office's own commands (the token's module wants SOFTHSM2_CONF in its environment):

  {program} case list --config {config}
  {program} code create --profile default --as {officer} --config {config}
  SOFTHSM2_CONF={softhsm} {program} check --config {config}

Ctrl-C ends it.",
        program = program.display(),
        config = quoted(&dir.join("daftar.toml").display().to_string()),
        softhsm = quoted(&dir.join("softhsm2.conf").display().to_string()),
        officers = STAFF.map(|(name, job)| format!("  {name:<8} {job}")).join("\n"),
        browser = for_browser(dir),
        root = pki_file(dir, Part::Root).display(),
        officer = quoted(&file_of(dir, REGISTRAR_OFFICER).display().to_string()),
        dir = dir.display(),
        env = quoted(&dir.join("demo.env").display().to_string()),
        reference = field("reference"),
        secret = field("secret"),
    )
}

fn for_browser(dir: &Path) -> String {
    let folder = dir.join(super::OFFICERS);
    let folder = folder.display();
    if file_of(dir, REGISTRAR_OFFICER).with_extension("p12").exists() {
        return format!(
            "For the console take the certificate of one into a browser, {folder}/NAME.p12 (password `{PASSWORD}`)"
        );
    }
    format!(
        "There is no openssl here. For the console make of {folder}/NAME.pem with `openssl pkcs12 -export` what a browser takes"
    )
}

/// Writes a file that only its owner may read.
pub(super) fn write_private(path: &Path, octets: &[u8]) -> Result<(), Failed> {
    let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", path.display()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(named)?;
    file.write_all(octets).and_then(|()| file.sync_all()).map_err(named)
}

/// Where Debian and others put SoftHSM.
const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

const DEFAULT_PROFILE: &str = r#"
[profile.default]
authority = "demo"
approval = "automatic"
enrol_with = ["code", "manufacturer", "own"]
renew_with = ["own"]
cmp.extra_certs = "chain-with-root"
alternative_names = ["dns", "ip"]
extended_key_usage = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]
key.kinds = ["P-256", "P-384", "P-521", "Ed25519", "RSA"]
subject.required = ["CN"]
subject.allowed = ["O", "OU", "C", "serialNumber"]
subject.may_be_empty = true
# Whoever has the code or the device may try any name: a demo's policy (RFC 9483 section 5.1.1 leaves it to one).
subject.names = { code = "profile", manufacturer = "profile" }
same_key = true
"#;

/// Those of the folder that OFFICERS in demo.env names. The ways of one person alone are open as tests want them.
const OFFICERS_TABLE: &str = r#"
[officers]
trust = "own"

[officers.alone]
"#;

const OTHER_RA: &str = "the other RA";

/// OTHER_RA_CERT in demo.env.
const TRUSTED_RA: &str = r#"
[[trusted_ra]]
name = "the other RA"
trust = "own"
subject = "CN=Demo Second RA,O=DEMO NOT FOR PRODUCTION"
profiles = "#;

const BY_HAND_PROFILE: &str = r#"
[profile.by-hand]
authority = "demo"
approval = "by-hand"
enrol_with = ["code", "manufacturer", "own"]
renew_with = ["own"]
cmp.extra_certs = "chain-with-root"
alternative_names = ["dns", "ip"]
subject.required = ["CN"]
subject.allowed = ["O", "OU", "C", "serialNumber"]
subject.names = { code = "profile", manufacturer = "profile" }
"#;

const STRICT_PROFILE: &str = r#"
[profile.strict]
authority = "demo"
approval = "automatic"
enrol_with = ["code", "manufacturer", "own"]
renew_with = ["own"]
cmp.extra_certs = "chain-with-root"
alternative_names = ["dns"]
dns_suffixes = ["demo.example"]
key = { kinds = ["P-256", "RSA"], rsa_min_bits = 3072, rsa_max_bits = 4096 }
subject = { required = ["CN"], allowed = ["serialNumber"], names = { code = "profile" } }
validity_days = 100
clauses = { key_size = "CPS 6.1.5", subject = "CPS 3.1.1" }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_value_as_it_is() {
        for value in ["/tmp/it's here/$HOME `id`", "plain", ""] {
            let said = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(value))]).output();
            assert_eq!(said.unwrap().stdout, value.as_bytes());
        }
    }
}
