//! Methods of maps and lists that templates can call: `.Files.Get`, `.Capabilities.APIVersions.Has`. Pure.

use base64::Engine as _;

use super::functions::{FunctionError, Param, text};
use super::glob::Glob;
use super::value::{Dict, DictType, Entries, List, ListType, Value};

type Outcome = Result<Value, FunctionError>;

/// A method: types of its parameters and its code, which gets the receiver and the arguments.
pub(super) struct Method {
    pub(super) params: &'static [Param],
    pub(super) body: fn(&Value, &[Value]) -> Outcome,
}

/// The method of that name, if the receiver's type has it. Methods go before map keys.
pub(super) fn find(receiver: &Value, name: &str) -> Option<Method> {
    const NAME: &[Param] = &[Param::String];
    let method = |params, body| Some(Method { params, body });
    match receiver {
        Value::List(list) if list.kind() == ListType::VersionSet && name == "Has" => {
            method(NAME, has)
        }
        Value::Dict(dict) if dict.kind() == DictType::Values => match name {
            "AsMap" => method(&[], as_map),
            "YAML" => method(&[], refused),
            "Table" | "PathValue" => method(NAME, refused),
            "Encode" => method(&[Param::Any], refused),
            _ => None,
        },
        Value::Dict(dict) if dict.kind() == DictType::Files => match name {
            "Get" => method(NAME, get),
            "GetBytes" => method(NAME, get_bytes),
            "Glob" => method(NAME, glob),
            "Lines" => method(NAME, lines),
            "AsConfig" => method(&[], as_config),
            "AsSecrets" => method(&[], as_secrets),
            _ => None,
        },
        _ => None,
    }
}

fn refused(_: &Value, _: &[Value]) -> Outcome {
    Err(FunctionError::new(
        "this method of .Values is not supported by this engine",
    ))
}

#[allow(clippy::unnecessary_wraps)] // the signature of the table
fn has(receiver: &Value, arguments: &[Value]) -> Outcome {
    let wanted = text(arguments, 0);
    let Value::List(list) = receiver else {
        return Ok(Value::Bool(false));
    };
    Ok(Value::Bool(list.items().iter().any(
        |item| matches!(item, Value::String(version) if *version == wanted),
    )))
}

#[allow(clippy::unnecessary_wraps)] // the signature of the table
fn as_map(receiver: &Value, _: &[Value]) -> Outcome {
    Ok(match receiver {
        Value::Dict(dict) if !dict.is_empty() => Value::Dict(dict.retyped(DictType::Any)),
        _ => Value::dict(Entries::new()),
    })
}

fn files(receiver: &Value) -> Vec<(String, Vec<u8>)> {
    let Value::Dict(dict) = receiver else {
        return Vec::new();
    };
    let entries = dict.entries();
    entries
        .iter()
        .filter_map(|(name, value)| match value {
            Value::List(list) => Some((name.to_string(), list.bytes())),
            _ => None,
        })
        .collect()
}

fn content(receiver: &Value, name: &str) -> Vec<u8> {
    match receiver {
        Value::Dict(dict) => match dict.get(name) {
            Some(Value::List(list)) => list.bytes(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, FunctionError> {
    let message = || {
        FunctionError::new(format!(
            "file {name:?} is no UTF-8 text, which this engine cannot print"
        ))
    };
    String::from_utf8(bytes).map_err(|_| message())
}

fn get(receiver: &Value, arguments: &[Value]) -> Outcome {
    let name = text(arguments, 0);
    utf8(&name, content(receiver, &name)).map(Value::from)
}

#[allow(clippy::unnecessary_wraps)] // the signature of the table
fn get_bytes(receiver: &Value, arguments: &[Value]) -> Outcome {
    Ok(Value::bytes(&content(receiver, &text(arguments, 0))))
}

fn lines(receiver: &Value, arguments: &[Value]) -> Outcome {
    let name = text(arguments, 0);
    let content = utf8(&name, content(receiver, &name))?;
    if content.is_empty() {
        return Ok(Value::List(List::new(ListType::Strings, Vec::new())));
    }
    Ok(Value::strings(
        content.strip_suffix('\n').unwrap_or(&content).split('\n'),
    ))
}

fn glob(receiver: &Value, arguments: &[Value]) -> Outcome {
    let pattern = text(arguments, 0);
    let Some(glob) = Glob::new(&pattern) else {
        return Err(FunctionError::new(format!(
            "glob pattern {pattern:?} is not supported by this engine"
        )));
    };
    let Value::Dict(dict) = receiver else {
        return Ok(Value::Nil);
    };
    let matching = dict
        .entries()
        .iter()
        .filter(|(name, _)| glob.matches(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    Ok(Value::Dict(Dict::typed(DictType::Files, matching)))
}

/// Files by base name. Two of one name would leave it to chance which one wins.
fn by_base_name(
    receiver: &Value,
    convert: fn(&str, Vec<u8>) -> Result<String, FunctionError>,
) -> Outcome {
    let mut entries = Entries::new();
    for (name, bytes) in files(receiver) {
        let base = name.rsplit('/').next().unwrap_or(&name);
        if entries
            .insert(base.into(), Value::from(convert(&name, bytes)?))
            .is_some()
        {
            return Err(FunctionError::new(format!(
                "several files are called {base:?}; which one counts would be chance"
            )));
        }
    }
    let json = Value::Dict(Dict::typed(DictType::Strings, entries)).to_json()?;
    let yaml = crate::chart::yaml::emit(&json);
    Ok(Value::string(yaml.strip_suffix('\n').unwrap_or(&yaml)))
}

fn as_config(receiver: &Value, _: &[Value]) -> Outcome {
    by_base_name(receiver, utf8)
}

fn as_secrets(receiver: &Value, _: &[Value]) -> Outcome {
    by_base_name(receiver, |_, bytes| {
        Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
    })
}
