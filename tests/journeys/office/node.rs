//! Further nodes of an office: the same records, token and CA, with a name, a folder and ports of their own.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Office, Ports, Settings, clock_of, end};

/// A node beside the first one. When it is dropped its process ends.
pub(crate) struct Node {
    ports: Ports,
    child: Option<Child>,
}

impl Office {
    /// Starts a further node and waits until it is ready.
    pub(crate) fn further_node(&self, name: &str) -> Node {
        self.further_node_with(name, Vec::new())
    }

    /// Starts a further node whose clock is so many seconds off, and waits until it is ready.
    pub(crate) fn further_node_off(&self, name: &str, seconds: i64) -> Node {
        let file = self.path(&format!("clock-{name}"));
        std::fs::write(&file, format!("{seconds:+}")).unwrap();
        self.further_node_with(name, clock_of(file))
    }

    fn further_node_with(&self, name: &str, environment: Vec<(&'static str, PathBuf)>) -> Node {
        let ports = Ports::take();
        let mut settings = Settings(std::fs::read_to_string(self.configuration()).unwrap().parse().unwrap());
        settings.0.insert("node".into(), name.into());
        settings.0.insert("data".into(), format!("data-{name}").into());
        let doors = [
            ("https", ports.https()),
            ("http", ports.http()),
            ("console", ports.console()),
            ("metrics", ports.metrics()),
        ];
        for (door, port) in doors {
            settings.set("listen", door, format!("127.0.0.1:{port}"));
        }
        let configuration = self.path(&format!("{name}.toml"));
        std::fs::write(&configuration, toml::to_string(&settings.0).unwrap()).unwrap();
        let node = Node { child: Some(self.serve(&configuration, environment)), ports };
        self.until("the further node is ready", || {
            Self::try_get(node.ports.metrics(), "/readyz").is_some_and(|answer| answer.status == 200)
        });
        node
    }

    /// Debian's haproxy, which passes connections on to the first node and these others in turns, to those that are there.
    pub(crate) fn balancer(&self, others: &[&Node]) -> Node {
        let ports = Ports::take();
        let mut text = String::from(
            "defaults\n mode tcp\n option redispatch\n retries 3\n timeout connect 1s\n timeout client 60s\n timeout server 60s\n",
        );
        for (door, port) in [("https", Ports::https as fn(&Ports) -> u16), ("http", Ports::http)] {
            writeln!(text, "listen {door}\n bind 127.0.0.1:{}\n balance roundrobin", port(&ports)).unwrap();
            for (number, node) in [&self.ports].into_iter().chain(others.iter().map(|node| &node.ports)).enumerate() {
                writeln!(text, " server node-{number} 127.0.0.1:{} check inter 200", port(node)).unwrap();
            }
        }
        let file = self.path("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let mut haproxy = Command::new("haproxy");
        haproxy
            .arg("-f")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(self.log("haproxy.log"))
            .stderr(self.log("haproxy.log"));
        let balancer = Node { child: Some(haproxy.spawn().unwrap()), ports };
        self.until("the balancer listens", || TcpStream::connect(("127.0.0.1", balancer.ports.http())).is_ok());
        balancer
    }

    /// What is asked here is asked of this node.
    pub(crate) fn at<T>(&mut self, node: &mut Node, ask: impl FnOnce(&Self) -> T) -> T {
        std::mem::swap(&mut self.ports, &mut node.ports);
        let answer = ask(self);
        std::mem::swap(&mut self.ports, &mut node.ports);
        answer
    }

    /// What the further nodes wrote to their log.
    pub(crate) fn nodes_said(&self) -> String {
        std::fs::read_to_string(self.path("nodes.log")).unwrap_or_default()
    }

    fn serve(&self, configuration: &Path, environment: Vec<(&'static str, PathBuf)>) -> Child {
        let mut server = self.daftar();
        server.args(["serve", "--config"]).arg(configuration).envs(environment).stdin(Stdio::null());
        server.stdout(self.log("nodes.log")).stderr(self.log("nodes.log")).spawn().unwrap()
    }
}

impl Node {
    /// As if the power went.
    pub(crate) fn kill(&mut self) {
        end(self.child.take());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        end(self.child.take());
    }
}
