//! Methods of maps and lists that templates can call: `.Files.Get`, `.Capabilities.APIVersions.Has`. Pure.

mod tables;

use base64::Engine as _;

use super::evaluate::State;
use super::functions::{BYTES_OF_STEP, FunctionError, Param, pattern_steps, text};
use super::glob::Glob;
use super::octets;
use super::value::{Dict, DictType, Entries, List, ListType, Value};
use super::{ELEMENT, ENTRY};

type Outcome = Result<Value, FunctionError>;

/// A method: types of its parameters and its code, which gets the receiver and the arguments.
pub(super) struct Method {
    pub(super) params: &'static [Param],
    pub(super) body: fn(&mut State, &Value, &[Value]) -> Outcome,
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
            "YAML" => method(&[], tables::yaml),
            "Table" => method(NAME, tables::table),
            "PathValue" => method(NAME, tables::path_value),
            "Encode" => method(&[Param::Any], tables::encode),
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

#[allow(clippy::unnecessary_wraps)] // the signature of the table
fn has(_: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    let wanted = text(arguments, 0);
    let Value::List(list) = receiver else {
        return Ok(Value::Bool(false));
    };
    Ok(Value::Bool(list.items().iter().any(
        |item| matches!(item, Value::String(version) if *version == wanted),
    )))
}

#[allow(clippy::unnecessary_wraps)] // the signature of the table
fn as_map(_: &mut State, receiver: &Value, _: &[Value]) -> Outcome {
    Ok(match receiver {
        Value::Dict(dict) if !dict.is_empty() => Value::Dict(dict.retyped(DictType::Any)),
        _ => Value::dict(Entries::new()),
    })
}

/// Accounts for bytes about to be made.
fn charge(state: &mut State, size: usize) -> Result<(), FunctionError> {
    state.charge(size).map_err(FunctionError::Render)
}

/// Bytes of a file.
fn size(value: &Value) -> usize {
    if let Value::List(list) = value {
        list.len()
    } else {
        0
    }
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

fn content(state: &mut State, receiver: &Value, name: &str) -> Result<Vec<u8>, FunctionError> {
    let Value::Dict(dict) = receiver else {
        return Ok(Vec::new());
    };
    let Some(Value::List(list)) = dict.get(name) else {
        return Ok(Vec::new());
    };
    charge(state, list.len())?;
    Ok(list.bytes())
}

fn get(state: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    let content = content(state, receiver, &text(arguments, 0))?;
    Ok(Value::from(octets::string(content)))
}

fn get_bytes(state: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    Ok(Value::bytes(&content(
        state,
        receiver,
        &text(arguments, 0),
    )?))
}

fn lines(state: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    let content = octets::string(content(state, receiver, &text(arguments, 0))?);
    let count = content.matches('\n').count() + 1;
    charge(state, count.saturating_mul(ELEMENT) + content.len())?;
    if content.is_empty() {
        return Ok(Value::List(List::new(ListType::Strings, Vec::new())));
    }
    Ok(Value::strings(
        content.strip_suffix('\n').unwrap_or(&content).split('\n'),
    ))
}

fn glob(state: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    let pattern = text(arguments, 0);
    let weight = pattern_steps(pattern.len());
    state.spend(weight).map_err(FunctionError::Render)?;
    let glob = Glob::new(&pattern).ok_or_else(|| {
        FunctionError::limit(&format!(
            "the pattern {pattern:?} is too large or has empty braces"
        ))
    })?;
    let Value::Dict(dict) = receiver else {
        return Ok(Value::Nil);
    };
    let names: usize = dict.entries().keys().map(|name| name.len()).sum();
    let tried = names.saturating_mul(pattern.len()) / BYTES_OF_STEP;
    state.spend(tried).map_err(FunctionError::Render)?;
    charge(state, dict.len() * ENTRY)?;
    let matching = dict
        .entries()
        .iter()
        .filter(|(name, _)| glob.matches(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    Ok(Value::Dict(Dict::typed(DictType::Files, matching)))
}

/// Files by base name. Two of one name would leave it to chance which one wins.
fn by_base_name(state: &mut State, receiver: &Value, convert: fn(Vec<u8>) -> String) -> Outcome {
    let mut entries = Entries::new();
    if let Value::Dict(dict) = receiver {
        // As text, as JSON, as YAML.
        let sizes: usize = dict.entries().values().map(size).sum();
        charge(state, sizes.saturating_mul(8) + dict.len() * ENTRY)?;
    }
    for (name, bytes) in files(receiver) {
        let base = name.rsplit('/').next().unwrap_or(&name);
        if entries
            .insert(base.into(), Value::from(convert(bytes)))
            .is_some()
        {
            return Err(FunctionError::limit(&format!(
                "several files are called {base:?}, and helm takes one of them by chance"
            )));
        }
    }
    let json = Value::Dict(Dict::typed(DictType::Strings, entries)).to_json()?;
    let yaml = crate::yaml::emit(&json);
    Ok(Value::string(yaml.strip_suffix('\n').unwrap_or(&yaml)))
}

fn as_config(state: &mut State, receiver: &Value, _: &[Value]) -> Outcome {
    by_base_name(state, receiver, octets::string)
}

fn as_secrets(state: &mut State, receiver: &Value, _: &[Value]) -> Outcome {
    by_base_name(state, receiver, |bytes| {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    })
}
