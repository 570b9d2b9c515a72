use tokio::sync::watch;

/// Whoever holds this can end the server.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// Whoever holds this is told.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stop {
    /// Nothing is stopping yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Doors close to new connections, and running requests get their time to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// To be handed to whatever is to stop.
    #[must_use]
    pub fn signal(&self) -> Stopping {
        Stopping(self.0.subscribe())
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stopping {
    /// Waits until it is time to stop; also when the [`Stop`] is gone.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }
}
