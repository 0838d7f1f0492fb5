//! `urlParse` and `urlJoin`. Pure.

use std::fmt::Write as _;

use super::authority;
use super::support::{Outcome, done, utf8};
use super::{Call, Function, FunctionError, Param, dict, text};
use crate::engine::ENTRY;
use crate::engine::octets;
use crate::engine::value::{Dict, Entries, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("urlJoin", Function::new(&[Param::Dict], join)),
    ("urlParse", Function::new(&[Param::String], parse)),
];

#[derive(Default)]
struct Url {
    scheme: String,
    userinfo: String,
    host: String,
    path: String,
    query: String,
    opaque: String,
    fragment: String,
}

pub(super) fn unsupported(what: &str) -> FunctionError {
    FunctionError::new(format!("unable to parse url: {what}"))
}

fn parse(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let length = text(arguments, 0).len();
    call.charge(length.saturating_mul(4) + 8 * ENTRY)?;
    call.work(length / 32)?;
    let url = Url::parse(&text(arguments, 0))?;
    let hostname = authority::hostname(&url.host).to_owned();
    let fields = [
        ("fragment", url.fragment),
        ("host", url.host),
        ("hostname", hostname),
        ("opaque", url.opaque),
        ("path", url.path),
        ("query", url.query),
        ("scheme", url.scheme),
        ("userinfo", url.userinfo),
    ];
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name.into(), Value::from(value)));
    Ok(Value::dict(fields.collect::<Entries>()))
}

/// Bytes of a text with its `%XX` resolved.
pub(super) fn unescape(source: &str) -> Outcome<Vec<u8>> {
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
        bytes.push(code.ok_or_else(|| unsupported("invalid URL escape"))?);
    }
    Ok(bytes)
}

/// `%XX` for every byte that is neither unreserved nor in `allowed`.
pub(super) fn escape(source: impl AsRef<[u8]>, allowed: &str) -> String {
    let mut escaped = String::new();
    for byte in source.as_ref().iter().copied() {
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
    fn parse(source: &str) -> Outcome<Self> {
        let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
        let mut url = Self {
            fragment: utf8(unescape(fragment)?)?,
            ..Self::default()
        };
        if rest.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err(unsupported("net/url: invalid control character in URL"));
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
                return Err(unsupported(
                    "first path segment in URL cannot contain colon",
                ));
            }
        }
        let mut path = rest;
        if let Some(after) = rest
            .strip_prefix("//")
            .filter(|_| !url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let end = after.find('/').unwrap_or(after.len());
            url.take_authority(&after[..end])?;
            path = &after[end..];
        }
        url.path = utf8(unescape(path)?)?;
        Ok(url)
    }

    fn take_scheme<'a>(&mut self, source: &'a str) -> Outcome<&'a str> {
        let end = source.find(|one: char| !(one.is_ascii_alphanumeric() || "+-.".contains(one)));
        match end {
            Some(0) if source.starts_with(':') => Err(unsupported("missing protocol scheme")),
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

    fn take_authority(&mut self, authority: &str) -> Outcome<()> {
        (self.userinfo, self.host) = authority::parse(&self.scheme, authority)?;
        Ok(())
    }

    fn write(&self) -> String {
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
            out.push_str(&escape(&self.fragment, "$&+,/:;=?@!()*"));
        }
        out
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
        out.push_str(&escape(&self.host, authority::HOST));
        let path = if self.path == "*" {
            "*".to_owned()
        } else {
            escape(&self.path, "$&+,/:;=@")
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

fn field(source: &Dict, key: &str) -> Outcome<String> {
    match source.get(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_string()),
        Some(other) => {
            let kind = other.kind().name();
            Err(FunctionError::new(format!(
                "unable to parse {key} key, must be of type string, but {kind} found"
            )))
        }
    }
}

fn join(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = dict(arguments, 0);
    let length: usize = source
        .entries()
        .values()
        .map(|value| match value {
            Value::String(text) => text.len(),
            _ => 0,
        })
        .sum();
    // Every byte may become an escape, and is copied on the way.
    call.charge(length.saturating_mul(6))?;
    call.work(length / 16)?;
    let mut url = Url {
        scheme: field(&source, "scheme")?,
        host: field(&source, "host")?,
        path: field(&source, "path")?,
        query: field(&source, "query")?,
        opaque: field(&source, "opaque")?,
        fragment: field(&source, "fragment")?,
        userinfo: String::new(),
    };
    let userinfo = field(&source, "userinfo")?;
    if !userinfo.is_empty() {
        url.userinfo = Url::parse(&format!("proto://{userinfo}@host"))?.userinfo;
    }
    done(call, url.write())
}
