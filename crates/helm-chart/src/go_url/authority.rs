//! User information and host of an address. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Outcome, escape, invalid, unescape};
use crate::engine::octets;

/// Characters of a host besides letters, digits and `-_.~`.
pub(super) const HOST: &str = "!$&'()*+,;=:[]<>\"";
/// Characters of a user name or password that are not escaped.
const USER: &str = "$&+,;=";
/// Characters that are allowed in user information when it is read.
const USER_READ: &str = "-._:~!$&'()*+,;=%@";

/// User information as Go writes it, and the host.
pub(super) fn parse(scheme: &str, authority: &str) -> Outcome<(String, String)> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let host = parse_host(scheme, host)?;
    let user = match user {
        Some(user) => parse_user(user)?,
        None => String::new(),
    };
    Ok((user, host))
}

fn parse_user(user: &str) -> Outcome<String> {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || USER_READ.contains(character);
    if !user.chars().all(plain) {
        return Err(invalid("net/url: invalid userinfo"));
    }
    let again = |part: &str| Ok(escape(&unescape(part)?, USER));
    match user.split_once(':') {
        Some((name, password)) => Ok(format!("{}:{}", again(name)?, again(password)?)),
        None => again(user),
    }
}

fn parse_host(scheme: &str, host: &str) -> Outcome<String> {
    match host.rfind('[') {
        Some(0) => return literal(host),
        Some(_) => return Err(invalid("invalid IP-literal")),
        None => {}
    }
    if let Some(first) = host.find(':') {
        // Addresses of databases often hold a list of hosts.
        let colon = match scheme {
            "http" | "https" => first,
            _ => host.rfind(':').unwrap_or(first),
        };
        check_port(&host[colon..])?;
    }
    Ok(octets::string(unescape_host(host, false)?))
}

/// `[fe80::1%25en0]:80`
fn literal(host: &str) -> Outcome<String> {
    let Some(close) = host.rfind(']') else {
        return Err(invalid("missing ']' in host"));
    };
    let port = &host[close + 1..];
    check_port(port)?;
    let name = &host[1..close];
    let bytes = match name.find("%25") {
        Some(zone) => {
            let mut bytes = unescape_host(&name[..zone], false)?;
            bytes.extend(unescape_host(&name[zone..], true)?);
            bytes
        }
        None => unescape_host(name, false)?,
    };
    let name = octets::string(bytes);
    let (address, zone) = match name.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (name.as_str(), None),
    };
    if address.parse::<Ipv4Addr>().is_ok() && zone.is_none() {
        return Err(invalid("invalid IP-literal"));
    }
    if address.parse::<Ipv6Addr>().is_err() || zone == Some("") {
        return Err(invalid(format!("invalid host: ParseAddr({name:?})")));
    }
    Ok(format!("[{name}]{port}"))
}

fn check_port(port: &str) -> Outcome<()> {
    if is_port(port) {
        return Ok(());
    }
    Err(invalid(format!("invalid port {port:?} after host")))
}

fn is_port(port: &str) -> bool {
    match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    }
}

/// The host without its port and brackets.
pub(super) fn hostname(host: &str) -> &str {
    let name = match host.rfind(':') {
        Some(colon) if is_port(&host[colon..]) => &host[..colon],
        _ => host,
    };
    let inner = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(name)
}

/// Only bytes beyond ASCII may be escaped in a host; in a zone, spaces may be as well, and characters that need no escape.
fn unescape_host(source: &str, zone: bool) -> Outcome<Vec<u8>> {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || HOST.as_bytes().contains(&byte)
    };
    let bytes = unescape(source)?;
    let mut rest = source;
    while let Some(byte) = rest.bytes().next() {
        if byte == b'%' {
            let code = u8::from_str_radix(&rest[1..3], 16).unwrap_or(0);
            let refused = if zone {
                code != b' ' && !allowed(code)
            } else {
                code < 0x80
            };
            if refused && &rest[..3] != "%25" {
                return Err(invalid(format!("invalid URL escape \"{}\"", &rest[..3])));
            }
            rest = &rest[3..];
        } else if byte.is_ascii() && !allowed(byte) {
            let character = char::from(byte).to_string();
            return Err(invalid(format!(
                "invalid character {character:?} in host name"
            )));
        } else {
            rest = &rest[rest.chars().next().map_or(1, char::len_utf8)..];
        }
    }
    Ok(bytes)
}
