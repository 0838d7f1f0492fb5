//! What a device and the agent say to each other. Pure.

use std::net::Ipv4Addr;

/// Room that the device has for the body of `/update`.
#[cfg(test)]
const BODY: usize = 21;

/// The least that counts as an attestation certificate.
pub const MIN_CERTIFICATE: usize = 700;

/// The most that is read of one.
pub const MAX_CERTIFICATE: usize = 4095;

/// Body of the request to `/update`. It tells the device where to dial.
pub fn update(address: Ipv4Addr) -> String {
    format!("ip: {address}")
}

/// How far an attestation certificate has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// More is to come.
    Partial,
    /// It is whole, and this long.
    Whole(usize),
    /// It is not a certificate.
    Malformed,
}

/// Looks at the bytes so far. A certificate is a DER sequence, which begins with its length. The device sends nothing before it
/// or behind it.
pub fn arrival(bytes: &[u8]) -> Arrival {
    let (head, length) = match *bytes {
        [] | [0x30] | [0x30, 0x81..=0x82] | [0x30, 0x82, _] => return Arrival::Partial,
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        // Shorter lengths are of certificates below the least.
        _ => return Arrival::Malformed,
    };
    let whole = head + length;
    if !(MIN_CERTIFICATE..=MAX_CERTIFICATE).contains(&whole) || bytes.len() > whole {
        Arrival::Malformed
    } else if bytes.len() == whole {
        Arrival::Whole(whole)
    } else {
        Arrival::Partial
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_longest_address_fits_the_device_s_buffers() {
        let longest = update(Ipv4Addr::BROADCAST);
        assert_eq!(longest, "ip: 255.255.255.255");
        // The device keeps a zero behind the body, and one behind the address.
        assert!(longest.len() < BODY && longest.len() - "ip: ".len() < 17);
    }

    fn der(length: u16, arrived: usize) -> Vec<u8> {
        let [high, low] = length.to_be_bytes();
        let mut bytes = vec![0x30, 0x82, high, low];
        bytes.resize(arrived, 0);
        bytes
    }

    #[rstest]
    #[case::nothing(vec![], Arrival::Partial)]
    #[case::part_of_the_head(vec![0x30, 0x82, 3], Arrival::Partial)]
    #[case::all_but_one(der(796, 799), Arrival::Partial)]
    #[case::whole(der(796, 800), Arrival::Whole(800))]
    #[case::the_least(der(696, 700), Arrival::Whole(700))]
    #[case::below_the_least(der(695, 699), Arrival::Malformed)]
    #[case::the_most(der(4091, 4095), Arrival::Whole(4095))]
    #[case::above_the_most(der(4092, 4), Arrival::Malformed)]
    #[case::more_than_a_certificate(der(796, 801), Arrival::Malformed)]
    #[case::short_form(vec![0x30, 0x10], Arrival::Malformed)]
    #[case::something_else(b"GET / HTTP/1.1".to_vec(), Arrival::Malformed)]
    fn a_certificate_has_arrived_when_it_is_as_long_as_it_says(
        #[case] bytes: Vec<u8>,
        #[case] want: Arrival,
    ) {
        assert_eq!(arrival(&bytes), want);
    }
}
