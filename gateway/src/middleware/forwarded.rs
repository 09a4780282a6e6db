//! Whose address is it? The connection's; behind proxies that the operator names, the one that the first of them saw.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::error::{ApiError, Result};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The right-most address that is no trusted proxy's: what stands left of it is the client's own word. If all are proxies,
/// the left-most. Headers of anybody else are not looked at.
///
/// # Errors
/// `INVALID_REQUEST` if a trusted proxy passes on what is no address: nothing may be decided by a guess.
pub fn client(connection: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Result<IpAddr> {
    let mut seen = connection.to_canonical();
    let is_proxy = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_proxy(&seen) {
        return Ok(seen);
    }
    let unreadable = || ApiError::invalid("`X-Forwarded-For` cannot be read: the proxy must send addresses");
    for line in headers.get_all(FORWARDED_FOR).iter().rev() {
        let line = line.to_str().map_err(|_| unreadable())?;
        for entry in line.split(',').rev() {
            seen = address(entry.trim()).ok_or_else(unreadable)?;
            if !is_proxy(&seen) {
                return Ok(seen);
            }
        }
    }
    Ok(seen)
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|both| both.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(connection: &str, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let client = client(connection.parse().unwrap(), &headers, &trusted);
        client.ok().map(|address| address.to_string())
    }

    #[test]
    fn the_right_most_address_that_is_no_proxys() {
        for (connection, lines, expected) in [
            ("192.0.2.1", vec!["198.51.100.7"], Some("192.0.2.1")),
            ("10.0.0.1", vec![], Some("10.0.0.1")),
            ("10.0.0.1", vec!["198.51.100.7"], Some("198.51.100.7")),
            ("::ffff:10.0.0.1", vec!["::ffff:198.51.100.7"], Some("198.51.100.7")),
            ("10.0.0.1", vec!["1.1.1.1, 198.51.100.7"], Some("198.51.100.7")),
            (
                "10.0.0.1",
                vec!["1.1.1.1", "198.51.100.7,10.0.0.2"],
                Some("198.51.100.7"),
            ),
            ("2001:db8::1", vec!["[2001:db9::7]:443"], Some("2001:db9::7")),
            ("10.0.0.1", vec!["198.51.100.7:1234"], Some("198.51.100.7")),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            ("10.0.0.1", vec!["198.51.100.7, unknown"], None),
            ("10.0.0.1", vec!["198.51.100.7,"], None),
            ("10.0.0.1", vec![""], None),
            // What stands left of the client is never looked at.
            ("10.0.0.1", vec!["unknown, 198.51.100.7"], Some("198.51.100.7")),
        ] {
            assert_eq!(found(connection, &lines).as_deref(), expected, "{connection} {lines:?}");
        }
    }
}
