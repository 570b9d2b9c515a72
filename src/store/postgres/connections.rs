//! Connections to PostgreSQL, and one in use.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use futures_util::TryStreamExt as _;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::types::Type;
use tokio_postgres::{NoTls, Statement};
use zeroize::Zeroizing;

use super::tls;
use crate::store::columns::Columns;
use crate::store::look::{Engine, Look};
use crate::store::values::{Value, numbered};
use crate::store::{Config, Error};

/// A pool of connections. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Connections(Pool);

impl Connections {
    /// None is made yet.
    pub(super) fn new(url: &str, config: &Config) -> Result<Self, Error> {
        let server = server(url, config)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &config.anchors {
            Some(anchors) => Manager::from_config(server, tls::Connector::new(anchors)?, recycling),
            None => Manager::from_config(server, NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(config.connections.get().into())
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(CONNECT))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(|client: &mut ClientWrapper, _| {
                Box::pin(async { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) })
            }))
            .build();
        Ok(Self(pool.map_err(|fault| Error::Setting(fault.to_string()))?))
    }

    /// A connection that nobody uses, or a new one.
    pub(super) async fn session(&self) -> Result<Session, Error> {
        match self.0.get().await {
            Ok(connection) => Ok(Session(Some(connection))),
            Err(PoolError::Backend(fault)) => Err(Error::Server(fault)),
            Err(PoolError::Closed) => Err(Error::Closed),
            Err(_) => Err(Error::Away),
        }
    }

    /// Closes the connections that nobody uses; those in use are closed after it.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

/// A connection in use. Unless it is given back it is closed, and what it had not committed is undone.
#[derive(Debug)]
pub(in crate::store) struct Session(Option<Object>);

impl Session {
    pub(super) fn client(&self) -> Result<&ClientWrapper, Error> {
        self.0.as_deref().ok_or(Error::Closed)
    }

    /// Runs statements without values.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        Ok(self.client()?.batch_execute(sql).await?)
    }

    /// A statement that the server knows from now on.
    pub(super) async fn prepared(&self, sql: &str, values: &[Value<'_>]) -> Result<Statement, Error> {
        let kinds: Vec<Type> = values.iter().map(Value::kind).collect();
        Ok(self.client()?.prepare_typed_cached(&numbered(sql), &kinds).await?)
    }

    /// Ends the transaction in order.
    pub(in crate::store) async fn end(self) -> Result<(), Error> {
        self.run("COMMIT").await?;
        self.give_back();
        Ok(())
    }

    /// Nothing is open on it any more.
    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

impl Look for Session {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    async fn each<E: From<Error>>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut look: impl FnMut(&Columns<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let statement = self.prepared(sql, values).await?;
        let rows = self.client()?.query_raw(&statement, values).await.map_err(Error::from)?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(Error::from)? {
            look(&Columns::Postgres(&row))?;
        }
        Ok(())
    }

    async fn change(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Error> {
        let statement = self.prepared(sql, values).await?;
        let changed = self.client()?.execute_raw(&statement, values).await?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }
}

/// Where the server is, and who we are there.
fn server(url: &str, config: &Config) -> Result<tokio_postgres::Config, Error> {
    // What is wrong with the text may hold a password.
    let mut server: tokio_postgres::Config =
        url.parse().map_err(|_| Error::Setting("it is no postgres:// URL".to_owned()))?;
    if server.get_password().is_some() {
        return Err(Error::Setting("it holds a password; that belongs into password_file".to_owned()));
    }
    if let Some(file) = &config.password_file {
        server.password(password(file)?.as_bytes());
    }
    match (&config.anchors, server.get_ssl_mode()) {
        (Some(_), _) => drop(server.ssl_mode(SslMode::Require)),
        (None, SslMode::Require) => {
            return Err(Error::Setting("with sslmode=require it needs anchors, to know the server by".to_owned()));
        }
        (None, _) => {}
    }
    if server.get_application_name().is_none() {
        server.application_name("daftar");
    }
    // Of several servers, the one that can be written to.
    server.target_session_attrs(TargetSessionAttrs::ReadWrite);
    server.connect_timeout(CONNECT).tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
    Ok(server)
}

fn password(file: &Path) -> Result<Zeroizing<String>, Error> {
    let fault = |text: &str| Error::Setting(format!("{}: {text}", file.display()));
    let about = std::fs::metadata(file).map_err(|cause| fault(&cause.to_string()))?;
    if about.mode() & 0o077 != 0 {
        return Err(fault("others than its owner may read it; run chmod 600 on it and change the password"));
    }
    let mut text = Zeroizing::new(std::fs::read_to_string(file).map_err(|cause| fault(&cause.to_string()))?);
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(text)
}

/// What correctness rests on is not left to the server's settings. A transaction of a node that is gone must not hold rows for ever.
const SETTINGS: &str = "SET default_transaction_isolation = 'read committed'; SET statement_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET timezone = 'UTC'";

/// For a connection to be free.
const WAIT: Duration = Duration::from_secs(5);

const CONNECT: Duration = Duration::from_secs(5);

/// How long a peer may be silent before it is asked, or given up.
const SILENCE: Duration = Duration::from_secs(10);
