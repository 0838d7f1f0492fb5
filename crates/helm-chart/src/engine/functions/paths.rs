//! Paths with slashes; on the systems that Helm renders for, the `os` forms are the same. Pure.

use super::support::{Outcome, done};
use super::{Call, Function, Param, text};

use Param::String as Text;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("base", BASE),
    ("clean", CLEAN),
    ("dir", DIR),
    ("ext", EXT),
    ("isAbs", IS_ABS),
    ("osBase", BASE),
    ("osClean", CLEAN),
    ("osDir", DIR),
    ("osExt", EXT),
    ("osIsAbs", IS_ABS),
];

const BASE: Function = Function::new(&[Text], |call, a| done(call, base(&text(a, 0))));
const CLEAN: Function = Function::new(&[Text], |call, a| {
    parts(call, &text(a, 0))?;
    done(call, clean(&text(a, 0)))
});
const DIR: Function = Function::new(&[Text], |call, a| {
    parts(call, &text(a, 0))?;
    done(call, dir(&text(a, 0)))
});
const EXT: Function = Function::new(&[Text], |call, a| done(call, ext(&text(a, 0))));
const IS_ABS: Function = Function::new(&[Text], |_, a| Ok(text(a, 0).starts_with('/').into()));

/// Accounts for the parts of a path: there may be one every two bytes.
fn parts(call: &mut Call<'_>, path: &str) -> Outcome<()> {
    call.charge(path.len().saturating_mul(size_of::<&str>() / 2 + 1))?;
    call.work(path.len() / 64)
}

fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".",
        (false, true) => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

fn dir(path: &str) -> String {
    clean(&path[..path.rfind('/').map_or(0, |slash| slash + 1)])
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |dot| &name[dot..])
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            other => parts.push(other),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
