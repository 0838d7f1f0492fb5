//! `include`, `tpl`, `required`, `fail`: the functions that run templates or end a rendering. Pure.

use super::super::error::{RenderError, RenderErrorKind};
use super::{Call, Function, FunctionError, Param, text};
use crate::engine::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "include",
        Function::new(&[Param::String, Param::Any], include),
    ),
    ("tpl", Function::new(&[Param::String, Param::Any], tpl)),
    (
        "required",
        Function::new(&[Param::String, Param::Any], required),
    ),
    ("fail", Function::new(&[Param::String], fail)),
];

fn include(call: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    call.state
        .include(&text(arguments, 0), &arguments[1])
        .map(Value::from)
}

fn tpl(call: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    call.state
        .tpl(&text(arguments, 0), &arguments[1])
        .map(Value::from)
}

fn required(_: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    match &arguments[1] {
        Value::Nil => Err(of_the_chart(&text(arguments, 0))),
        Value::String(value) if value.is_empty() => Err(of_the_chart(&text(arguments, 0))),
        value => Ok(value.clone()),
    }
}

fn fail(_: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Err(of_the_chart(&text(arguments, 0)))
}

fn of_the_chart(message: &str) -> FunctionError {
    FunctionError::Render(Box::new(RenderError::new(RenderErrorKind::Chart, message)))
}
