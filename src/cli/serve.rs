//! `daftar serve`: opens the doors.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use http::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::assemble::{House, assemble};
use super::{Common, Failed};
use crate::config::Config;
use crate::frontend::{CmpDoor, Connection, RequestId, control, est, health};
use crate::listen::{Door, Limits, Metrics, Place, ServerTls, Stop, Stopping, Witness};
use crate::registrar::{Registrar, Source, Workers};

/// `daftar serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ends when standard input ends, that is, with the process that started it.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

pub(super) async fn run(config: &Config, common: &Common, args: &Args) -> Result<(), Failed> {
    log(config)?;
    let socket = bind_control(&config.control_socket()).await?;
    let house = assemble(config).await?;
    let listen = &config.listen;
    let limits = Arc::new(ArcSwap::from_pointee(listen.limits.clone()));
    let tls = Arc::new(
        ServerTls::load(&listen.certificate_file, &listen.key_file, listen.require_extended_master_secret)
            .map_err(Failed::new)?,
    );
    let metrics = Metrics::new();
    let stop = Stop::new();
    house.registrar.begin_anew().await.map_err(Failed::new)?;
    let workers = Workers::start(&house.registrar);
    let registry = Arc::new(registry(&house, &metrics));
    let cmp = CmpDoor::new(house.registrar.clone(), house.protector.clone()).router();
    let secure = est(house.registrar.clone()).merge(cmp.clone());
    let mut doors = Vec::new();
    if let Some(door) = bind("https", listen.https, &limits, &metrics).await? {
        let door = door.witnessed_by(Arc::new(Books(house.registrar.clone())));
        doors.push(tokio::spawn(door.https(Arc::clone(&tls), secure, stop.signal())));
    }
    if let Some(door) = bind("http", listen.http, &limits, &metrics).await? {
        let door = door.witnessed_by(Arc::new(Books(house.registrar.clone())));
        doors.push(tokio::spawn(door.http(cmp, stop.signal())));
    }
    if let Some(door) = bind("metrics", listen.metrics, &limits, &metrics).await? {
        doors.push(tokio::spawn(door.http(health(house.registrar.clone(), registry), stop.signal())));
    }
    doors.push(tokio::spawn(serve_control(socket, control(house.registrar.clone()), stop.signal())));
    house.registrar.note_service(true).await.map_err(Failed::new)?;
    tracing::info!(node = config.node, "Daftar serves");
    let reloading = reload(common.config.clone(), Arc::clone(&tls), Arc::clone(&limits));
    wait_for_end(args.exit_with_stdin).await?;
    reloading.abort();
    tracing::info!("stopping: running requests are finished");
    stop.stop();
    for door in doors {
        door.await.map_err(Failed::new)?;
    }
    workers.stop().await;
    house.registrar.note_service(false).await.map_err(Failed::new)?;
    drop(std::fs::remove_file(config.control_socket()));
    house.hsm.stop();
    Ok(())
}

/// Records what the listener turned down by itself.
#[derive(Debug)]
struct Books(Registrar);

impl Witness for Books {
    fn turned_down(
        &self,
        door: &'static str,
        connection: &Connection,
        id: &RequestId,
        status: StatusCode,
        words: &str,
    ) {
        // EST is served on HTTPS only; what came there in a body too large to be read could be either.
        let door = if door == "https" { crate::case::Door::Est } else { crate::case::Door::Cmp };
        let source = Source { door, peer: connection.peer.ip(), request_id: id.0.clone(), profile: None };
        let (registrar, words) = (self.0.clone(), format!("{status}: {words}"));
        tokio::spawn(async move {
            if let Err(fault) = registrar.note_bad_input(&source, "requester", &words).await {
                tracing::error!(request = %source.request_id, %fault, "a refusal could not be recorded");
            }
        });
    }
}

fn log(config: &Config) -> Result<(), Failed> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .map_err(|fault| Failed::new(format!("log.filter: {fault}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let set = if config.log.json { lines.json().try_init() } else { lines.with_ansi(false).try_init() };
    set.map_err(Failed::new)
}

async fn bind(
    name: &'static str,
    place: Place,
    limits: &Arc<ArcSwap<Limits>>,
    metrics: &Metrics,
) -> Result<Option<Door>, Failed> {
    let Some(address) = place.address() else { return Ok(None) };
    Door::bind(name, address, Arc::clone(limits), metrics.clone()).await.map(Some).map_err(Failed::new)
}

fn registry(house: &House, listen: &Metrics) -> Registry {
    let mut registry = Registry::default();
    listen.register(&mut registry);
    let ra = registry.sub_registry_with_prefix("ra");
    house.registrar.metrics().register(ra);
    house.store.stats().register(ra);
    ra.register_collector(Box::new(super::metrics::Token(house.hsm.clone())));
    registry
}

/// The office's own door. A socket that nobody answers on is left from a crash.
async fn bind_control(path: &Path) -> Result<UnixListener, Failed> {
    let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(named)?;
    }
    if path.exists() {
        if tokio::net::UnixStream::connect(path).await.is_ok() {
            return Err(Failed::new(format!("{}: another server runs here", path.display())));
        }
        std::fs::remove_file(path).map_err(named)?;
    }
    let listener = UnixListener::bind(path).map_err(named)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(named)?;
    Ok(listener)
}

async fn serve_control(socket: UnixListener, router: Router, mut stopping: Stopping) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = stopping.wait() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            if let Err(fault) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(fault, "a control connection ended badly");
            }
        });
    }
}

/// SIGHUP: certificates and limits are read again; connections stay.
fn reload(path: std::path::PathBuf, tls: Arc<ServerTls>, limits: Arc<ArcSwap<Limits>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
        while hangups.recv().await.is_some() {
            match Config::load(&path) {
                Ok(config) => {
                    limits.store(Arc::new(config.listen.limits));
                    match tls.reload(&config.listen.certificate_file, &config.listen.key_file) {
                        Ok(()) => tracing::info!("certificates and limits were read again"),
                        Err(fault) => tracing::error!(%fault, "the old certificate stays in use"),
                    }
                }
                Err(fault) => tracing::error!(%fault, "the configuration stays as it was"),
            }
        }
    })
}

async fn wait_for_end(exit_with_stdin: bool) -> Result<(), Failed> {
    let mut terminated = signal(SignalKind::terminate()).map_err(Failed::new)?;
    tokio::select! {
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failed::new)?,
        () = super::system::end_of_stdin(), if exit_with_stdin => {}
    }
    Ok(())
}
