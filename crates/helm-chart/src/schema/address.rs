//! Addresses as Go's `net/url` takes them apart, as far as their form goes. Pure.

use super::formats::ipv6;

/// What an address consists of, where a check asks about it.
struct Parts<'a> {
    is_absolute: bool,
    path: &'a str,
}

/// An address with a scheme.
pub(super) fn uri(text: &str) -> bool {
    parts(text).is_some_and(|parts| parts.is_absolute)
}

/// An address with or without a scheme.
pub(super) fn reference(text: &str) -> bool {
    !text.contains('\\') && parts(text).is_some()
}

/// An address with names in braces in its path.
pub(super) fn template(text: &str) -> bool {
    let Some(Parts { path, .. }) = parts(text) else {
        return false;
    };
    // Go keeps the path as it was written where it would write it in another way.
    let decoded = decode(path);
    if path.bytes().eq(encode(&decoded)) {
        return true;
    }
    path.split('/').all(|part| {
        let mut open = false;
        let balanced = decode(part).into_iter().all(|byte| {
            let wrong = byte == if open { b'{' } else { b'}' };
            open ^= matches!(byte, b'{' | b'}') && !wrong;
            !wrong
        });
        balanced && !open
    })
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) || !escapes_are_good(fragment) {
        return None;
    }
    let (scheme, rest) = scheme(text)?;
    let is_absolute = !scheme.is_empty();
    let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
    if !rest.starts_with('/') {
        let colon = rest
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'));
        let path = if is_absolute { "" } else { rest };
        let good = is_absolute || text == "*" || !colon && escapes_are_good(rest);
        return good.then_some(Parts { is_absolute, path });
    }
    let mut path = rest;
    if (is_absolute || !rest.starts_with("///")) && rest.starts_with("//") {
        let authority = &rest[2..];
        let end = authority.find('/').unwrap_or(authority.len());
        path = &authority[end..];
        if !authority_is_good(scheme, &authority[..end]) {
            return None;
        }
    }
    escapes_are_good(path).then_some(Parts { is_absolute, path })
}

/// The scheme, which may be empty, and what follows.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return None,
            b':' => return Some((&text[..index], &text[index + 1..])),
            _ => break,
        }
    }
    Some(("", text))
}

fn authority_is_good(scheme: &str, authority: &str) -> bool {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let letter = |one: char| one.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(one);
    user.chars().all(letter) && escapes_are_good(user) && host_is_good(scheme, host)
}

fn host_is_good(scheme: &str, host: &str) -> bool {
    if host.contains('[') {
        let inner = host
            .strip_prefix('[')
            .and_then(|rest| rest.rsplit_once(']'));
        return inner.is_some_and(|(inner, port)| {
            // A zone is not part of an address in a schema's eyes.
            port_is_good(port) && ipv6(inner)
        });
    }
    let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let colon = if http {
        host.find(':')
    } else {
        host.rfind(':')
    };
    let (name, port) = host.split_at(colon.unwrap_or(host.len()));
    // What still holds a colon would have to be an IPv6 address in brackets.
    port_is_good(port) && !name.contains(':') && name_is_good(name)
}

fn port_is_good(port: &str) -> bool {
    let digits = port.strip_prefix(':').unwrap_or(port);
    (port.is_empty() || port.starts_with(':')) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Only bytes beyond ASCII, and the percent sign, may be escaped in a name.
fn name_is_good(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        if byte == b'%' {
            let escape = &bytes[index..(index + 3).min(bytes.len())];
            if !octet(escape).is_some_and(|value| value >= 0x80 || escape == b"%25") {
                return false;
            }
            index += 3;
            continue;
        }
        let allowed = byte >= 0x80
            || byte.is_ascii_alphanumeric()
            || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte);
        if !allowed {
            return false;
        }
        index += 1;
    }
    true
}

fn octet(escape: &[u8]) -> Option<u8> {
    let [b'%', high, low] = escape else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
}

fn escapes_are_good(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut percents = (0..bytes.len()).filter(|index| bytes[*index] == b'%');
    percents.all(|index| octet(&bytes[index..(index + 3).min(bytes.len())]).is_some())
}

fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut decoded, mut index) = (Vec::new(), 0);
    while index < bytes.len() {
        let escaped = octet(&bytes[index..(index + 3).min(bytes.len())]);
        decoded.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    decoded
}

/// As Go writes a path.
fn encode(path: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for byte in path {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(byte) {
            encoded.push(*byte);
        } else {
            encoded.extend(format!("%{byte:02X}").bytes());
        }
    }
    encoded
}
