//! Where a device listens: an IPv4 address and a port. Pure. The key of locks and read-back, so it has exactly one spelling.

use std::{
    fmt,
    net::{AddrParseError, Ipv4Addr},
    str::FromStr,
};

use thiserror::Error;

use crate::display;

/// Port of a device whose endpoint names none.
const DEFAULT_PORT: u16 = 80;

/// IPv4 address and port of a device; shown as `ip:port`, so that `ip` and `ip:80` are one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    address: Ipv4Addr,
    port: u16,
}

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// The part before the port is not an IPv4 address.
    #[error("{text:?} does not begin with an IPv4 address; host names and IPv6 are not supported")]
    NotIpv4 {
        /// The text.
        text: String,
        /// What the parser says.
        source: AddrParseError,
    },
    /// The part after the colon is not a port.
    #[error("{text:?} does not end with a port from 1 to 65535")]
    NotAPort {
        /// The text.
        text: String,
    },
    /// No single device can have this address.
    #[error("{address} is {kind}; a device needs an address of its own")]
    NotADevice {
        /// The address.
        address: Ipv4Addr,
        /// What the address is.
        kind: &'static str,
    },
}

impl Endpoint {
    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let address: Ipv4Addr = host.parse().map_err(|source| EndpointError::NotIpv4 {
            text: shown(text),
            source,
        })?;
        if let Some(kind) = unusable(address) {
            return Err(EndpointError::NotADevice { address, kind });
        }
        let port = match port {
            Some(port) => {
                parse_port(port).ok_or_else(|| EndpointError::NotAPort { text: shown(text) })?
            }
            None => DEFAULT_PORT,
        };
        Ok(Self { address, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Asked for every device in every pass: written at once, and without the formatting machinery.
        let mut text = Text::default();
        for (place, octet) in self.address.octets().into_iter().enumerate() {
            if place > 0 {
                text.push(b'.');
            }
            text.number(octet.into());
        }
        text.push(b':');
        text.number(self.port);
        f.write_str(std::str::from_utf8(&text.bytes[..text.length]).unwrap_or_default())
    }
}

/// Room for `255.255.255.255:65535`.
#[derive(Default)]
struct Text {
    bytes: [u8; 21],
    length: usize,
}

impl Text {
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// A number in decimal.
    fn number(&mut self, number: u16) {
        for power in [10_000, 1_000, 100, 10, 1] {
            if number >= power || power == 1 {
                let digit = u8::try_from(number / power % 10).unwrap_or_default();
                self.push(b'0' + digit);
            }
        }
    }
}

/// Digits only: the standard parser would take a sign.
fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Where clouds answer a Pod with the credentials of its node, beside 169.254.169.254.
const CLOUD: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

fn unusable(address: Ipv4Addr) -> Option<&'static str> {
    let [first, ..] = address.octets();
    if address.is_unspecified() {
        Some("the unspecified address")
    } else if first == 0 {
        Some("of \"this network\" (0.0.0.0/8)")
    } else if address.is_loopback() {
        Some("a loopback address")
    } else if address.is_link_local() {
        Some(
            "a link-local address (169.254.0.0/16), where clouds serve the credentials of their nodes",
        )
    } else if CLOUD.contains(&address) {
        Some("where a cloud serves its nodes")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.is_broadcast() {
        Some("the broadcast address")
    } else if first >= 240 {
        Some("a reserved address (240.0.0.0/4)")
    } else {
        None
    }
}

fn shown(text: &str) -> String {
    display::line(text, display::NAME).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.7", "192.0.2.7:80")]
    #[case("192.0.2.7:80", "192.0.2.7:80")]
    #[case("192.0.2.7:8080", "192.0.2.7:8080")]
    fn an_endpoint_has_one_spelling(#[case] text: &str, #[case] shown: &str) {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), shown);
        assert_eq!(endpoint.address(), Ipv4Addr::new(192, 0, 2, 7));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::name("lamp.local")]
    #[case::name_with_port("lamp:80")]
    #[case::ipv6("2001:db8::1")]
    #[case::bracketed("[2001:db8::1]:80")]
    #[case::url("http://192.0.2.7")]
    #[case::path("192.0.2.7/update")]
    #[case::space(" 192.0.2.7")]
    #[case::octal("192.0.2.010")]
    #[case::no_port("192.0.2.7:")]
    #[case::port_zero("192.0.2.7:0")]
    #[case::port_too_large("192.0.2.7:65536")]
    #[case::signed_port("192.0.2.7:+80")]
    #[case::two_ports("192.0.2.7:80:80")]
    #[case::unspecified("0.0.0.0")]
    #[case::loopback("127.0.0.1:80")]
    #[case::multicast("224.0.0.1")]
    #[case::broadcast("255.255.255.255")]
    #[case::this_network("0.1.2.3")]
    #[case::metadata_of_a_cloud("169.254.169.254")]
    #[case::link_local("169.254.0.1:8080")]
    #[case::metadata_elsewhere("100.100.100.200")]
    #[case::wire_server("168.63.129.16")]
    #[case::reserved("240.0.0.1")]
    #[case::last_reserved("255.255.255.254")]
    #[case::multicast_of_a_site("239.255.255.250:1900")]
    fn what_no_device_can_have_is_refused(#[case] text: &str) {
        assert!(text.parse::<Endpoint>().is_err(), "{text}");
    }

    #[rstest]
    #[case::link_local(
        "169.254.169.254",
        "169.254.169.254 is a link-local address (169.254.0.0/16), where clouds serve the credentials of their nodes; a device needs an address of its own"
    )]
    #[case::reserved(
        "240.0.0.1",
        "240.0.0.1 is a reserved address (240.0.0.0/4); a device needs an address of its own"
    )]
    #[case::no_address(
        "\u{1b}[2J",
        "\"\\\\u{1b}[2J\" does not begin with an IPv4 address; host names and IPv6 are not supported"
    )]
    fn the_error_names_the_address_and_why(#[case] text: &str, #[case] says: &str) {
        assert_eq!(text.parse::<Endpoint>().unwrap_err().to_string(), says);
    }

    #[rstest]
    #[case::private("10.0.0.1")]
    #[case::shared("100.64.0.1")]
    #[case::public("198.51.100.7")]
    #[case::just_below_multicast("223.255.255.254")]
    fn what_a_device_can_have_is_allowed(#[case] text: &str) {
        assert!(text.parse::<Endpoint>().is_ok(), "{text}");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(last in 1_u8..255, port in proptest::option::of(1_u16..)) {
            let text = port.map_or(format!("198.51.100.{last}"), |port| format!("198.51.100.{last}:{port}"));
            let endpoint: Endpoint = text.parse().unwrap();
            prop_assert_eq!(endpoint.port(), port.unwrap_or(80));
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
            }
        }
    }
}
