//! The office's own doors: Unix sockets in the data folder that only its owner can open. One of them is for officers, who show their
//! certificates there.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};

use super::Failed;
use crate::config::Config;
use crate::frontend::Shown;
use crate::listen::{ServerTls, Stopping};

/// The data folder, for one server alone. The system lets go of it with the process, however that ends.
#[derive(Debug)]
pub(super) struct Folder {
    _lock: File,
}

/// The bound socket.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

/// Makes the data folder when it is not there.
pub(super) fn make_folder(config: &Config) -> Result<(), Failed> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&config.data);
    made.map_err(|fault| Failed::new(format!("{}: {fault}", config.data.display())))
}

impl Folder {
    /// Takes the folder, unless a server has it.
    pub(super) fn take(config: &Config) -> Result<Self, Failed> {
        make_folder(config)?;
        let path = config.data.join("lock");
        let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", path.display()));
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(named)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Failed::new(format!("{}: another server runs here", config.data.display())))
            }
            Err(TryLockError::Error(fault)) => Err(named(fault)),
        }
    }
}

impl Socket {
    /// Binds a socket in a folder that was taken: one that is there was left by a server that was killed.
    pub(super) fn bind(path: PathBuf, _folder: &Folder) -> Result<Self, Failed> {
        let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", path.display()));
        // Under its final name it is nobody else's from the first moment.
        let unfinished = path.with_extension("new");
        drop(std::fs::remove_file(&unfinished));
        let listener = UnixListener::bind(&unfinished).map_err(named)?;
        std::fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).map_err(named)?;
        std::fs::rename(&unfinished, &path).map_err(named)?;
        Ok(Self { listener, path })
    }

    /// Serves until it is time to stop, then finishes what is under way. With TLS each request has what its connection [`Shown`].
    pub(super) async fn serve(self, tls: Option<Arc<ServerTls>>, router: Router, mut stopping: Stopping) {
        let running = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.wait() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(fault) => {
                    tracing::error!(%fault, "the control socket takes no connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (watcher, router, tls) = (running.watcher(), router.clone(), tls.clone());
            tokio::spawn(async move {
                if let Err(fault) = answer(stream, tls, router, watcher).await {
                    tracing::debug!(fault, "a control connection ended badly");
                }
            });
        }
        if tokio::time::timeout(GRACE, running.shutdown()).await.is_err() {
            tracing::warn!("a command on the control socket was not finished in time");
        }
        drop(std::fs::remove_file(&self.path));
    }
}

async fn answer(
    stream: UnixStream,
    tls: Option<Arc<ServerTls>>,
    router: Router,
    watcher: Watcher,
) -> Result<(), String> {
    let Some(tls) = tls else { return converse(stream, router, watcher).await };
    let shaken = tokio::time::timeout(GRACE, tls.shake(stream)).await;
    let (stream, shown) = shaken.map_err(|late| late.to_string())?.map_err(|fault| fault.to_string())?;
    converse(stream, router.layer(Extension(Shown(shown))), watcher).await
}

async fn converse<S>(stream: S, router: Router, watcher: Watcher) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await.map_err(|fault| fault.to_string())
}

/// What keeps the system from accepting, such as too many open files, does not pass at once.
const PAUSE: Duration = Duration::from_millis(100);

const GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::REFERENCE;

    fn config(data: &std::path::Path) -> Config {
        let mut config: Config = toml::from_str(REFERENCE).unwrap();
        config.data = data.join("data");
        config
    }

    #[test]
    fn a_data_folder_is_for_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let taken = Folder::take(&config).unwrap();
        let fault = Folder::take(&config).unwrap_err().to_string();
        assert!(fault.contains("another server runs here"), "{fault}");
        drop(taken);
        Folder::take(&config).unwrap();
        assert_eq!(std::fs::metadata(&config.data).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let taken = Folder::take(&config).unwrap();
        drop(Socket::bind(config.control_socket(), &taken).unwrap());
        assert!(UnixStream::connect(config.control_socket()).await.is_err());
        let _socket = Socket::bind(config.control_socket(), &taken).unwrap();
        UnixStream::connect(config.control_socket()).await.unwrap();
        let mode = std::fs::metadata(config.control_socket()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
