//! Calls of functions and methods: number and types of arguments as Go checks them, and `and`/`or`. Pure.

use gotmpl::parse::{Expr, Number};

use super::blocks::Execution;
use super::describe::Described;
use super::error::RenderError;
use super::evaluate::Outcome;
use super::functions::{self, BYTES_OF_STEP, Call, FunctionError, Param};
use super::octets;
use super::value::{Dict, DictType, Entries, ListType, Value};

/// Elements that a function looks at for the price of a step.
const ELEMENTS_OF_STEP: usize = 64;

impl<'t> Execution<'_, 't> {
    /// Calls a function. `whole` is what errors of the function point at: the command.
    pub(super) fn function(
        &mut self,
        name: &str,
        node: &'t Expr,
        whole: &'t dyn Described,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Value> {
        if matches!(name, "and" | "or") {
            return self.junction(name, node, arguments, dot, last);
        }
        let Some(function) = functions::lookup(name) else {
            return Err(self.error(node, format!("{name:?} is not a defined function")));
        };
        let values = self.arguments(
            name,
            function.params,
            function.variadic,
            node,
            arguments,
            dot,
            last,
        )?;
        self.state
            .spend(work(&values))
            .map_err(|error| self.place(whole, *error))?;
        let values = octets::adapted(name, values);
        let outcome = (function.body)(
            &mut Call {
                name,
                state: self.state,
            },
            &values,
        );
        self.returned(whole, name, outcome)
    }

    /// Adds the place to the error of a function or method.
    pub(super) fn returned(
        &self,
        node: &dyn Described,
        name: &str,
        outcome: Result<Value, FunctionError>,
    ) -> Outcome<Value> {
        outcome.map_err(|error| match error {
            FunctionError::Message(message) => {
                self.error(node, format!("error calling {name}: {message}"))
            }
            FunctionError::Render(error) => self.place(node, *error),
        })
    }

    /// `and` and `or` stop at the first argument that decides.
    fn junction(
        &mut self,
        name: &str,
        node: &'t Expr,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Value> {
        let mut value = Value::Nil;
        if arguments.is_empty() && last.is_none() {
            return Err(self.error(
                node,
                format!("wrong number of args for {name}: want at least 1 got 0"),
            ));
        }
        for argument in arguments {
            value = self.argument(Param::Any, argument, dot)?;
            if value.truth() == (name == "or") {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    /// Evaluates arguments and brings them to the types of the parameters.
    #[allow(clippy::too_many_arguments)] // it is Go's evalCall; a struct would only rename the list
    pub(super) fn arguments(
        &mut self,
        name: &str,
        params: &'static [Param],
        variadic: Option<Param>,
        node: &'t Expr,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Vec<Value>> {
        let count = arguments.len() + usize::from(last.is_some());
        if variadic.is_some() && count < params.len() {
            let message = format!(
                "wrong number of args for {name}: want at least {} got {}",
                params.len(),
                arguments.len()
            );
            return Err(self.error(node, message));
        }
        if variadic.is_none() && count != params.len() {
            return Err(self.error(
                node,
                format!(
                    "wrong number of args for {name}: want {} got {count}",
                    params.len()
                ),
            ));
        }
        let kind = |index: usize| {
            params
                .get(index)
                .copied()
                .or(variadic)
                .unwrap_or(Param::Any)
        };
        let mut values = Vec::with_capacity(count);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(kind(index), argument, dot)?);
        }
        if let Some(last) = last {
            values.push(self.typed(kind(arguments.len()), node, last)?);
        }
        Ok(values)
    }

    /// Arguments of an object's method, which checks their types itself.
    pub(super) fn objects_arguments(
        &mut self,
        node: &'t Expr,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Vec<Value>> {
        self.arguments("", &[], Some(Param::Any), node, arguments, dot, last)
    }

    fn argument(&mut self, param: Param, node: &'t Expr, dot: &Value) -> Outcome<Value> {
        self.state
            .step()
            .map_err(|error| self.place(node, *error))?;
        let value = match node {
            Expr::Dot(_) => dot.clone(),
            Expr::Nil(_) if matches!(param, Param::Any | Param::Dict | Param::List) => Value::Nil,
            Expr::Nil(_) => {
                return Err(self.error(node, format!("cannot assign nil to {}", type_name(param))));
            }
            Expr::Field(..) | Expr::Variable(..) | Expr::Chain(..) => {
                self.chain(node, &[], dot, None)?
            }
            Expr::Pipe(_, pipe) => self.pipeline(pipe, dot)?,
            Expr::Identifier(_, name) => self.function(name, node, node, &[], dot, None)?,
            Expr::String(..) | Expr::Number(..) | Expr::Bool(..) => {
                return self.literal(param, node);
            }
        };
        self.typed(param, node, value)
    }

    /// A constant takes the type of its parameter, if it can.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // as Go converts constants
    fn literal(&self, param: Param, node: &Expr) -> Outcome<Value> {
        let shown = || node.describe();
        let value = match (param, node) {
            (Param::Any | Param::Bool, Expr::Bool(_, value)) => Value::Bool(*value),
            (Param::Any | Param::String, Expr::String(_, text)) => Value::string(text),
            (Param::Any, Expr::Number(_, number)) => return self.constant(node, *number),
            (Param::Int, Expr::Number(_, Number::Int(value))) => Value::Int(*value),
            (Param::Int64, Expr::Number(_, Number::Int(value))) => Value::Int64(*value),
            (Param::Int, Expr::Number(_, Number::Float(value))) if whole(*value) => {
                Value::Int(*value as i64)
            }
            (Param::Int64, Expr::Number(_, Number::Float(value))) if whole(*value) => {
                Value::Int64(*value as i64)
            }
            (Param::Float, Expr::Number(_, Number::Int(value))) => Value::Float(*value as f64),
            (Param::Float, Expr::Number(_, Number::Uint(value))) => Value::Float(*value as f64),
            (Param::Float, Expr::Number(_, Number::Float(value))) => Value::Float(*value),
            (Param::Bool, _) => {
                return Err(self.error(node, format!("expected bool; found {}", shown())));
            }
            (Param::String, _) => {
                return Err(self.error(node, format!("expected string; found {}", shown())));
            }
            (Param::Int | Param::Int64, _) => {
                return Err(self.error(node, format!("expected integer; found {}", shown())));
            }
            (Param::Float, _) => {
                return Err(self.error(node, format!("expected float; found {}", shown())));
            }
            (param, _) => {
                let message = format!(
                    "can't handle {} for arg of type {}",
                    shown(),
                    type_name(param)
                );
                return Err(self.error(node, message));
            }
        };
        Ok(value)
    }

    /// A value as an argument of the given type.
    fn typed(&self, param: Param, node: &Expr, value: Value) -> Outcome<Value> {
        let matches = match (&value, param) {
            (Value::Nil | Value::NilInterface, Param::Any) => return Ok(Value::Nil),
            (_, Param::Any)
            | (Value::Bool(_), Param::Bool)
            | (Value::Int(_), Param::Int)
            | (Value::Int64(_), Param::Int64)
            | (Value::Float(_), Param::Float)
            | (Value::String(_), Param::String) => true,
            (Value::Nil, Param::Dict) => {
                return Ok(Value::Dict(Dict::typed(DictType::Nil, Entries::new())));
            }
            (Value::Nil, Param::List) => return Ok(Value::list(Vec::new())),
            (Value::Dict(dict), Param::Dict) => match dict.kind() {
                DictType::Any | DictType::Nil => true,
                DictType::Values => return Ok(Value::Dict(dict.retyped(DictType::Any))),
                _ => false,
            },
            (Value::List(list), Param::List) => list.kind() == ListType::Any,
            _ => false,
        };
        if matches {
            return Ok(value);
        }
        let expected = type_name(param);
        Err(self.error(
            node,
            match &value {
                Value::Nil => format!("invalid value; expected {expected}"),
                Value::NilInterface => {
                    format!("wrong type for value; expected {expected}; got interface {{}}")
                }
                other => format!(
                    "wrong type for value; expected {expected}; got {}",
                    other.type_name()
                ),
            },
        ))
    }
}

/// The steps that a function may take to look at its arguments: much input is work, even where little comes out.
pub(super) fn work(values: &[Value]) -> usize {
    let of = |value: &Value| match value {
        Value::String(text) => text.len() / BYTES_OF_STEP,
        Value::List(list) => list.len() / ELEMENTS_OF_STEP,
        Value::Dict(dict) => dict.len() / ELEMENTS_OF_STEP,
        _ => 0,
    };
    values.iter().map(of).sum()
}

fn whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() < 9.223_372_036_854_775e18
}

fn type_name(param: Param) -> &'static str {
    match param {
        Param::Any => "interface {}",
        Param::Bool => "bool",
        Param::Int => "int",
        Param::Int64 => "int64",
        Param::Float => "float64",
        Param::String => "string",
        Param::Dict => "map[string]interface {}",
        Param::List => "[]interface {}",
    }
}

impl From<Box<RenderError>> for FunctionError {
    fn from(error: Box<RenderError>) -> Self {
        Self::Render(error)
    }
}
