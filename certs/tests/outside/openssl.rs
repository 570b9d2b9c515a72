//! OpenSSL as the judge of what we write, and as the maker of what we read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::software_key::{DAY, NOW, Party, SoftwareKey, authority, name, now, signing};
use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::path::{Anchors, PathQuery, Purpose, validate};
use certs::{
    AltName, Certificate, Crl, Csr, CsrDraft, Extension, Fault, KeyKind, KeyUsage, Millis, ObjectIdentifier, PublicKey,
    Signer, oid,
};

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(file);
        fs::write(&path, content).unwrap();
        path
    }

    fn try_openssl(&self, arguments: &str) -> Output {
        let mut command = Command::new("openssl");
        command.current_dir(self.0.path()).args(arguments.split_whitespace()).output().unwrap()
    }

    fn openssl(&self, arguments: &str) -> String {
        let output = self.try_openssl(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "openssl {arguments}: {}", text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    }

    fn request(&self, key: &str, signing: &str) -> Result<Csr, Fault> {
        self.openssl(&format!("genpkey {key} -out key.pem"));
        self.openssl(&format!(
            "req -new -key key.pem -subj /O=Example/CN=device -addext subjectAltName=DNS:a.example,IP:192.0.2.1 \
             -addext keyUsage=digitalSignature {signing} -out csr.pem"
        ));
        Csr::parse_pem(&fs::read(self.path("csr.pem")).unwrap())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn requests_by_openssl_are_read_and_proven() {
    let desk = Desk::new();
    let pss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";
    let cases = [
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "-sha256", "RSA-2048"),
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:3072", "-sha512", "RSA-3072"),
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", &format!("-sha256 {pss}"), "RSA-2048"),
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", &format!("-sha384 {pss}"), "RSA-2048"),
        ("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", &format!("-sha256 {pss}"), "RSA-2048"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "-sha256", "P-256"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "-sha512", "P-256"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-sha256", "P-384"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-sha384", "P-384"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "-sha512", "P-521"),
        ("-algorithm ED25519", "", "Ed25519"),
    ];
    for (key, signing, kind) in cases {
        let csr = desk.request(key, signing).unwrap();
        assert_eq!(csr.public_key().kind().to_string(), kind);
        assert_eq!(csr.subject().to_string(), "CN=device,O=Example");
        assert_eq!(csr.alt_names(), [AltName::Dns("a.example".into()), AltName::Ip("192.0.2.1".parse().unwrap())]);
        assert_eq!(csr.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
        assert_eq!(csr.prove().map(|proven| proven.print()), Ok(csr.public_key().print()), "{key} {signing}");
    }
}

#[test]
fn a_compressed_point_is_proven() {
    let desk = Desk::new();
    let key = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    desk.openssl(&format!("genpkey {key} -out plain.pem"));
    desk.openssl("ec -in plain.pem -conv_form compressed -out key.pem");
    desk.openssl("req -new -key key.pem -subj /CN=device -out csr.pem");
    let csr = Csr::parse_pem(&fs::read(desk.path("csr.pem")).unwrap()).unwrap();
    assert_eq!(csr.public_key().key_bits().len(), 33);
    assert!(csr.prove().is_ok());
}

#[test]
fn what_is_weak_or_unknown_is_refused_by_its_name() {
    let desk = Desk::new();
    let weak = desk.request("-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "-sha256").unwrap();
    assert_eq!(weak.public_key().kind(), KeyKind::Rsa { bits: 1024 });
    assert!(matches!(weak.prove(), Err(Fault::KeyUnsupported(text)) if text.starts_with("RSA-1024")));
    let sha1 = desk.request("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "-sha1").unwrap();
    assert!(matches!(sha1.prove(), Err(Fault::AlgorithmForbidden(_))));
    for (key, named) in [
        ("-algorithm ED448", "Ed448"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "secp256k1"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-224", "P-224"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", "not given by its name"),
    ] {
        let fault = desk.request(key, "").unwrap_err();
        assert!(matches!(&fault, Fault::KeyUnsupported(text) if text.contains(named)), "{fault}");
    }
}

#[test]
fn openssl_reads_and_verifies_our_requests() {
    let desk = Desk::new();
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Ed25519, KeyKind::Rsa { bits: 2048 }] {
        let key = SoftwareKey::new(kind);
        let mut draft = CsrDraft::new(name("CN=device,O=Example\\, Inc.,C=DE"), key.public_key().clone());
        draft.alt_names = vec![AltName::Dns("a.example".into()), AltName::Email("a@example.org".into())];
        draft.extensions = vec![Extension::extended_key_usage(&[oid::CMC_RA])];
        draft.challenge_password = Some("secret".into());
        desk.write("csr.pem", now(draft.sign(&key)).unwrap().to_pem());
        let shown = desk.openssl("req -in csr.pem -noout -verify -text -nameopt RFC2253");
        for part in ["verify OK", "DNS:a.example, email:a@example.org", "CN=device,O=Example\\, Inc.,C=DE", "secret"] {
            assert!(shown.contains(part), "{kind}: {part} is not in {shown}");
        }
    }
}

#[test]
fn openssl_verifies_our_pss_signatures() {
    let desk = Desk::new();
    for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        let key = SoftwareKey::new(KeyKind::Rsa { bits: 2048 }).under(SignatureAlgorithm::RsaPss(digest));
        let csr = now(CsrDraft::new(name("CN=device"), key.public_key().clone()).sign(&key)).unwrap();
        desk.write("csr.pem", csr.to_pem());
        assert!(desk.openssl("req -in csr.pem -noout -verify").contains("verify OK"), "{digest}");
    }
}

#[test]
fn openssl_reads_and_verifies_our_revocation_lists() {
    let desk = Desk::new();
    let root = Party::root("CN=Root");
    desk.write("root.pem", root.certificate.to_pem());
    desk.write("crl.pem", root.crl(7, NOW, &[&[0x2a], &[0, 0xff]]).to_pem());
    let shown = desk.openssl("crl -in crl.pem -CAfile root.pem -verify -noout -text");
    for part in ["verify OK", "Serial Number: 2A", "Serial Number: FF", "Superseded"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn revocation_lists_by_openssl_are_read_and_verified() {
    let desk = Desk::new();
    desk.write("index.txt", "R\t301231235959Z\t260101000000Z,keyCompromise\t0A\tunknown\t/CN=x\n");
    desk.write("number", "1234\n");
    desk.write(
        "ca.cnf",
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ncrl_extensions=e\n\
         [e]\nauthorityKeyIdentifier=keyid\n",
    );
    desk.openssl("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=Root -out root.pem");
    desk.openssl("ca -config ca.cnf -gencrl -keyfile key.pem -cert root.pem -crldays 30 -out crl.pem");
    let root = &Certificate::parse_pem(&fs::read(desk.path("root.pem")).unwrap()).unwrap()[0];
    let crl = Crl::parse_pem(&fs::read(desk.path("crl.pem")).unwrap()).unwrap();
    assert_eq!(crl.verify(root.public_key()), Ok(()));
    assert_eq!(crl.number(), Some(&[0x12, 0x34][..]));
    assert_eq!(crl.revoked(&[0x0a]).map(|revoked| revoked.reason), Some(1));
    assert_eq!(crl.revoked(&[0x0a]).map(|revoked| revoked.at), Some(Millis::from_seconds(1_767_225_600)));
    assert_eq!(crl.authority_key_identifier(), root.subject_key_identifier());
}

#[test]
fn a_sha1_key_identifier_is_openssls() {
    let desk = Desk::new();
    desk.openssl("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=Root -out root.pem");
    let root = &Certificate::parse_pem(&fs::read(desk.path("root.pem")).unwrap()).unwrap()[0];
    assert_eq!(root.subject_key_identifier(), Some(&root.public_key().sha1_key_identifier()[..]));
    desk.openssl("pkey -in key.pem -pubout -outform DER -out key.der");
    assert_eq!(&PublicKey::parse(&fs::read(desk.path("key.der")).unwrap()).unwrap(), root.public_key());
}

/// A path and what both judges are asked about it.
struct Case {
    what: &'static str,
    good: bool,
    ca: Vec<Extension>,
    end: Vec<Extension>,
    openssl: &'static str,
    purpose: Purpose,
    policies: Option<Vec<ObjectIdentifier>>,
    revoked: Option<(&'static [u8], &'static [u8])>,
    days: i64,
}

impl Case {
    fn new(what: &'static str, good: bool) -> Self {
        Self {
            what,
            good,
            ca: authority(Some(0)),
            end: signing(),
            openssl: "",
            purpose: Purpose::Any,
            policies: None,
            revoked: None,
            days: 0,
        }
    }

    fn ca(mut self, extensions: Vec<Extension>) -> Self {
        self.ca = extensions;
        self
    }

    fn ca_and(mut self, extension: Extension) -> Self {
        self.ca.push(extension);
        self
    }

    fn end_and(mut self, extension: Extension) -> Self {
        self.end.push(extension);
        self
    }

    fn end(mut self, extensions: Vec<Extension>) -> Self {
        self.end = extensions;
        self
    }

    fn asked(mut self, purpose: Purpose, openssl: &'static str) -> Self {
        self.purpose = purpose;
        self.openssl = openssl;
        self
    }

    fn policy(mut self, policy: &str) -> Self {
        self.policies = Some(vec![ObjectIdentifier::new_unwrap(policy)]);
        self.openssl = "-policy_check -explicit_policy -policy 1.2.3.4";
        self
    }

    fn revoked(mut self, by_root: &'static [u8], by_ca: &'static [u8]) -> Self {
        self.revoked = Some((by_root, by_ca));
        self.openssl = "-crl_check_all";
        self
    }

    fn days(mut self, days: i64) -> Self {
        self.days = days;
        self
    }

    /// What we say and what OpenSSL says.
    fn verdicts(&self) -> (bool, bool) {
        let root = Party::root("CN=Root,O=Example");
        let ca = root.issue(2, "CN=CA,O=Example", self.ca.clone());
        let end = ca.issue(3, "CN=end,O=Example", self.end.clone()).certificate;
        let at = NOW.plus(self.days * DAY);
        let crls = self
            .revoked
            .map_or(Vec::new(), |(by_root, by_ca)| vec![root.crl(1, NOW, &[by_root]), ca.crl(1, NOW, &[by_ca])]);
        let anchors = Anchors::new(vec![root.certificate.clone()]);
        let ours = validate(&PathQuery {
            end: &end,
            intermediates: std::slice::from_ref(&ca.certificate),
            anchors: &anchors,
            at,
            purpose: self.purpose,
            crls: &crls,
            crl_required: self.revoked.is_some(),
            policies: self.policies.as_deref(),
        });
        let desk = Desk::new();
        let root = desk.write("root.pem", root.certificate.to_pem());
        let ca = desk.write("ca.pem", ca.certificate.to_pem());
        let end = desk.write("end.pem", end.to_pem());
        let lists = desk.write("crls.pem", crls.iter().map(Crl::to_pem).collect::<String>());
        let lists = if crls.is_empty() { String::new() } else { format!("-CRLfile {}", text(&lists)) };
        let theirs = desk.try_openssl(&format!(
            "verify -x509_strict -attime {} -trusted {} -untrusted {} {lists} {} {}",
            at.seconds(),
            text(&root),
            text(&ca),
            self.openssl,
            text(&end)
        ));
        (ours.is_ok(), theirs.status.success())
    }
}

fn dns(text: &str) -> AltName {
    AltName::Dns(text.into())
}

fn alt_name(name: AltName) -> Extension {
    Extension::subject_alt_name(&[name], false)
}

fn permitted(name: AltName) -> Extension {
    Extension::name_constraints(&[name], &[])
}

fn policy(text: &str) -> Extension {
    Extension::certificate_policies(&[ObjectIdentifier::new_unwrap(text)])
}

fn cases() -> Vec<Case> {
    let eku = |purpose| Extension::extended_key_usage(&[purpose]);
    let key_usage = |usage| Extension::key_usage(usage);
    let directory = |text| AltName::DirectoryName(name(text));
    let client = (Purpose::ClientAuth, "-purpose sslclient");
    vec![
        Case::new("a plain path", true),
        Case::new("after the end", false).days(101),
        Case::new("before the start", false).days(-101),
        Case::new("no authority", false).ca(vec![Extension::basic_constraints(false, None)]),
        Case::new("no basic constraints", false).ca(vec![key_usage(KeyUsage::KEY_CERT_SIGN)]),
        Case::new("no keyCertSign", false)
            .ca(vec![Extension::basic_constraints(true, None), key_usage(KeyUsage::CRL_SIGN)]),
        Case::new("DNS within", true).ca_and(permitted(dns("ok.example"))).end_and(alt_name(dns("a.ok.example"))),
        Case::new("DNS outside", false).ca_and(permitted(dns("ok.example"))).end_and(alt_name(dns("aok.example"))),
        Case::new("DNS excluded", false)
            .ca_and(Extension::name_constraints(&[], &[dns("ok.example")]))
            .end_and(alt_name(dns("a.ok.example"))),
        Case::new("directory name within", true).ca_and(permitted(directory("O=Example"))),
        Case::new("directory name outside", false).ca_and(permitted(directory("O=Other"))),
        Case::new("address within", true)
            .ca_and(permitted(AltName::Ip("192.0.2.1".parse().unwrap())))
            .end_and(alt_name(AltName::Ip("192.0.2.1".parse().unwrap()))),
        Case::new("address outside", false)
            .ca_and(permitted(AltName::Ip("192.0.2.1".parse().unwrap())))
            .end_and(alt_name(AltName::Ip("192.0.2.2".parse().unwrap()))),
        Case::new("mail within", true)
            .ca_and(permitted(AltName::Email("example.org".into())))
            .end_and(alt_name(AltName::Email("a@example.org".into()))),
        Case::new("mail outside", false)
            .ca_and(permitted(AltName::Email("example.org".into())))
            .end_and(alt_name(AltName::Email("a@example.com".into()))),
        Case::new("policy there", true).ca_and(policy("1.2.3.4")).end_and(policy("1.2.3.4")).policy("1.2.3.4"),
        Case::new("any policy above", true).ca_and(policy("2.5.29.32.0")).end_and(policy("1.2.3.4")).policy("1.2.3.4"),
        Case::new("another policy", false).ca_and(policy("1.2.3.4")).end_and(policy("1.2.3.5")).policy("1.2.3.4"),
        Case::new("no policy", false).policy("1.2.3.4"),
        Case::new("client without a purpose", true).asked(client.0, client.1),
        Case::new("client by name", true).end_and(eku(oid::CLIENT_AUTH)).asked(client.0, client.1),
        Case::new("client that is a server", false).end_and(eku(oid::SERVER_AUTH)).asked(client.0, client.1),
        Case::new("client below a server's authority", false)
            .ca_and(eku(oid::SERVER_AUTH))
            .end_and(eku(oid::CLIENT_AUTH))
            .asked(client.0, client.1),
        Case::new("client that only encrypts", false)
            .end(vec![key_usage(KeyUsage::KEY_ENCIPHERMENT)])
            .asked(client.0, client.1),
        Case::new("nobody revoked", true).revoked(&[9], &[9]),
        Case::new("the end revoked", false).revoked(&[9], &[3]),
        Case::new("the authority revoked", false).revoked(&[2], &[9]),
        Case::new("lists out of date", false).revoked(&[9], &[9]).days(3),
        Case::new("unknown critical extension", false).end_and(Extension {
            oid: ObjectIdentifier::new_unwrap("1.2.3.9"),
            critical: true,
            value: vec![5, 0],
        }),
    ]
}

#[test]
fn openssl_and_we_agree_about_paths() {
    for case in cases() {
        assert_eq!(case.verdicts(), (case.good, case.good), "{} (ours, openssl's)", case.what);
    }
}

#[test]
fn openssl_reads_the_extensions_that_we_write() {
    let desk = Desk::new();
    let mut extensions = authority(Some(3));
    extensions.extend([
        Extension::extended_key_usage(&[oid::CLIENT_AUTH, oid::CMC_RA]),
        Extension::subject_alt_name(&[dns("a.example"), AltName::Uri("urn:x:y".into())], false),
        policy("1.2.3.4"),
        Extension::crl_distribution_points(&["http://crl.example/a", "http://crl.example/b"]),
        Extension::name_constraints(&[dns("ok.example")], &[AltName::Ip("2001:db8::1".parse().unwrap())]),
    ]);
    desk.write("root.pem", Party::root_with("CN=Root", extensions).certificate.to_pem());
    let shown = desk.openssl("x509 -in root.pem -noout -text");
    for part in [
        "CA:TRUE, pathlen:3",
        "Certificate Sign, CRL Sign",
        "TLS Web Client Authentication, CMC Registration Authority",
        "DNS:a.example, URI:urn:x:y",
        "Policy: 1.2.3.4",
        "URI:http://crl.example/a",
        "URI:http://crl.example/b",
        "DNS:ok.example",
        "IP:2001:DB8:0:0:0:0:0:1/FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

/// What Debian trusts: roots of two decades, with every habit there is.
#[test]
fn real_certificates_are_read_and_verified() {
    let Ok(bundle) = fs::read("/etc/ssl/certs/ca-certificates.crt") else {
        eprintln!("skipped: no ca-certificates on this machine");
        return;
    };
    let roots = Certificate::parse_pem(&bundle).unwrap();
    assert!(roots.len() > 100, "{}", roots.len());
    for root in &roots {
        let signed = root.verify_signature(root.public_key());
        // Some old roots are signed with SHA-1; that signature protects nothing.
        assert!(matches!(signed, Ok(()) | Err(Fault::AlgorithmForbidden(_))), "{}: {signed:?}", root.subject());
        assert!(root.subject().matches(root.issuer()), "{}", root.subject());
    }
}
