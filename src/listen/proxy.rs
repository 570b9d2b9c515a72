//! The PROXY protocol, version 2: a balancer that hands a connection on says first whose it is.

use std::io;
use std::net::SocketAddr;

use ppp::v2::{Addresses, Command, Header, PROTOCOL_PREFIX, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Reads the header and not a byte more. None where the balancer speaks for itself: it looks whether we are there (LOCAL), or has no
/// address to tell (AF_UNSPEC, AF_UNIX).
///
/// # Errors
/// When it is no header of version 2, is longer than any that makes sense, or is for datagrams.
pub(super) async fn announced(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; FIXED];
    stream.read_exact(&mut header).await?;
    let (prefix, rest) = header.split_at(PROTOCOL_PREFIX.len());
    if prefix != PROTOCOL_PREFIX {
        return Err(wrong("a connection from here must begin with a PROXY header of version 2"));
    }
    let length = match rest {
        [.., high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    if length > LONGEST {
        return Err(wrong("the PROXY header is too long"));
    }
    header.resize(FIXED + length, 0);
    stream.read_exact(header.get_mut(FIXED..).unwrap_or_default()).await?;
    let header = Header::try_from(header.as_slice()).map_err(|fault| wrong(&fault.to_string()))?;
    if header.command == Command::Local {
        return Ok(None);
    }
    match (header.protocol, header.addresses) {
        (Protocol::Stream, Addresses::IPv4(addresses)) => {
            Ok(Some(SocketAddr::from((addresses.source_address, addresses.source_port))))
        }
        (Protocol::Stream, Addresses::IPv6(addresses)) => {
            Ok(Some(SocketAddr::from((addresses.source_address, addresses.source_port))))
        }
        (Protocol::Datagram, _) => Err(wrong("the PROXY header is for datagrams")),
        (Protocol::Stream | Protocol::Unspecified, _) => Ok(None),
    }
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Octets of the part with the length.
const FIXED: usize = 16;

/// Octets after the fixed part. Balancers may add what they know of TLS, certificates too, which is not looked at.
const LONGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use ppp::v2::{Builder, Version};
    use proptest::prelude::*;

    fn header(command: Command, protocol: Protocol, addresses: impl Into<Addresses>) -> Vec<u8> {
        Builder::with_addresses(Version::Two | command, protocol, addresses).build().unwrap()
    }

    fn read(mut octets: &[u8]) -> (io::Result<Option<SocketAddr>>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(announced(&mut octets));
        (read, octets.len())
    }

    fn pair(source: &str) -> (SocketAddr, SocketAddr) {
        let source: SocketAddr = source.parse().unwrap();
        let ours = if source.is_ipv4() { "192.0.2.1:443" } else { "[2001:db8::1]:443" };
        (source, ours.parse().unwrap())
    }

    #[test]
    fn the_address_of_a_client_is_told_and_what_follows_is_left_alone() {
        for source in ["198.51.100.7:1234", "[2001:db8::7]:1234"] {
            let mut octets = header(Command::Proxy, Protocol::Stream, pair(source));
            octets.extend_from_slice(b"GET /");
            let (read, left) = read(&octets);
            assert_eq!((read.unwrap(), left), (Some(source.parse().unwrap()), 5));
        }
    }

    #[test]
    fn a_balancer_may_speak_for_itself() {
        let local = header(Command::Local, Protocol::Stream, pair("198.51.100.7:1234"));
        assert_eq!(read(&local).0.unwrap(), None);
        let unknown = header(Command::Proxy, Protocol::Unspecified, Addresses::Unspecified);
        assert_eq!(read(&unknown).0.unwrap(), None);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert!(read(b"PROXY TCP4 198.51.100.7 192.0.2.1 1234 443\r\n").0.is_err(), "version 1");
        assert!(read(b"GET / HTTP/1.1\r\nHost: ra\r\n\r\n").0.is_err());
        assert!(read(&header(Command::Proxy, Protocol::Datagram, pair("198.51.100.7:1234"))).0.is_err());
        let good = header(Command::Proxy, Protocol::Stream, pair("198.51.100.7:1234"));
        let with = |place: usize, octet: u8| {
            let mut octets = good.clone();
            octets[place] = octet;
            octets.resize(70_000, 0);
            read(&octets).0
        };
        assert!(with(12, 0x11).is_err(), "version 1 in the form of version 2");
        assert!(with(12, 0x2f).is_err(), "an unknown command");
        assert!(with(15, 3).is_err(), "shorter than its addresses");
        assert!(with(14, 0xff).is_err(), "longer than any");
        assert!(read(&good[..20]).0.is_err(), "cut off");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&[PROTOCOL_PREFIX, &octets].concat());
        }
    }
}
