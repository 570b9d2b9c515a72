use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::answer::{Desk, Running};
use super::binding::{FirstFinished, bindings, overhear};
use super::census::{Census, Full, Seat};
use super::config::seconds;
use super::proxy::announced;
use super::serve::serve;
use super::tls::{HTTP_2, Handshakes};
use super::{Error, Limits, Metrics, Network, ServerTls, Stopping, Witness, http2};
use crate::frontend::connection::{Connection, Tls};

/// One address that is listened on.
#[derive(Debug)]
pub struct Door {
    gate: Gate,
    listener: TcpListener,
    limits: Arc<ArcSwap<Limits>>,
    witness: Option<Arc<dyn Witness>>,
    /// From where connections begin with the PROXY protocol.
    proxy_from: Arc<[Network]>,
}

/// Where each connection takes a place, or is turned away.
#[derive(Clone, Debug)]
struct Gate {
    door: &'static str,
    metrics: Metrics,
    census: Arc<Census>,
}

/// What all connections of a door share.
struct Hall {
    tls: Option<Arc<ServerTls>>,
    router: Router,
    stopping: Stopping,
    running: Running,
}

impl Door {
    /// Takes the address. Connections wait until the door serves. A change of the limits holds for connections that come then.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(
        name: &'static str,
        address: SocketAddr,
        limits: Arc<ArcSwap<Limits>>,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })?;
        let gate = Gate { door: name, metrics, census: Arc::default() };
        Ok(Self { gate, listener, limits, witness: None, proxy_from: Arc::default() })
    }

    /// Has somebody told of the requests that are turned down before a handler sees them.
    #[must_use]
    pub fn witnessed_by(self, witness: Arc<dyn Witness>) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// Has connections from these networks begin with the PROXY protocol, which tells whose they are.
    #[must_use]
    pub fn behind(self, proxy_from: Arc<[Network]>) -> Self {
        Self { proxy_from, ..self }
    }

    /// The address, with the port that the system chose when 0 was asked for.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves HTTPS. Ends when it is time to stop and what was running has ended or used up its grace.
    pub async fn https(self, tls: Arc<ServerTls>, router: Router, stopping: Stopping) {
        self.serve(Some(tls), router, stopping).await;
    }

    /// Serves HTTP. Ends as [`https`](Self::https) does.
    pub async fn http(self, router: Router, stopping: Stopping) {
        self.serve(None, router, stopping).await;
    }

    async fn serve(self, tls: Option<Arc<ServerTls>>, router: Router, mut stopping: Stopping) {
        let mut connections = JoinSet::new();
        let (running, mut all_done) = mpsc::channel(1);
        let hall = Hall { tls, router, stopping: stopping.clone(), running };
        loop {
            let accepted = tokio::select! {
                () = stopping.wait() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(connection) = self.admit(stream, peer, &hall) {
                        connections.spawn(connection);
                    }
                }
                Err(error) => self.wait_after(&error).await,
            }
        }
        let Self { gate, listener, limits, .. } = self;
        drop((listener, hall));
        let grace = seconds(limits.load().grace_seconds);
        let ending = async {
            while connections.join_next().await.is_some() {}
            all_done.recv().await;
        };
        if timeout(grace, ending).await.is_err() {
            tracing::warn!(
                door = gate.door,
                connections = connections.len(),
                "requests were still running at the end of their grace"
            );
            connections.abort_all();
        }
    }

    /// The serving of a connection, when there is a place for it.
    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        hall: &Hall,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let limits = self.limits.load_full();
        let gate = self.gate.clone();
        let from_balancer = self.proxy_from.iter().any(|network| network.contains(peer.ip()));
        let seat = if from_balancer { None } else { Some(gate.enter(peer, &limits)?) };
        let counted = gate.metrics.connected(gate.door);
        let mut desk = Desk {
            door: gate.door,
            limits,
            metrics: gate.metrics.clone(),
            router: hall.router.clone(),
            connection: Connection { peer, tls: None },
            witness: self.witness.clone(),
            running: hall.running.clone(),
            slots: None,
        };
        let handshakes = hall.tls.as_ref().map(|tls| tls.current());
        let stopping = hall.stopping.clone();
        Some(async move {
            let _counted = counted;
            // Head and body leave in one write; waiting for more would only delay them.
            let _ = stream.set_nodelay(true);
            let (stream, _seat) = match seat {
                Some(seat) => (stream, seat),
                None => match Box::pin(gate.enter_announced(stream, &mut desk, stopping.clone())).await {
                    Some(entered) => entered,
                    None => return,
                },
            };
            match handshakes {
                None => Box::pin(serve(stream, desk, stopping)).await,
                Some(handshakes) => serve_tls(handshakes, stream, desk, stopping).await,
            }
        })
    }

    /// Some errors belong to one connection that is gone already; the others, such as too many open files, need a moment.
    async fn wait_after(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            tracing::error!(door = self.gate.door, %error, "cannot accept connections");
            self.gate.metrics.refused(self.gate.door, "system");
            sleep(BREATH).await;
        }
    }
}

impl Gate {
    fn enter(&self, peer: SocketAddr, limits: &Limits) -> Option<Seat> {
        let full = match self.census.enter(peer.ip(), limits) {
            Ok(seat) => return Some(seat),
            Err(full) => full,
        };
        let reason = match full {
            Full::Door => "connections",
            Full::Address => "connections_per_address",
        };
        self.metrics.refused(self.door, reason);
        tracing::debug!(door = self.door, %peer, reason, "a connection was turned away");
        None
    }

    /// Lets the balancer say whose connection it is; that one takes the place.
    async fn enter_announced(
        &self,
        mut stream: TcpStream,
        desk: &mut Desk,
        mut stopping: Stopping,
    ) -> Option<(TcpStream, Seat)> {
        let balancer = desk.connection.peer;
        let header = tokio::select! {
            header = timeout(seconds(desk.limits.header_seconds), announced(&mut stream)) => header,
            () = stopping.wait() => return None,
        };
        let fault = match header {
            Ok(Ok(client)) => {
                desk.connection.peer = client.unwrap_or(balancer);
                return self.enter(desk.connection.peer, &desk.limits).map(|seat| (stream, seat));
            }
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => "the PROXY header takes too long".to_owned(),
        };
        self.metrics.refused(self.door, "proxy");
        tracing::warn!(door = self.door, %balancer, fault, "a balancer did not say whose connection it hands on");
        None
    }
}

/// What a connection needs for its handshake only is in a box of its own, which is gone when it is idle.
async fn serve_tls(handshakes: Arc<Handshakes>, stream: TcpStream, mut desk: Desk, stopping: Stopping) {
    match Box::pin(shake(handshakes, stream, &desk, stopping.clone())).await {
        Ok((stream, tls)) => {
            desk.connection.tls = Some(Arc::new(tls));
            if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
                Box::pin(http2::serve(stream, desk, stopping)).await;
            } else {
                Box::pin(serve(stream, desk, stopping)).await;
            }
        }
        Err(reason) => desk.metrics.refused(desk.door, reason),
    }
}

/// The handshake, and what it told; else why there is none.
async fn shake(
    handshakes: Arc<Handshakes>,
    stream: TcpStream,
    desk: &Desk,
    mut stopping: Stopping,
) -> Result<(Box<TlsStream<TcpStream>>, Tls), &'static str> {
    let unique_sessions = handshakes.settings.require_ems;
    let shaking = timeout(seconds(desk.limits.handshake_seconds), overhear(handshakes.shake(stream)));
    tokio::select! {
        shaken = shaking => match shaken {
            Ok((Ok(stream), first)) => {
                let tls = facts(&stream, first, unique_sessions);
                Ok((Box::new(stream), tls))
            }
            Ok((Err(error), _)) => {
                tracing::debug!(door = desk.door, peer = %desk.connection.peer, %error, "a handshake failed");
                Err("handshake")
            }
            Err(_) => Err("handshake_time"),
        },
        () = stopping.wait() => Err("stopping"),
    }
}

fn facts(stream: &TlsStream<TcpStream>, first: FirstFinished, unique_sessions: bool) -> Tls {
    let (_, session) = stream.get_ref();
    Tls {
        client_chain: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect(),
        relayed: false,
        version_1_3: session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3),
        bindings: bindings(session, first, unique_sessions),
    }
}

/// What the accept loop waits after an error of the system, so that it does not spin.
const BREATH: Duration = Duration::from_millis(100);
