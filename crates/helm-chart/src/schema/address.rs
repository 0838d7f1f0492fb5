//! Formats of addresses. Pure.

use super::formats::ipv6;
use crate::go_url::{Url, unescape};

/// An address with a scheme.
pub(super) fn uri(text: &str) -> bool {
    parse(text).is_some_and(|url| !url.scheme.is_empty())
}

/// An address with or without a scheme.
pub(super) fn reference(text: &str) -> bool {
    !text.contains('\\') && parse(text).is_some()
}

/// An address with names in braces in its path.
pub(super) fn template(text: &str) -> bool {
    let Some(url) = parse(text) else {
        return false;
    };
    // Go keeps the path as it was read if it would write the path differently.
    url.escaped_path == url.written_path() || url.escaped_path.split('/').all(is_balanced)
}

/// Reads an address as Go does. An IPv6 address has to stand in brackets, without a zone.
fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let name = url.hostname();
    let good = !name.contains(':') || url.host.starts_with('[') && ipv6(name);
    good.then_some(url)
}

/// Whether each brace that opens a name is followed by one that closes it, escaped ones included.
fn is_balanced(part: &str) -> bool {
    let mut open = false;
    let bytes = unescape(part).unwrap_or_default();
    let balanced = bytes.into_iter().all(|byte| {
        let wrong = byte == if open { b'{' } else { b'}' };
        open ^= matches!(byte, b'{' | b'}') && !wrong;
        !wrong
    });
    balanced && !open
}
