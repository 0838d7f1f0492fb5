//! Semantic versions and their ranges, by the rules of the library that Helm uses. Pure.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use super::ranges;
use super::support::Outcome;
use super::{Call, Function, FunctionError, Param, text};
use crate::engine::ELEMENT;
use crate::engine::value::{Kind, Object, Value};

use Param::String as Text;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "semver",
        Function::new(&[Text], |call, a| {
            // At most 256 bytes are looked at.
            call.charge(4 * ELEMENT)?;
            call.work(20)?;
            Ok(Value::Object(Rc::new(Version::parse(&text(a, 0))?)))
        }),
    ),
    ("semverCompare", Function::new(&[Text, Text], compare)),
];

fn compare(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    // At most 512 bytes are looked at, several times.
    call.work(20 + 2 * text(arguments, 0).len().min(512))?;
    let range = ranges::parse(&text(arguments, 0))?;
    Ok(ranges::allows(&range, &Version::parse(&text(arguments, 1))?).into())
}

/// A version, with the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    metadata: String,
    original: String,
    /// Whether it is a structure rather than a pointer to one: methods return structures.
    detached: bool,
}

static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let rest = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*";
    Regex::new(&format!(
        r"^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({rest}))?(?:\+({rest}))?$"
    ))
    .ok()
});

impl Version {
    /// Reads a version, also one with a `v`, leading zeros, or without minor and patch.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        if text.len() > 256 {
            return Err(FunctionError::new(
                "version string is too long (max 256 bytes)",
            ));
        }
        let parts = VERSION.as_ref().and_then(|pattern| pattern.captures(text));
        let Some(parts) = parts else {
            return Err(FunctionError::new("invalid semantic version"));
        };
        let number = |index: usize| {
            match parts.get(index) {
            None => Ok(0),
            Some(digits) => digits.as_str().parse().map_err(|_| {
                let digits = digits.as_str();
                let message = format!("error parsing version segment: strconv.ParseUint: parsing \"{digits}\": value out of range");
                FunctionError::new(message)
            }),
        }
        };
        let word = |index: usize| {
            parts
                .get(index)
                .map_or(String::new(), |word| word.as_str().to_owned())
        };
        let version = Self {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3)?,
            pre: word(4),
            metadata: word(5),
            original: text.to_owned(),
            detached: false,
        };
        let zeros = |part: &str| {
            part.len() > 1
                && part.starts_with('0')
                && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if version.pre.split('.').any(zeros) {
            return Err(FunctionError::new("version segment starts with 0"));
        }
        Ok(version)
    }

    /// Precedence: metadata does not count.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_pre(&self.pre, &other.pre),
            }
        })
    }
}

/// Precedence of pre-release words: numbers below text, fewer parts below more.
pub(super) fn compare_pre(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        if self.detached {
            "semver.Version"
        } else {
            "*semver.Version"
        }
    }

    fn kind(&self) -> Kind {
        if self.detached {
            Kind::Struct
        } else {
            Kind::Ptr
        }
    }

    fn is_stringer(&self) -> bool {
        true
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("major", Value::Uint64(self.major)),
            ("minor", Value::Uint64(self.minor)),
            ("patch", Value::Uint64(self.patch)),
            ("pre", Value::string(&self.pre)),
            ("metadata", Value::string(&self.metadata)),
            ("original", Value::string(&self.original)),
        ]
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Outcome> {
        let value = match (name, arguments) {
            ("Major", []) => Value::Uint64(self.major),
            ("Minor", []) => Value::Uint64(self.minor),
            ("Patch", []) => Value::Uint64(self.patch),
            ("Prerelease", []) => Value::string(&self.pre),
            ("Metadata", []) => Value::string(&self.metadata),
            // Only a pointer has these methods.
            (
                "Original" | "Compare" | "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual"
                | "GreaterThanEqual",
                _,
            ) if self.detached => return None,
            ("Original", []) => Value::string(&self.original),
            ("IncMajor" | "IncMinor" | "IncPatch", []) => return Some(self.increased(name)),
            ("SetPrerelease" | "SetMetadata", [given]) => return Some(self.with(name, given)),
            ("String", []) => Value::from(self.display()),
            (
                "Compare" | "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual"
                | "GreaterThanEqual",
                [other],
            ) => {
                return Some(self.compared(name, other));
            }
            (
                "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "Original" | "String"
                | "IncMajor" | "IncMinor" | "IncPatch" | "SetPrerelease" | "SetMetadata",
                given,
            ) => {
                let message = format!(
                    "wrong number of args for {name}: want {} got {}",
                    u8::from(name.starts_with("Set")),
                    given.len()
                );
                return Some(Err(FunctionError::new(message)));
            }
            _ => return None,
        };
        Some(Ok(value))
    }

    fn display(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        for (mark, word) in [('-', &self.pre), ('+', &self.metadata)] {
            if !word.is_empty() {
                text.push(mark);
                text.push_str(word);
            }
        }
        text
    }

    fn to_json(&self) -> Json {
        Json::String(self.display())
    }
}

impl Version {
    /// The next major, minor or patch version.
    fn increased(&self, name: &str) -> Outcome {
        let plus = |number: u64, what: &str| {
            let message = format!("{what} version increment would overflow uint64");
            number
                .checked_add(1)
                .ok_or_else(|| FunctionError::new(message))
        };
        let (major, minor, patch) = match name {
            "IncMajor" => (plus(self.major, "major")?, 0, 0),
            "IncMinor" => (self.major, plus(self.minor, "minor")?, 0),
            // A pre-release is followed by its release.
            _ if !self.pre.is_empty() => (self.major, self.minor, self.patch),
            _ => (self.major, self.minor, plus(self.patch, "patch")?),
        };
        let (pre, metadata) = (String::new(), String::new());
        Ok(self.changed(Self {
            major,
            minor,
            patch,
            pre,
            metadata,
            ..self.clone()
        }))
    }

    fn with(&self, name: &str, given: &Value) -> Outcome {
        let Value::String(text) = given else {
            let given = given.type_name();
            return Err(FunctionError::new(format!(
                "wrong type for value; expected string; got {given}"
            )));
        };
        let mut changed = self.clone();
        let (part, mark, what) = if name == "SetMetadata" {
            (&mut changed.metadata, '+', "metadata")
        } else {
            (&mut changed.pre, '-', "prerelease")
        };
        *part = text.to_string();
        let whole = format!("0.0.0{mark}{text}");
        if !text.is_empty() {
            match Self::parse(&whole) {
                Ok(_) => {}
                Err(FunctionError::Message(message)) if message.starts_with("version segment") => {
                    return Err(FunctionError::new(message));
                }
                Err(_) => return Err(FunctionError::new(format!("invalid {what} string"))),
            }
        }
        Ok(self.changed(changed))
    }

    fn changed(&self, mut version: Self) -> Value {
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        version.original = format!("{prefix}{}", version.display());
        version.detached = true;
        Value::Object(Rc::new(version))
    }

    fn compared(&self, name: &str, other: &Value) -> Outcome {
        let Value::Object(object) = other else {
            return Err(FunctionError::new(format!(
                "wrong type for {name}: want a version"
            )));
        };
        if object.type_name() != "*semver.Version" {
            return Err(FunctionError::new(format!(
                "wrong type for {name}: want a version"
            )));
        }
        let order = self.precedence(&Self::parse(&object.display())?);
        Ok(match name {
            "Equal" => order.is_eq().into(),
            "LessThan" => order.is_lt().into(),
            "LessThanEqual" => order.is_le().into(),
            "GreaterThan" => order.is_gt().into(),
            "GreaterThanEqual" => order.is_ge().into(),
            _ => Value::Int(order as i64),
        })
    }
}
