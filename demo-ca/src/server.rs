use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::authority::Authority;
use crate::clock::{Clock, system_clock};
use crate::desk::{Admission, Desk, Policy, Speech};
use crate::mischief::{Mischief, Plot};
use crate::pki::{self, Identity, Part, Registry, Rollover};
use crate::records::Records;
use crate::revocations::Revocations;
use crate::settings::{self, Settings};
use crate::turns::Turns;
use crate::{Fault, Random, http};

/// How a demo CA is to run.
#[derive(Clone)]
pub struct Config {
    /// The demo's folder; certificates and keys are in `pki`, settings and records in `ca`.
    pub dir: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What time it is.
    pub clock: Arc<Clock>,
    /// Where random bytes come from.
    pub random: Arc<Random>,
    /// Mischief from the start.
    pub mischief: Vec<Mischief>,
}

impl Config {
    /// A CA with the machine's clock and random bytes, and without mischief.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, port: u16) -> Self {
        Self {
            dir: dir.into(),
            port,
            clock: system_clock(),
            random: Arc::new(SystemRandom::new()),
            mischief: Vec::new(),
        }
    }
}

/// A demo CA at work. When this is dropped it stops.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it takes CMP messages.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/cmp", self.address)
    }

    /// Finishes what is under way and stops; then the records are closed.
    pub async fn stop(self) {
        // No receiver is left when it has stopped already.
        let _ = self.stop.send(true);
        if self.work.await.is_err() {
            tracing::error!("the demo CA has failed");
        }
    }
}

/// Starts a demo CA on what [`pki::Pki::create`] made.
///
/// # Errors
/// When a file is missing or spoilt, another process has the records, or the port is taken.
pub async fn serve(config: Config) -> Result<Running, Fault> {
    let listening = |source| Fault::Listen { port: config.port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let desk = Arc::new(open(&config, address)?);
    desk.publish_revocations().await?;
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn(work(listener, desk, stopped));
    Ok(Running { address, stop, work })
}

fn open(config: &Config, address: SocketAddr) -> Result<Desk, Fault> {
    let settings = Settings::load(&config.dir)?;
    let own = settings::folder(&config.dir);
    crate::files::make_folder(&own)?;
    let folder = pki::folder(&config.dir);
    let issuing = Identity::load(&folder, Part::Issuing)?;
    let cmp_signer = Identity::load(&folder, Part::CmpSigner)?;
    let root = Part::Root.certificate_file(&folder);
    let root = pki::read_certificates(&root)?
        .into_iter()
        .next()
        .ok_or_else(|| Fault::Content { path: root, detail: "there is no certificate in it".to_owned() })?;
    let mut listed = Vec::new();
    for file in &settings.registration_authorities {
        listed.extend(pki::read_certificates(&config.dir.join(file))?.into_iter().take(1));
    }
    let mut manufacturers = Vec::new();
    for file in &settings.manufacturers {
        manufacturers.extend(pki::read_certificates(&config.dir.join(file))?.into_iter().take(1));
    }
    let plot = Plot::default();
    plot.add(config.mischief.clone());
    let crl_url = format!("http://{address}/ca.crl");
    Ok(Desk {
        rollover: Rollover::new(folder.clone(), &own, root.clone(), Arc::clone(&config.random)),
        admission: Admission::new(root, issuing.certificate.clone(), listed, manufacturers),
        speech: Speech::new(cmp_signer, &issuing.certificate, Arc::clone(&config.random)),
        registry: Registry::new(folder, issuing.certificate.subject().clone()),
        authority: Authority::new(issuing, settings.validity_days, crl_url, Arc::clone(&config.random)),
        records: Records::open(&own.join("records.jsonl"))?,
        revocations: Revocations::new(own.join("ca.crl")),
        plot,
        last: Mutex::default(),
        turns: Turns::default(),
        nested_turns: Turns::default(),
        serials: Turns::default(),
        clock: Arc::clone(&config.clock),
        policy: Policy {
            implicit_confirm: settings.implicit_confirm,
            confirm_wait: i64::from(settings.confirm_wait_seconds) * 1000,
            time_window: i64::from(settings.message_time_seconds) * 1000,
            end_entities: settings.end_entities,
        },
    })
}

async fn work(listener: TcpListener, desk: Arc<Desk>, mut stopped: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => attend(stream, &desk, &connections),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // Out of file descriptors: the next try would fail as fast as this one.
                    tokio::time::sleep(SWEEP).await;
                }
            },
            _ = sweep.tick() => if let Err(error) = desk.revoke_unconfirmed().await {
                tracing::error!(%error, "certificates without confirmation cannot be revoked");
            },
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the demo CA stopped");
    }
}

fn attend(stream: TcpStream, desk: &Arc<Desk>, connections: &GracefulShutdown) {
    // Answers are small and somebody waits for each.
    drop(stream.set_nodelay(true));
    let desk = Arc::clone(desk);
    let service = hyper::service::service_fn(move |request| http::handle(Arc::clone(&desk), request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

/// How often it is looked for confirmations that did not come.
const SWEEP: Duration = Duration::from_millis(250);
/// How long connections may take to end.
const GRACE: Duration = Duration::from_secs(2);
