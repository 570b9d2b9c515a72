use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::LazyLock;

use rustls::crypto::tls12::Prf;
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, aws_lc_rs};
use rustls::{
    CipherSuiteCommon, HandshakeKind, ProtocolVersion, ServerConnection, SupportedCipherSuite, Tls12CipherSuite,
};

use crate::frontend::connection::ChannelBinding;

/// The provider of all TLS here. Its TLS 1.2 suites tell [`overhear`] of the Finished messages, as rustls itself does not.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider { cipher_suites: SUITES.clone(), ..aws_lc_rs::default_provider() }
}

/// The verify data of the first Finished message of a TLS 1.2 handshake: the client's in a full handshake, the server's in a
/// resumed one. RFC 5929 section 3.1 calls it tls-unique.
pub(super) type FirstFinished = Option<[u8; 12]>;

/// Does a handshake, and tells the first Finished message that was computed in it.
///
/// rustls computes both within a poll of the handshake, on the thread that polls, so what is noted there meanwhile is this
/// handshake's.
pub(super) async fn overhear<F: Future>(handshake: F) -> (F::Output, FirstFinished) {
    let mut handshake = pin!(handshake);
    let mut first = None;
    poll_fn(|cx| {
        FIRST_FINISHED.set(first);
        let polled = handshake.as_mut().poll(cx);
        first = FIRST_FINISHED.take();
        polled.map(|output| (output, first))
    })
    .await
}

/// The values that belong to this connection and no other. `unique_sessions`: every TLS 1.2 session has the extended master secret.
///
/// Without that secret two sessions can be made to share their keys: what is derived from them, and tls-unique of a resumed
/// handshake, would be the same on both (RFC 7627 section 1, RFC 9266 section 3), so there is none then.
pub(super) fn bindings(session: &ServerConnection, first: FirstFinished, unique_sessions: bool) -> Vec<ChannelBinding> {
    let is_1_3 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    // TLS 1.3 has no tls-unique (RFC 9266 section 1), whatever a client's library gives under that name.
    let unique = first.filter(|_| !is_1_3 && (unique_sessions || !resumed)).map(ChannelBinding::TlsUnique);
    let exporter = (is_1_3 || unique_sessions).then(|| exporter(session)).flatten();
    unique.into_iter().chain(exporter).collect()
}

/// RFC 9266 section 2: 32 octets under a label of its own, with an empty context.
fn exporter(session: &ServerConnection) -> Option<ChannelBinding> {
    session.export_keying_material([0; 32], EXPORTER_LABEL, Some(b"")).ok().map(ChannelBinding::TlsExporter)
}

/// A suite's PRF, with an ear for the Finished messages.
struct Overheard(&'static dyn Prf);

impl Prf for Overheard {
    fn for_key_exchange(
        &self,
        output: &mut [u8; 48],
        key_exchange: Box<dyn ActiveKeyExchange>,
        peer_key: &[u8],
        label: &[u8],
        seed: &[u8],
    ) -> Result<(), rustls::Error> {
        self.0.for_key_exchange(output, key_exchange, peer_key, label, seed)
    }

    fn for_secret(&self, output: &mut [u8], secret: &[u8], label: &[u8], seed: &[u8]) {
        self.0.for_secret(output, secret, label, seed);
        // RFC 5246 section 7.4.9.
        if matches!(label, b"client finished" | b"server finished") && FIRST_FINISHED.get().is_none() {
            FIRST_FINISHED.set(<[u8; 12]>::try_from(&*output).ok());
        }
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

/// The suite with an ear, kept for as long as the server runs: rustls takes no others.
fn overheard(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let SupportedCipherSuite::Tls12(suite) = suite else { return suite };
    let common = &suite.common;
    SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
        common: CipherSuiteCommon {
            suite: common.suite,
            hash_provider: common.hash_provider,
            confidentiality_limit: common.confidentiality_limit,
        },
        prf_provider: Box::leak(Box::new(Overheard(suite.prf_provider))),
        kx: suite.kx,
        sign: suite.sign,
        aead_alg: suite.aead_alg,
    })))
}

thread_local! {
    static FIRST_FINISHED: Cell<FirstFinished> = const { Cell::new(None) };
}

static SUITES: LazyLock<Vec<SupportedCipherSuite>> =
    LazyLock::new(|| aws_lc_rs::default_provider().cipher_suites.into_iter().map(overheard).collect());

const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overheard_belongs_to_the_handshake_that_was_polled() {
        let noted = |value| FIRST_FINISHED.set(Some([value; 12]));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let one = overhear(async {
            noted(1);
            tokio::task::yield_now().await;
        });
        let other = overhear(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        let (((), one), ((), other)) = runtime.block_on(async { tokio::join!(one, other) });
        assert_eq!((one, other), (Some([1; 12]), None));
        assert_eq!(FIRST_FINISHED.get(), None);
    }

    #[test]
    fn the_first_finished_counts() {
        let prf = |label: &[u8]| {
            let mut output = [0; 12];
            let suite = provider().cipher_suites.into_iter().find_map(|suite| match suite {
                SupportedCipherSuite::Tls12(suite) => Some(suite),
                SupportedCipherSuite::Tls13(_) => None,
            });
            suite.unwrap().prf_provider.for_secret(&mut output, b"secret", label, b"seed");
            output
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (first, heard) = runtime.block_on(overhear(async {
            prf(b"key expansion");
            let first = prf(b"server finished");
            prf(b"client finished");
            first
        }));
        assert_eq!(heard, Some(first));
    }

    #[test]
    fn every_suite_has_forward_secrecy_and_authenticated_encryption() {
        let names = provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect::<Vec<_>>();
        assert!(names.len() >= 9, "{names:?}");
        for name in &names {
            // RFC 9325 section 4.2.
            assert!(name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_"), "{name}");
            assert!(name.contains("_GCM_") || name.contains("_POLY1305_"), "{name}");
        }
        let groups = provider().kx_groups.iter().map(|group| group.name()).collect::<Vec<_>>();
        assert!(groups.contains(&rustls::NamedGroup::X25519MLKEM768), "{groups:?}");
    }
}
