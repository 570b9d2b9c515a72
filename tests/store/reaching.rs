//! How a server is reached: over TLS, with a password, and what is refused.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use daftar::store::{Config, Error, Store};

use super::server::Server;

/// A server that wants TLS and a password.
struct Guarded {
    folder: tempfile::TempDir,
    server: Server,
    port: u16,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        certificate(folder.path(), "server", "localhost");
        certificate(folder.path(), "other", "localhost");
        let server = Server::start_with(|data| {
            for name in ["server.pem", "server.key"] {
                owned(data, name, &fs::read(folder.path().join(name)).unwrap());
            }
            let settings = format!(
                "listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n\
                                    ssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n"
            );
            owned(data, "postgresql.auto.conf", settings.as_bytes());
            owned(data, "pg_hba.conf", b"local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n");
        });
        let guarded = Self { folder, server, port };
        let local = guarded.server.url_at(port);
        let (client, connection) = tokio_postgres::connect(&local, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("ALTER ROLE postgres PASSWORD 'a long word'").await.unwrap();
        guarded
    }

    fn config(&self, name: &str, anchors: Option<&str>, password: &str) -> Config {
        let mut config = Config::postgres(format!("postgres://postgres@{name}:{}/postgres", self.port));
        config.anchors = anchors.map(|file| self.folder.path().join(file));
        config.password_file = Some(self.password(password));
        config
    }

    fn password(&self, word: &str) -> PathBuf {
        let path = self.folder.path().join("password");
        fs::write(&path, word).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_we_by_our_password() {
    let guarded = Guarded::start().await;
    let right = guarded.config("localhost", Some("server.pem"), "a long word\n");
    Store::open(&right).await.unwrap().open_cases().await.unwrap();
    for (name, anchors, password, why) in [
        ("localhost", Some("server.pem"), "a wrong word", "password"),
        ("localhost", Some("other.pem"), "a long word", "invalid peer certificate"),
        ("127.0.0.1", Some("server.pem"), "a long word", "invalid peer certificate"),
        ("localhost", None, "a long word", "no encryption"),
    ] {
        let fault = Store::open(&guarded.config(name, anchors, password)).await.unwrap_err().to_string();
        assert!(fault.contains(why), "{name} {anchors:?}: {fault}");
    }
}

#[tokio::test]
async fn what_would_give_a_secret_away_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "word").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let open = async |config: Config| match Store::open(&config).await {
        Err(Error::Setting(text)) => text,
        other => panic!("{other:?}"),
    };
    let url = "postgres://daftar@localhost/daftar";
    let readable = Config { password_file: Some(file), ..Config::postgres(url.to_owned()) };
    assert!(open(readable).await.contains("chmod 600"));
    let inside = open(Config::postgres("postgres://daftar:geheim@localhost/daftar".to_owned())).await;
    assert!(inside.contains("password_file") && !inside.contains("geheim"), "{inside}");
    assert!(open(Config::postgres(format!("{url}?sslmode=require"))).await.contains("anchors"));
    assert!(open(Config::postgres("postgres://daftar:geheim@localhost:x/".to_owned())).await.contains("URL"));
}

/// A file of the server's user.
fn owned(data: &Path, name: &str, content: &[u8]) {
    let owner = fs::metadata(data).unwrap();
    let path = data.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// A certificate that is its own anchor.
fn certificate(folder: &Path, file: &str, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join(format!("{file}.key")))
        .arg("-out")
        .arg(folder.join(format!("{file}.pem")))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}
