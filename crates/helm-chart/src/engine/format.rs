//! Go's `fmt`: `print`, `println`, `printf` and what `{{ }}` writes.
//!
//! Pure; called by the evaluator and by function families. A value that this engine cannot know (the address that `%p` prints, how a
//! helm program was built) is an error, never an approximation.

mod directive;
mod printer;

use self::directive::Directive;
use self::printer::Printer;
use super::error::Bound;
use super::functions::FunctionError;
use super::value::Value;

/// Text longer than this from one call is refused.
const MAX_OUTPUT: usize = 4 << 20;
/// Widths and precisions above this are too large for Go.
const MAX_WIDTH: usize = 1_000_000;

fn too_long() -> FunctionError {
    FunctionError::bound(Bound::Size)
}

type Outcome<T = ()> = Result<T, FunctionError>;

/// What `{{ value }}` writes.
///
/// # Errors
/// If the value has no text, such as `.Capabilities` itself.
pub fn display(value: &Value) -> Outcome<String> {
    match value {
        Value::Nil | Value::NilInterface => Ok("<no value>".to_owned()),
        Value::Object(object) if object.printable() => Ok(object.display()),
        other => sprint(std::slice::from_ref(other)),
    }
}

/// `print`: spaces between operands when neither is a string.
///
/// # Errors
/// If a value cannot be printed.
pub fn sprint(values: &[Value]) -> Outcome<String> {
    let mut printer = Printer::default();
    let mut after_string = false;
    for (index, value) in values.iter().enumerate() {
        let string = matches!(value, Value::String(_));
        if index > 0 && !string && !after_string {
            printer.out.push(' ');
        }
        printer.argument(value, 'v')?;
        after_string = string;
    }
    Ok(printer.out)
}

/// `println`: always spaces, and a newline.
///
/// # Errors
/// If a value cannot be printed.
pub fn sprintln(values: &[Value]) -> Outcome<String> {
    let mut printer = Printer::default();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.out.push(' ');
        }
        printer.argument(value, 'v')?;
    }
    printer.out.push('\n');
    Ok(printer.out)
}

/// `printf`.
///
/// # Errors
/// If a verb is not reproduced exactly, or the text would be too long.
pub fn sprintf(format: &str, values: &[Value]) -> Outcome<String> {
    let mut printer = Printer::default();
    Directive::new(format, values).run(&mut printer)?;
    Ok(printer.out)
}
