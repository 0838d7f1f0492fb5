//! Addresses as Go's `net/url` reads and writes them. Pure; used by `urlParse` and `urlJoin`, and by the formats of a schema.

mod authority;

use std::fmt::Write as _;

use crate::engine::octets;

/// The parts of an address.
#[derive(Default)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    /// As it is written.
    pub(crate) userinfo: String,
    pub(crate) host: String,
    pub(crate) path: String,
    /// The path as it was read, with its escapes.
    pub(crate) escaped_path: String,
    pub(crate) query: String,
    pub(crate) opaque: String,
    pub(crate) fragment: String,
}

/// Why an address is refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(String);

type Outcome<T> = Result<T, Invalid>;

fn invalid(what: impl Into<String>) -> Invalid {
    Invalid(what.into())
}

/// Bytes of a text with its `%XX` resolved.
pub(crate) fn unescape(source: &str) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let source = octets::bytes(source);
    let mut rest = source.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap_or(b' '), rest.next().unwrap_or(b' ')];
        let code = std::str::from_utf8(&digits)
            .ok()
            .filter(|text| !text.starts_with('+'));
        let code = code.and_then(|text| u8::from_str_radix(text, 16).ok());
        bytes.push(code.ok_or_else(|| invalid("invalid URL escape"))?);
    }
    Ok(bytes)
}

/// `%XX` for every byte that is neither unreserved nor in `allowed`.
fn escape(source: &[u8], allowed: &str) -> String {
    let mut escaped = String::new();
    for byte in source.iter().copied() {
        let character = char::from(byte);
        if character.is_ascii_alphanumeric()
            || "-_.~".contains(character)
            || allowed.contains(character) && byte.is_ascii()
        {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// If Go refuses it, in words like Go's.
    pub(crate) fn parse(source: &str) -> Outcome<Self> {
        let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
        let mut url = Self {
            fragment: octets::string(unescape(fragment)?),
            ..Self::default()
        };
        if rest.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err(invalid("net/url: invalid control character in URL"));
        }
        if rest == "*" {
            rest.clone_into(&mut url.path);
            return Ok(url);
        }
        let rest = url.take_scheme(rest)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        query.clone_into(&mut url.query);
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            if rest
                .split('/')
                .next()
                .is_some_and(|segment| segment.contains(':'))
            {
                return Err(invalid("first path segment in URL cannot contain colon"));
            }
        }
        let mut path = rest;
        if let Some(after) = rest
            .strip_prefix("//")
            .filter(|_| !url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let end = after.find('/').unwrap_or(after.len());
            (url.userinfo, url.host) = authority::parse(&url.scheme, &after[..end])?;
            path = &after[end..];
        }
        url.path = octets::string(unescape(path)?);
        path.clone_into(&mut url.escaped_path);
        Ok(url)
    }

    fn take_scheme<'a>(&mut self, source: &'a str) -> Outcome<&'a str> {
        let end = source.find(|one: char| !(one.is_ascii_alphanumeric() || "+-.".contains(one)));
        match end {
            Some(0) if source.starts_with(':') => Err(invalid("missing protocol scheme")),
            Some(end)
                if source[end..].starts_with(':')
                    && source.starts_with(|one: char| one.is_ascii_alphabetic()) =>
            {
                self.scheme = source[..end].to_ascii_lowercase();
                Ok(&source[end + 1..])
            }
            _ => Ok(source),
        }
    }

    /// The host without its port and brackets.
    pub(crate) fn hostname(&self) -> &str {
        authority::hostname(&self.host)
    }

    /// The address as Go writes it.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            self.write_hierarchy(&mut out);
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&escape(&octets::bytes(&self.fragment), "$&+,/:;=?@!()*"));
        }
        out
    }

    /// The path as Go writes it.
    pub(crate) fn written_path(&self) -> String {
        escape(&octets::bytes(&self.path), "$&+,/:;=@")
    }

    fn write_hierarchy(&self, out: &mut String) {
        let authority = !self.host.is_empty() || !self.userinfo.is_empty();
        if authority || !self.scheme.is_empty() && !self.path.is_empty() {
            out.push_str("//");
        }
        if !self.userinfo.is_empty() {
            out.push_str(&self.userinfo);
            out.push('@');
        }
        out.push_str(&escape(&octets::bytes(&self.host), authority::HOST));
        let path = if self.path == "*" {
            "*".to_owned()
        } else {
            self.written_path()
        };
        if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
            out.push('/');
        }
        if out.is_empty()
            && path
                .split('/')
                .next()
                .is_some_and(|segment| segment.contains(':'))
        {
            out.push_str("./");
        }
        out.push_str(&path);
    }
}
