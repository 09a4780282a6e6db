//! Which doors are open, and how much may come in through them?

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;

use super::settings::{Problem, Settings};

/// Section `http`: REST.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    pub listen: SocketAddr,
    /// Open connections at once; one more waits.
    pub max_connections: usize,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// Time for the headers of a request to arrive.
    pub header_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` is believed; default: none.
    pub trusted_proxies: Vec<IpNet>,
}

/// Section `management`: probes and metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Management {
    pub listen: SocketAddr,
}

impl Http {
    pub(super) fn read(settings: &mut Settings) -> Self {
        Self {
            listen: settings.address("http.listen", loopback(8080)),
            max_connections: size(settings.number("http.max_connections", 4_096, 1..=1_000_000)),
            max_body_bytes: size(settings.number("http.max_body_bytes", 16 * 1_048_576, 1_024..=1_073_741_824)),
            header_timeout: settings.seconds("http.header_timeout_seconds", 15, 1..=600),
            trusted_proxies: proxies(settings),
        }
    }
}

impl Management {
    pub(super) fn read(settings: &mut Settings) -> Self {
        Self {
            listen: settings.address("management.listen", loopback(8081)),
        }
    }
}

/// Networks (`10.1.0.0/16`) or single addresses. Who trusts everybody trusts what everybody writes.
fn proxies(settings: &mut Settings) -> Vec<IpNet> {
    const PATH: &str = "http.trusted_proxies";
    let mut networks = Vec::new();
    for text in settings.texts(PATH) {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse::<IpNet>().ok().or_else(address);
        match network.filter(|network| network.prefix_len() > 0) {
            Some(network) => networks.push(network),
            None => settings.complain(Problem {
                origin: settings.origin(PATH),
                message: format!("`{PATH}`: `{text}` is not a network such as `10.1.0.0/16`, nor an address"),
            }),
        }
    }
    networks
}

/// Doors that this version does not have may only be closed.
pub(super) fn refuse_other_doors(settings: &mut Settings) {
    settings.refuse(
        "flight.listen",
        "off",
        "NOT_SUPPORTED: this version has no Flight SQL door; use `off`",
    );
    settings.refuse(
        "postgres.listen",
        "off",
        "NOT_SUPPORTED: this version has no PostgreSQL door; use `off`",
    );
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A number of the configuration as a size in memory.
pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
