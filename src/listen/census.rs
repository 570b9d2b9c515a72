use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Limits;

/// Who is connected to a door.
#[derive(Debug, Default)]
pub(super) struct Census(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place that a connection takes; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    census: Arc<Census>,
    address: IpAddr,
}

/// Why there is no place for a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Full {
    Door,
    Address,
}

impl Census {
    /// Takes a place, unless the door or the address has too many already.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, limits: &Limits) -> Result<Seat, Full> {
        let address = neighbourhood(address);
        let mut counts = self.counts();
        if counts.total >= limits.connections.get() {
            return Err(Full::Door);
        }
        let of_address = counts.by_address.entry(address).or_default();
        if *of_address >= limits.connections_per_address.get() {
            return Err(Full::Address);
        }
        *of_address += 1;
        counts.total += 1;
        Ok(Seat { census: Arc::clone(self), address })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.census.counts();
        counts.total = counts.total.saturating_sub(1);
        if let Some(of_address) = counts.by_address.get_mut(&self.address) {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// One subscriber has one IPv4 address, but a whole /64 of IPv6.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    fn limits(connections: usize, connections_per_address: usize) -> Limits {
        let number = |number| NonZeroUsize::new(number).unwrap();
        Limits {
            connections: number(connections),
            connections_per_address: number(connections_per_address),
            ..Limits::default()
        }
    }

    fn enter(census: &Arc<Census>, address: &str) -> Result<Seat, Full> {
        census.enter(address.parse().unwrap(), &limits(3, 2))
    }

    #[test]
    fn an_address_has_its_own_limit_and_a_place_comes_back() {
        let census = Arc::default();
        let first = enter(&census, "192.0.2.1").unwrap();
        let _second = enter(&census, "::ffff:192.0.2.1").unwrap();
        assert_eq!(enter(&census, "192.0.2.1").unwrap_err(), Full::Address);
        let _other = enter(&census, "192.0.2.2").unwrap();
        drop(first);
        assert!(enter(&census, "192.0.2.1").is_ok());
    }

    #[test]
    fn a_door_has_a_limit_for_all() {
        let census = Arc::default();
        let _seats = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|address| enter(&census, address).unwrap());
        assert_eq!(enter(&census, "192.0.2.4").unwrap_err(), Full::Door);
    }

    #[test]
    fn neighbours_in_ipv6_count_as_one() {
        let census = Arc::default();
        let _seats = ["2001:db8::1", "2001:db8::2"].map(|address| enter(&census, address).unwrap());
        assert_eq!(enter(&census, "2001:db8::3").unwrap_err(), Full::Address);
        assert!(enter(&census, "2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn nobody_is_remembered_who_has_gone() {
        let census: Arc<Census> = Arc::default();
        drop(enter(&census, "192.0.2.1").unwrap());
        assert!(census.counts().by_address.is_empty());
        assert_eq!(census.counts().total, 0);
    }
}
