//! `daftar serve`: opens the doors.

use std::sync::Arc;

use arc_swap::ArcSwap;
use certs::Signer;
use prometheus_client::registry::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::assemble::{House, assemble};
use super::books::Books;
use super::reload::Reload;
use super::socket::{Folder, Socket};
use super::staffed::{check_lone_paths, console_settings};
use super::system::SystemClock;
use super::{Common, Failed};
use crate::config::Config;
use crate::console::console;
use crate::frontend::{CmpDoor, control, est_balanced, est_direct, health};
use crate::listen::{Door, Limits, Metrics, Network, Place, Stop};
use crate::registrar::Workers;

/// `daftar serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ends when standard input ends, that is, with the process that started it.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

impl Args {
    pub(super) const fn until_stdin_ends() -> Self {
        Self { exit_with_stdin: true }
    }
}

/// Serves with the RA key on the token, or with the one that is given in its place.
pub(super) async fn run(
    config: &Config,
    common: &Common,
    args: &Args,
    signer: Option<Arc<dyn Signer>>,
) -> Result<(), Failed> {
    log(config)?;
    let signals = Signals::new()?;
    let folder = Folder::take(config)?;
    let house = assemble(config, signer).await?;
    let outcome = open(config, common, args, &house, &folder, signals).await;
    house.store.close().await;
    house.hsm.stop();
    outcome
}

/// Opens the doors of a house, and closes them again in the end.
async fn open(
    config: &Config,
    common: &Common,
    args: &Args,
    house: &House,
    folder: &Folder,
    mut signals: Signals,
) -> Result<(), Failed> {
    let metrics = Metrics::new();
    let reload = Reload::new(config, common, house)?;
    check_lone_paths(config, &house.store, &house.registrar).await?;
    let socket = Socket::bind(config.control_socket(), folder)?;
    let officers_socket = match &config.officers {
        Some(_) => Some(Socket::bind(config.officers_socket(), folder)?),
        None => None,
    };
    let [https, balancers, http, officers, watched] = bind(config, &reload.limits, &metrics).await?;
    // Nothing stands in the way any more: from here on there are outside effects.
    house.registrar.begin_anew().await.map_err(Failed::new)?;
    house.registrar.note_service(true).await.map_err(Failed::new)?;
    let workers = Workers::start(&house.registrar);
    let registry = Arc::new(registry(house, &metrics));
    let cmp = CmpDoor::new(house.registrar.clone(), house.protectors.clone(), &config.cmp).router();
    let secure = est_direct(house.registrar.clone(), Arc::clone(&house.keys)).merge(cmp.clone());
    let stop = Stop::new();
    let control = control(house.registrar.clone(), house.ra_key);
    let mut doors = vec![tokio::spawn(socket.serve(None, control.clone(), stop.signal()))];
    if let Some(socket) = officers_socket {
        doors.push(tokio::spawn(socket.serve(Some(Arc::clone(&reload.tls)), control, stop.signal())));
    }
    if let Some(door) = https {
        let door = door.witnessed_by(Arc::new(Books(house.registrar.clone())));
        doors.push(tokio::spawn(door.https(Arc::clone(&reload.tls), secure, stop.signal())));
    }
    if let Some(door) = balancers {
        let door = door.witnessed_by(Arc::new(Books(house.registrar.clone())));
        doors.push(tokio::spawn(door.https(
            Arc::clone(&reload.tls),
            est_balanced(house.registrar.clone(), Arc::clone(&house.keys)),
            stop.signal(),
        )));
    }
    if let Some(door) = http {
        let door = door.witnessed_by(Arc::new(Books(house.registrar.clone())));
        doors.push(tokio::spawn(door.http(cmp, stop.signal())));
    }
    if let (Some(door), Some(settings)) = (officers, console_settings(config)) {
        let door = door.witnessed_by(Arc::new(Books(house.registrar.clone())));
        let pages = console(house.registrar.clone(), settings);
        doors.push(tokio::spawn(door.https(Arc::clone(&reload.tls), pages, stop.signal())));
    }
    if let Some(door) = watched {
        doors.push(tokio::spawn(door.http(health(house.registrar.clone(), registry), stop.signal())));
    }
    let unlocking = house
        .locked
        .clone()
        .map(|locked| tokio::spawn(locked.open(config.clone(), house.hsm.clone(), house.store.clone())));
    let watching = tokio::spawn(house.ends.clone().watch(Arc::new(SystemClock)));
    tracing::info!(node = config.node, "Daftar serves");
    signals.wait_for_end(args.exit_with_stdin, &reload).await;
    tracing::info!("stopping: running requests are finished");
    stop.stop();
    for door in doors {
        door.await.map_err(Failed::new)?;
    }
    watching.abort();
    if let Some(unlocking) = unlocking {
        unlocking.abort();
    }
    workers.stop().await;
    house.registrar.note_service(false).await.map_err(Failed::new)
}

/// What the system may tell the server. They are listened for from the beginning: unheard, each of them would kill it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failed> {
        let listen = |kind| signal(kind).map_err(Failed::new);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn wait_for_end(&mut self, exit_with_stdin: bool, reload: &Reload) {
        let end_of_input =
            async { if exit_with_stdin { super::system::end_of_stdin().await } else { std::future::pending().await } };
        tokio::pin!(end_of_input);
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                () = &mut end_of_input => return,
                _ = self.hangup.recv() => reload.run().await,
            }
        }
    }
}

fn log(config: &Config) -> Result<(), Failed> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .map_err(|fault| Failed::new(format!("log.filter: {fault}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let set = if config.log.json { lines.json().try_init() } else { lines.with_ansi(false).try_init() };
    set.map_err(Failed::new)
}

/// The doors for HTTPS, balancers, HTTP, officers and metrics. All are bound before any is served.
async fn bind(config: &Config, limits: &Arc<ArcSwap<Limits>>, metrics: &Metrics) -> Result<[Option<Door>; 5], Failed> {
    let listen = &config.listen;
    let proxy_from: Arc<[Network]> = listen.proxy_from.clone().into();
    let mut doors = [const { None }; 5];
    let console = if config.officers.is_some() { listen.console } else { Place::Off };
    let places = [
        ("https", listen.https),
        ("balanced", listen.balanced),
        ("http", listen.http),
        ("console", console),
        ("metrics", listen.metrics),
    ];
    for (door, (name, place)) in doors.iter_mut().zip(places) {
        let Some(address) = place.address() else { continue };
        let bound = Door::bind(name, address, Arc::clone(limits), metrics.clone()).await;
        let bound = bound.map_err(|fault| Failed::caused(&fault))?;
        *door = Some(if name == "metrics" { bound } else { bound.behind(Arc::clone(&proxy_from)) });
    }
    Ok(doors)
}

fn registry(house: &House, listen: &Metrics) -> Registry {
    let mut registry = Registry::default();
    listen.register(&mut registry);
    let ra = registry.sub_registry_with_prefix("ra");
    house.registrar.metrics().register(ra);
    house.store.stats().register(ra);
    ra.register_collector(house.ends.collector(Arc::new(SystemClock)));
    ra.register_collector(Box::new(super::metrics::Token(house.hsm.clone())));
    registry
}
