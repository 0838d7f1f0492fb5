//! `urlParse` and `urlJoin`. Pure.

use super::support::{Outcome, done};
use super::{Call, Function, FunctionError, Param, dict, text};
use crate::engine::ENTRY;
use crate::engine::value::{Dict, Entries, Value};
use crate::go_url::Url;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("urlJoin", Function::new(&[Param::Dict], join)),
    ("urlParse", Function::new(&[Param::String], parse)),
];

fn parsed(text: &str) -> Outcome<Url> {
    Url::parse(text).map_err(|error| FunctionError::new(format!("unable to parse url: {error}")))
}

fn parse(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let length = text(arguments, 0).len();
    call.charge(length.saturating_mul(4) + 8 * ENTRY)?;
    call.work(length / 32)?;
    let url = parsed(&text(arguments, 0))?;
    let hostname = url.hostname().to_owned();
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
        ..Url::default()
    };
    let userinfo = field(&source, "userinfo")?;
    if !userinfo.is_empty() {
        url.userinfo = parsed(&format!("proto://{userinfo}@host"))?.userinfo;
    }
    done(call, url.write())
}
