use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use daftar::listen::{Error, ServerKey, ServerTls, TlsRules};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::clients::{body, read_all, read_once, send};
use super::office::Office;

pub(crate) struct Pki {
    folder: TempDir,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let pki = Self { folder: tempfile::tempdir().unwrap() };
        pki.make("server", "ec", &[]);
        pki
    }

    /// A self-signed certificate by OpenSSL, with its key.
    pub(crate) fn make(&self, name: &str, kind: &str, extra: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "30", "-subj", &format!("/CN={name}")]);
        command.args(["-newkey", kind]);
        if kind == "ec" {
            command.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        }
        command.arg("-out").arg(self.certificate(name)).arg("-keyout").arg(self.key(name)).args(extra);
        let output = command.output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::set_permissions(self.key(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.key"))
    }

    pub(crate) fn tls(&self, name: &str) -> Arc<ServerTls> {
        self.tls_with(name, true)
    }

    pub(crate) fn tls_with(&self, name: &str, require_extended_master_secret: bool) -> Arc<ServerTls> {
        self.tls_by(name, TlsRules { require_extended_master_secret, http2: false })
    }

    pub(crate) fn tls_by(&self, name: &str, rules: TlsRules) -> Arc<ServerTls> {
        Arc::new(ServerTls::load(&self.certificate(name), &ServerKey::File(self.key(name)), rules).unwrap())
    }

    fn der(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.certificate(name)).unwrap()
    }

    /// A client with the certificate of one name and the key of another.
    pub(crate) fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        names: Option<(&str, &str)>,
    ) -> TlsConnector {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer));
        let mut config = match names {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_file(self.key(key)).unwrap();
                let signer = provider.key_provider.load_private_key(key).unwrap();
                let certified = rustls::sign::CertifiedKey::new(vec![self.der(certificate)], signer);
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

pub(crate) async fn connect(office: &Office, client: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(office.address).await.unwrap();
    client.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn who(stream: &mut TlsStream<TcpStream>) -> String {
    send(stream, "GET /who HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n").await;
    body(&read_all(stream).await).split(' ').skip(2).collect::<Vec<_>>().join(" ")
}

pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

pub(crate) fn is_1_3(version: &SupportedProtocolVersion) -> bool {
    version.version == rustls::ProtocolVersion::TLSv1_3
}

#[tokio::test]
async fn a_client_without_certificate_is_let_in() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    for version in VERSIONS {
        let mut stream = connect(&office, &pki.client(version, None)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(who(&mut stream).await, format!("1.3={} chain=", is_1_3(version)));
    }
}

#[tokio::test]
async fn any_certificate_whose_key_the_client_has_is_handed_on() {
    let pki = Pki::new();
    pki.make("device", "ec", &["-addext", "1.2.3.4=critical,DER:0500"]);
    pki.make("rsa", "rsa:2048", &[]);
    pki.make("edwards", "ed25519", &[]);
    let office = Office::https(pki.tls("server")).await;
    for version in VERSIONS {
        for name in ["device", "rsa", "edwards"] {
            let mut stream = connect(&office, &pki.client(version, Some((name, name)))).await.unwrap();
            let wanted = format!("1.3={} chain={}", is_1_3(version), hex::encode(pki.der(name)));
            assert_eq!(who(&mut stream).await, wanted, "{name}");
        }
    }
}

#[tokio::test]
async fn a_certificate_whose_key_the_client_does_not_have_ends_the_handshake() {
    let pki = Pki::new();
    pki.make("mine", "ec", &[]);
    pki.make("stolen", "ec", &[]);
    pki.make("stolen-rsa", "rsa:2048", &[]);
    let office = Office::https(pki.tls("server")).await;
    for version in VERSIONS {
        for stolen in ["stolen", "stolen-rsa"] {
            // In TLS 1.3 a client is done before the server has looked at its signature.
            if let Ok(mut stream) = connect(&office, &pki.client(version, Some((stolen, "mine")))).await {
                let _ = tokio::io::AsyncWriteExt::write_all(
                    &mut stream,
                    b"GET /who HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n",
                )
                .await;
                assert_eq!(read_all(&mut stream).await, "");
            }
        }
    }
    office.wait_for("ra_connections_refused_total{door=\"test\",reason=\"handshake\"} 4").await;
}

#[tokio::test]
async fn a_resumed_session_still_knows_its_client() {
    let pki = Pki::new();
    pki.make("device", "ec", &[]);
    let tls = pki.tls("server");
    let office = Office::https(Arc::clone(&tls)).await;
    for version in VERSIONS {
        let client = pki.client(version, Some(("device", "device")));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = connect(&office, &client).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            let wanted = format!("1.3={} chain={}", is_1_3(version), hex::encode(pki.der("device")));
            assert_eq!(who(&mut stream).await, wanted);
            tls.reload(&pki.certificate("server"), &ServerKey::File(pki.key("server"))).unwrap();
        }
    }
}

#[tokio::test]
async fn head_and_body_come_in_one_record() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let mut stream = connect(&office, &pki.client(&rustls::version::TLS12, None)).await.unwrap();
    send(&mut stream, "GET /encoded HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    let answer = read_once(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n"),
        "{answer}"
    );
    assert_eq!(body(&answer), "MAA=\n");
}

#[tokio::test]
async fn a_new_certificate_is_used_after_a_reload_and_a_bad_one_is_not() {
    let pki = Pki::new();
    let tls = pki.tls("server");
    let office = Office::https(Arc::clone(&tls)).await;
    let open = connect(&office, &pki.client(&rustls::version::TLS13, None)).await.unwrap();
    pki.make("next", "ec", &[]);
    tls.reload(&pki.certificate("next"), &ServerKey::File(pki.key("next"))).unwrap();
    assert!(tls.reload(&pki.certificate("next"), &ServerKey::File(pki.key("server"))).is_err());
    assert!(tls.reload(Path::new("/nowhere"), &ServerKey::File(pki.key("server"))).is_err());
    let stream = connect(&office, &pki.client(&rustls::version::TLS13, None)).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates(), Some(&[pki.der("next")][..]));
    let mut open = open;
    assert_eq!(who(&mut open).await, "1.3=true chain=", "what was open stays open");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let pki = Pki::new();
    for (mode, good) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o660, false), (0o604, false)] {
        std::fs::set_permissions(pki.key("server"), std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = ServerTls::load(
            &pki.certificate("server"),
            &ServerKey::File(pki.key("server")),
            TlsRules { require_extended_master_secret: true, http2: false },
        );
        assert_eq!(loaded.is_ok(), good, "{mode:o}");
        assert!(good || matches!(loaded, Err(Error::Exposed { .. })));
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_ended() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let mut limits = (**office.limits.load()).clone();
    limits.handshake_seconds = std::num::NonZeroU32::MIN;
    office.limits.store(Arc::new(limits));
    let mut stream = TcpStream::connect(office.address).await.unwrap();
    send(&mut stream, "\x16\x03\x01").await;
    assert_eq!(read_all(&mut stream).await, "");
    office.wait_for("ra_connections_refused_total{door=\"test\",reason=\"handshake_time\"} 1").await;
}

/// The server is not what is tested here.
#[derive(Debug)]
pub(crate) struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
