//! A front end of the demo CA: another address with the same records behind it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Passes on what comes, until it is told otherwise. It is gone when it is dropped.
pub(crate) struct Front {
    port: u16,
    to: u16,
    running: Option<Arc<Running>>,
}

#[derive(Default)]
struct Running {
    stopped: AtomicBool,
    /// Requests are passed on, and no answer comes back.
    mute: AtomicBool,
    requests: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
}

impl Front {
    /// One before the server at this port.
    pub(crate) fn before(port: u16) -> Self {
        let mut front = Self { port: 0, to: port, running: None };
        front.open();
        front
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How often something was sent through it since it was opened.
    pub(crate) fn requests(&self) -> usize {
        self.running.as_ref().map_or(0, |running| running.requests.load(Ordering::SeqCst))
    }

    pub(crate) fn mute(&self, mute: bool) {
        self.running.as_ref().expect("it is open").mute.store(mute, Ordering::SeqCst);
    }

    /// It takes no more connections, and those that it has end.
    pub(crate) fn close(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stopped.store(true, Ordering::SeqCst);
        // The listener waits for one more connection.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        for connection in running.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// It is there again, at the same port.
    pub(crate) fn open(&mut self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        self.port = listener.local_addr().unwrap().port();
        let running = Arc::new(Running::default());
        let (ours, to) = (Arc::clone(&running), self.to);
        self.running = Some(running);
        aside(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ours.stopped.load(Ordering::SeqCst) {
                    return;
                }
                ours.take(client, to);
            }
        });
    }
}

impl Running {
    fn take(self: &Arc<Self>, client: TcpStream, to: u16) {
        // Who connects while the CA is down hears nothing.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { return };
        let pairs = [(client.try_clone(), server.try_clone()), (server.try_clone(), client.try_clone())];
        self.connections.lock().unwrap().extend([client, server]);
        for (up, (from, to)) in [true, false].into_iter().zip(pairs) {
            let (running, from, to) = (Arc::clone(self), from.unwrap(), to.unwrap());
            aside(move || running.pass(up, from, to));
        }
    }

    fn pass(&self, up: bool, mut from: TcpStream, mut to: TcpStream) {
        let mut octets = vec![0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut octets) {
            if up && octets.starts_with(b"POST") {
                self.requests.fetch_add(1, Ordering::SeqCst);
            }
            let lost = !up && self.mute.load(Ordering::SeqCst);
            if lost || to.write_all(&octets[..count]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own server")]
fn aside(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work);
}

impl Drop for Front {
    fn drop(&mut self) {
        self.close();
    }
}
