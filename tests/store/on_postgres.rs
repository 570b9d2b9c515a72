//! A PostgreSQL server that goes with the test.

use daftar::store::Config;

use crate::server::Server;

#[derive(Debug)]
pub(crate) struct Place(pub(crate) Server);

impl Place {
    pub(crate) fn new() -> Self {
        Self(Server::start())
    }

    pub(crate) fn config(&self) -> Config {
        Config::postgres(self.0.url())
    }

    /// Changes records behind the store's back.
    pub(crate) async fn meddle(&self, statement: &str) {
        self.client().await.batch_execute(statement).await.unwrap();
    }

    /// A connection of one's own.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.0.url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}
