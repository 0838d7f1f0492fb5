//! One value by one verb, with the flags of its directive. Pure.

mod digits;
mod floats;

use super::{MAX_OUTPUT, Outcome, too_long};
use crate::engine::functions::FunctionError;
use crate::engine::value::{Dict, DictType, Kind, List, ListType, MAX_NESTING, Object, Value};
use crate::engine::{number, octets};

fn address() -> FunctionError {
    FunctionError::limit("an address in memory differs from run to run")
}

/// Flags, width and precision of a directive.
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // these are Go's flags
pub(super) struct Flags {
    pub(super) sharp: bool,
    pub(super) zero: bool,
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) space: bool,
    pub(super) sharp_v: bool,
    pub(super) plus_v: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

/// The text so far, and the flags of the current directive.
#[derive(Default)]
pub(super) struct Printer {
    pub(super) out: String,
    pub(super) flags: Flags,
    depth: usize,
}

impl Printer {
    /// `%!d(MISSING)`
    pub(super) fn bad(&mut self, verb: char, what: &str) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.extend(["(", what, ")"]);
    }

    pub(super) fn extra(&mut self, values: &[Value]) -> Outcome {
        self.flags = Flags::default();
        self.out.push_str("%!(EXTRA ");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.typed(value)?;
        }
        self.out.push(')');
        Ok(())
    }

    /// `int=1`
    fn typed(&mut self, value: &Value) -> Outcome {
        if value.is_nil() {
            self.out.push_str("<nil>");
            return Ok(());
        }
        self.out.push_str(value.type_name());
        self.out.push('=');
        self.argument(value, 'v')
    }

    pub(super) fn argument(&mut self, value: &Value, verb: char) -> Outcome {
        if value.is_nil() && matches!(verb, 'T' | 'v') {
            self.pad("<nil>");
            return Ok(());
        }
        match verb {
            'T' => self.string(value.type_name(), 's', value),
            'p' if matches!(value.kind(), Kind::Map | Kind::Slice | Kind::Ptr) => Err(address()),
            'p' => self.bad_verb(verb, value),
            _ => self.value(value, verb),
        }
    }

    fn value(&mut self, value: &Value, verb: char) -> Outcome {
        match value {
            Value::Bool(flag) if matches!(verb, 't' | 'v') => {
                self.pad(if *flag { "true" } else { "false" });
                Ok(())
            }
            Value::Nil | Value::NilInterface | Value::Bool(_) => self.bad_verb(verb, value),
            Value::Int(number) | Value::Int64(number) => {
                self.integer(i128::from(*number), verb, value)
            }
            Value::Uint64(number) => self.integer(i128::from(*number), verb, value),
            Value::Byte(number) => self.integer(i128::from(*number), verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::String(text) => self.string(text, verb, value),
            Value::List(list) => self.list(list, verb),
            Value::Dict(dict) => self.dict(dict, verb),
            Value::Object(object) => self.object(object.as_ref(), verb, value),
        }
    }

    fn object(&mut self, object: &dyn Object, verb: char, value: &Value) -> Outcome {
        let stringer = object.printable() && object.is_stringer() && !self.flags.sharp_v;
        match verb {
            'x' | 'X' | 's' | 'q' | 'v' if stringer => self.string(&object.display(), verb, value),
            _ if !object.printable() => Err(FunctionError::limit(&format!(
                "a {} says how the helm program was built",
                object.type_name()
            ))),
            _ if object.kind() == Kind::Ptr && self.depth > 0 => Err(address()),
            _ => {
                if object.kind() == Kind::Ptr {
                    self.out.push('&');
                }
                self.structure(object, verb)
            }
        }
    }

    /// `{a b}`, with the names of fields for `%+v`, and with the type for `%#v`.
    fn structure(&mut self, object: &dyn Object, verb: char) -> Outcome {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out
                .push_str(object.type_name().trim_start_matches('*'));
        }
        self.out.push('{');
        for (index, (name, value)) in object.members().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            if self.flags.plus_v || sharp {
                self.out.extend([*name, ":"]);
            }
            self.nested(value, verb, false)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// Pads on the left or right, with zeros on the left only.
    fn pad(&mut self, text: &str) {
        self.pad_with(text, self.flags.zero && !self.flags.minus);
    }

    fn pad_with(&mut self, text: &str, zeros: bool) {
        let missing = self
            .flags
            .width
            .unwrap_or(0)
            .saturating_sub(text.chars().count());
        let fill = if zeros { "0" } else { " " }.repeat(missing);
        if self.flags.minus {
            self.out.push_str(text);
            self.out.push_str(&fill);
        } else {
            self.out.push_str(&fill);
            self.out.push_str(text);
        }
    }

    fn bad_verb(&mut self, verb: char, value: &Value) -> Outcome {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        self.typed(value)?;
        self.out.push(')');
        Ok(())
    }

    fn truncated<'t>(&self, text: &'t str) -> &'t str {
        let end = self
            .flags
            .precision
            .and_then(|precision| text.char_indices().nth(precision));
        end.map_or(text, |(end, _)| &text[..end])
    }

    fn string(&mut self, text: &str, verb: char, value: &Value) -> Outcome {
        match verb {
            'v' if self.flags.sharp_v => self.pad(&number::quote(self.truncated(text), false)),
            'v' | 's' => self.pad(self.truncated(text).to_owned().as_str()),
            'x' | 'X' => self.hexadecimal(&octets::bytes(text), verb == 'X'),
            'q' => {
                let text = self.truncated(text);
                let backquotable =
                    |c: char| c != '`' && c != '\u{feff}' && c != '\x7f' && (c == '\t' || c >= ' ');
                let quoted = if self.flags.sharp && text.chars().all(backquotable) {
                    format!("`{text}`")
                } else {
                    number::quote(text, self.flags.plus)
                };
                self.pad(&quoted);
            }
            _ => return self.bad_verb(verb, value),
        }
        Ok(())
    }

    fn nested(&mut self, value: &Value, verb: char, any: bool) -> Outcome {
        if self.depth > MAX_NESTING || self.out.len() > MAX_OUTPUT {
            return Err(if self.depth > MAX_NESTING {
                FunctionError::new("a value is nested too deeply or contains itself")
            } else {
                too_long()
            });
        }
        if value.is_nil() {
            self.out.push_str(if self.flags.sharp_v && any {
                "interface {}(nil)"
            } else {
                "<nil>"
            });
            return Ok(());
        }
        self.depth += 1;
        let outcome = self.value(value, verb);
        self.depth -= 1;
        outcome
    }

    fn list(&mut self, list: &List, verb: char) -> Outcome {
        if list.kind() == ListType::Bytes
            && (matches!(verb, 's' | 'q' | 'x' | 'X') || self.flags.sharp_v)
        {
            if matches!(verb, 's' | 'q' | 'x' | 'X') {
                return self.string(&octets::string(list.bytes()), verb, &Value::Nil);
            }
            let digits: Vec<String> = list
                .bytes()
                .iter()
                .map(|byte| format!("{byte:#x}"))
                .collect();
            self.out.extend(["[]byte{", &digits.join(", "), "}"]);
            return Ok(());
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.push_str(list.kind().name());
        }
        self.out.push(if sharp { '{' } else { '[' });
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            self.nested(item, verb, list.kind() == ListType::Any)?;
        }
        self.out.push(if sharp { '}' } else { ']' });
        Ok(())
    }

    fn dict(&mut self, dict: &Dict, verb: char) -> Outcome {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.push_str(dict.kind().name());
            if dict.kind() == DictType::Nil {
                self.out.push_str("(nil)");
                return Ok(());
            }
        }
        self.out.push_str(if sharp { "{" } else { "map[" });
        let any = matches!(dict.kind(), DictType::Any | DictType::Values);
        for (index, (key, value)) in dict.entries().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            self.string(key, verb, &Value::String(key.clone()))?;
            self.out.push(':');
            self.nested(value, verb, any)?;
        }
        self.out.push(if sharp { '}' } else { ']' });
        Ok(())
    }
}
