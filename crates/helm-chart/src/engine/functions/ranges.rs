//! Ranges of versions: `>= 1.2, < 2 || ~3.1`, `^1`, `1.x`, `1.2 - 1.4`. Pure; used by `versions.rs`.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::FunctionError;
use super::support::Outcome;
use super::versions::{Version, compare_pre};
use crate::engine::number;

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const VERSION: &str = concat!(
    r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?",
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
);

static ONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(&format!(r"^\s*({OPERATORS})\s*({VERSION})\s*$")));
static HYPHEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(&format!(r"\s*({VERSION})\s+-\s+({VERSION})\s*")));
static FIND: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(&format!(r"({OPERATORS})\s*({VERSION})")));
static VALID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"^(\s*({OPERATORS})\s*({VERSION})\s*)((?:\s+|,\s*)({OPERATORS})\s*({VERSION})\s*)*$"
    ))
});

/// Go's `\s` is ASCII.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&text.replace(r"\s", r"[\t\n\f\r ]")).ok()
}

/// Any of the groups, all of a group.
#[derive(Debug)]
pub(super) struct Range(Vec<Vec<Bound>>);

#[derive(Debug)]
struct Bound {
    operator: String,
    version: Version,
    /// Parts left out or written `x`.
    any: bool,
    any_minor: bool,
    any_patch: bool,
}

/// Reads a range.
pub(super) fn parse(text: &str) -> Outcome<Range> {
    if text.len() > 512 {
        return Err(FunctionError::new(
            "constraint string is too long (max 512 bytes)",
        ));
    }
    let rewritten = without_hyphens(text);
    let groups: Vec<&str> = rewritten.split("||").collect();
    if groups.len() > 32 {
        return Err(FunctionError::new("too many constraint groups (max 32)"));
    }
    groups
        .into_iter()
        .map(group)
        .collect::<Outcome<_>>()
        .map(Range)
}

fn group(text: &str) -> Outcome<Vec<Bound>> {
    let (Some(valid), Some(find)) = (VALID.as_ref(), FIND.as_ref()) else {
        return Err(improper(text));
    };
    if !valid.is_match(text) {
        return Err(improper(text));
    }
    find.find_iter(text)
        .map(|found| bound(found.as_str()))
        .collect()
}

fn improper(text: &str) -> FunctionError {
    FunctionError::new(format!(
        "improper constraint: {}",
        number::quote(text, false)
    ))
}

/// `1.2 - 1.4` means `>= 1.2, <= 1.4`.
fn without_hyphens(text: &str) -> String {
    let mut result = text.to_owned();
    for found in HYPHEN
        .iter()
        .flat_map(|pattern| pattern.captures_iter(text))
    {
        let rewritten = format!(">= {}, <= {} ", &found[1], &found[11]);
        result = result.replacen(&found[0], &rewritten, 1);
    }
    result
}

fn bound(text: &str) -> Outcome<Bound> {
    let parts = ONE
        .as_ref()
        .and_then(|pattern| pattern.captures(text))
        .ok_or_else(|| improper(text))?;
    let part = |index: usize| parts.get(index).map_or("", |part| part.as_str());
    let open = |index: usize| matches!(part(index).trim_start_matches('.'), "" | "x" | "X" | "*");
    let (major, minor, pre) = (part(3), part(4), part(6));
    let (version, any, any_minor, any_patch) = if open(3) {
        (format!("0.0.0{pre}"), true, false, false)
    } else if open(4) {
        (format!("{major}.0.0{pre}"), true, true, false)
    } else if open(5) {
        (format!("{major}{minor}.0{pre}"), true, false, true)
    } else {
        (part(2).to_owned(), false, false, false)
    };
    let version =
        Version::parse(&version).map_err(|_| FunctionError::new("constraint parser error"))?;
    Ok(Bound {
        operator: part(1).to_owned(),
        version,
        any,
        any_minor,
        any_patch,
    })
}

/// Whether a version lies in a range. Pre-releases do only where a bound of the group names one.
pub(super) fn allows(range: &Range, version: &Version) -> bool {
    range.0.iter().any(|group| {
        let with_pre = group.iter().any(|bound| !bound.version.pre.is_empty());
        (version.pre.is_empty() || with_pre) && group.iter().all(|bound| bound.allows(version))
    })
}

impl Bound {
    fn allows(&self, version: &Version) -> bool {
        let order = version.precedence(&self.version);
        match self.operator.as_str() {
            "!=" => self.differs(version, order),
            ">" => self.is_exceeded(version, order),
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" => self.is_reached(version, order),
            "~" | "~>" => self.tilde(version, order),
            "^" => self.caret(version, order),
            _ if self.any => self.tilde(version, order),
            _ => order.is_eq(),
        }
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        if self.any && version.major != self.version.major {
            return true;
        }
        if self.any && self.any_minor {
            return false;
        }
        if self.any
            && (version.minor != self.version.minor
                || !self.any_patch && version.patch != self.version.patch)
        {
            return true;
        }
        if self.any_patch {
            let either_pre = !version.pre.is_empty() || !self.version.pre.is_empty();
            return either_pre && compare_pre(&version.pre, &self.version.pre).is_ne();
        }
        order.is_ne()
    }

    fn is_exceeded(&self, version: &Version, order: Ordering) -> bool {
        if !self.any || version.major != self.version.major {
            return if self.any {
                version.major > self.version.major
            } else {
                order.is_gt()
            };
        }
        if self.any_minor {
            return false;
        }
        if self.any_patch {
            version.minor > self.version.minor
        } else {
            order.is_gt()
        }
    }

    fn is_reached(&self, version: &Version, order: Ordering) -> bool {
        if !self.any {
            return order.is_le();
        }
        match version.major.cmp(&self.version.major) {
            Ordering::Greater => false,
            Ordering::Equal => version.minor <= self.version.minor || self.any_minor,
            Ordering::Less => true,
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let Version {
            major,
            minor,
            patch,
            ..
        } = self.version;
        if order.is_lt() {
            return false;
        }
        if (major, minor, patch) == (0, 0, 0) && !self.any_minor && !self.any_patch {
            return true;
        }
        version.major == major && (version.minor == minor || self.any_minor)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let Version {
            major,
            minor,
            patch,
            ..
        } = self.version;
        if order.is_lt() || version.major != major {
            return false;
        }
        if major > 0 || self.any_minor {
            return true;
        }
        if minor > 0 || self.any_patch {
            return version.minor == minor;
        }
        version.minor == 0 && version.patch == patch
    }
}
