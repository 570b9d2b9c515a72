use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use demo_ca::pki::Identity;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::client::Resumption;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::enrolment::Mode;
use crate::fault::Fault;
use crate::line::{Heard, Line, connect};
use crate::office::Office;

/// The key exchange of TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum KeyExchange {
    /// X25519.
    X25519,
    /// X25519 with ML-KEM-768.
    Hybrid,
}

impl KeyExchange {
    pub(crate) fn group(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::Hybrid => kx_group::X25519MLKEM768,
        }
    }
}

/// A door of the server, and how to knock at it.
pub(crate) struct Door {
    address: String,
    path: String,
    content_type: HeaderValue,
    authorization: Option<HeaderValue>,
    /// EST only.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Whether each request has a connection of its own.
    once: bool,
    /// Whether sessions are resumed.
    resumes: bool,
    /// Handshakes: full ones, and those that resumed a session.
    full: AtomicUsize,
    resumed: AtomicUsize,
}

impl Door {
    pub(crate) fn new(mode: Mode, key_exchange: KeyExchange, office: &Office) -> Result<Self, Fault> {
        match mode {
            Mode::Est => Self::est(key_exchange, office, None),
            Mode::EstMtls => Self::est(key_exchange, office, Some(office.device()?)),
            Mode::EstResumed => Self::est(key_exchange, office, None)?.resuming(),
            Mode::EstKept => Ok(Self { once: false, ..Self::est(key_exchange, office, None)? }),
            Mode::Cmp | Mode::CmpMac | Mode::CmpWrongSignature | Mode::CmpWrongMac | Mode::CmpGarbage => {
                let url = office.url("CMP_URL")?;
                Ok(Self {
                    address: address(&url)?,
                    path: url.path().to_owned(),
                    content_type: HeaderValue::from_static("application/pkixcmp"),
                    authorization: None,
                    tls: None,
                    once: false,
                    resumes: false,
                    full: AtomicUsize::new(0),
                    resumed: AtomicUsize::new(0),
                })
            }
        }
    }

    fn est(key_exchange: KeyExchange, office: &Office, device: Option<Identity>) -> Result<Self, Fault> {
        let url = office.url("EST_URL")?;
        let host = url.host().unwrap_or_default().to_owned();
        let name = ServerName::try_from(host).map_err(Fault::odd)?;
        let authorization = match device {
            Some(_) => None,
            None => Some(basic(office.value("EST_USER")?, office.value("EST_PASSWORD")?)?),
        };
        let config = Arc::new(tls(key_exchange, office, device)?);
        Ok(Self {
            address: address(&url)?,
            path: format!("{}/simpleenroll", url.path().trim_end_matches('/')),
            content_type: HeaderValue::from_static("application/pkcs10"),
            authorization,
            tls: Some((TlsConnector::from(config), name)),
            once: true,
            resumes: false,
            full: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
        })
    }

    /// The same door by resumed sessions, where there is a ticket.
    fn resuming(mut self) -> Result<Self, Fault> {
        let (connector, _) = self.tls.as_mut().ok_or_else(|| Fault::odd("there is no session without TLS"))?;
        let mut config = ClientConfig::clone(connector.config());
        config.resumption = Resumption::in_memory_sessions(TICKETS);
        *connector = TlsConnector::from(Arc::new(config));
        self.resumes = true;
        Ok(self)
    }

    /// How many handshakes there were: full ones, and those that resumed a session.
    pub(crate) fn handshakes(&self) -> (usize, usize) {
        (self.full.load(Ordering::Relaxed), self.resumed.load(Ordering::Relaxed))
    }

    /// Posts a body, over the line that is there or a new one.
    pub(crate) async fn post(&self, line: &mut Option<Line>, body: Bytes) -> Result<Heard, Fault> {
        let mut request = Request::post(&self.path)
            .header(HOST, self.address.as_str())
            .header(CONTENT_TYPE, self.content_type.clone());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if self.once {
            request = request.header(CONNECTION, HeaderValue::from_static("close"));
        }
        let request = request.body(Full::new(body)).map_err(Fault::odd)?;
        let mut used = match line.take() {
            Some(line) => line,
            None => self.open().await?,
        };
        let heard = used.say(request).await?;
        if !self.once {
            *line = Some(used);
        }
        Ok(heard)
    }

    async fn open(&self) -> Result<Line, Fault> {
        let stream = connect(&self.address).await?;
        let Some((connector, name)) = &self.tls else { return Line::on(stream).await };
        let stream = connector.connect(name.clone(), stream).await.map_err(Fault::lost)?;
        match stream.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Full) => {
                self.full.fetch_add(1, Ordering::Relaxed);
                Line::on(stream).await
            }
            Some(HandshakeKind::Resumed) if self.resumes => {
                self.resumed.fetch_add(1, Ordering::Relaxed);
                Line::on(stream).await
            }
            other => Err(Fault::odd(format!("the handshake was not one of its mode but {other:?}"))),
        }
    }
}

/// Enough for every requester of a run.
const TICKETS: usize = 256;

fn address(url: &Uri) -> Result<String, Fault> {
    let authority = url.authority().ok_or_else(|| Fault::Setting(format!("{url} has no host")))?;
    let port = match (authority.port_u16(), url.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, _) => 80,
    };
    Ok(format!("{}:{port}", authority.host()))
}

fn basic(user: &str, password: &str) -> Result<HeaderValue, Fault> {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).map_err(Fault::odd)?;
    value.set_sensitive(true);
    Ok(value)
}

/// TLS 1.3 only and nothing resumed. The issuing authority is an anchor, too: what a requester spends on the chain above
/// it is not what is measured, and the loader has one core.
fn tls(key_exchange: KeyExchange, office: &Office, device: Option<Identity>) -> Result<ClientConfig, Fault> {
    let mut provider = default_provider();
    provider.kx_groups = vec![key_exchange.group()];
    let mut roots = RootCertStore::empty();
    let issuing = office.certificates("ISSUING_CHAIN").unwrap_or_default();
    for certificate in issuing.iter().chain(&office.certificates("TLS_CA")?) {
        roots.add(CertificateDer::from(certificate.der().to_vec())).map_err(Fault::odd)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Fault::odd)?
        .with_root_certificates(roots);
    let mut config = match device {
        None => config.with_no_client_auth(),
        Some(device) => {
            let key = device.signer.to_pkcs8().map_err(Fault::odd)?;
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
            let chain = vec![CertificateDer::from(device.certificate.der().to_vec())];
            config.with_client_auth_cert(chain, key).map_err(Fault::odd)?
        }
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}
