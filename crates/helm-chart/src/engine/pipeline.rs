//! Pipelines, commands, variables and chains of fields. Pure; the part of the evaluator that yields values.

use gotmpl::parse::{CommandNode, Expr, Number, PipeNode, SmolStr};

use super::ELEMENT;
use super::blocks::Execution;
use super::describe::Described;
use super::evaluate::Outcome;
use super::methods;
use super::value::{DictType, Object, Value};

impl<'t> Execution<'_, 't> {
    /// The value of a pipeline; what it declares stays until the block ends.
    pub(super) fn pipeline(&mut self, pipe: &'t PipeNode, dot: &Value) -> Outcome<Value> {
        self.state
            .enter()
            .map_err(|error| self.place(pipe, *error))?;
        let mut value: Option<Value> = None;
        for command in &pipe.commands {
            let result = self.command(command, dot, value)?;
            value = Some(if result.is_nil() { Value::Nil } else { result });
        }
        self.state.leave();
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.decl {
            if pipe.is_assign {
                self.assign(pipe, name, value.clone())?;
            } else {
                self.variables.push((name.as_str(), value.clone()));
            }
        }
        Ok(value)
    }

    /// Overwrites the innermost variable of that name.
    pub(super) fn assign(&mut self, pipe: &'t PipeNode, name: &str, value: Value) -> Outcome<()> {
        match self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == name)
        {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => Err(self.error(pipe, format!("undefined variable: {name}"))),
        }
    }

    fn command(
        &mut self,
        command: &'t CommandNode,
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Value> {
        self.state
            .step()
            .map_err(|error| self.place(command, *error))?;
        let Some((first, rest)) = command.args.split_first() else {
            return Ok(Value::Nil);
        };
        match first {
            Expr::Field(..) | Expr::Chain(..) | Expr::Variable(..) => {
                self.chain(first, rest, dot, last)
            }
            Expr::Identifier(_, name) => self.function(name, first, command, rest, dot, last),
            _ if !rest.is_empty() || last.is_some() => Err(self.error(
                first,
                format!("can't give argument to non-function {}", first.describe()),
            )),
            Expr::Pipe(_, pipe) => self.pipeline(pipe, dot),
            Expr::Dot(_) => Ok(dot.clone()),
            Expr::Nil(_) => Err(self.error(first, "nil is not a command")),
            Expr::Number(_, number) => self.constant(first, *number),
            Expr::String(_, text) => Ok(Value::string(text)),
            Expr::Bool(_, value) => Ok(Value::Bool(*value)),
        }
    }

    /// A number where its own form decides the type.
    pub(super) fn constant(&self, node: &Expr, number: Number) -> Outcome<Value> {
        match number {
            Number::Int(value) => Ok(Value::Int(value)),
            Number::Float(value) => Ok(Value::Float(value)),
            Number::Uint(value) => Err(self.error(node, format!("{value} overflows int"))),
        }
    }

    /// `.a.b`, `$x.a.b` or `(…).a.b`, the last of which may be a method with arguments.
    pub(super) fn chain(
        &mut self,
        node: &'t Expr,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Value> {
        let (mut receiver, names): (Value, &'t [SmolStr]) = match node {
            Expr::Field(_, names) => (dot.clone(), names),
            Expr::Variable(_, name, names) => (self.variable(node, name)?, names),
            Expr::Chain(_, inner, names) => {
                let value = match inner.as_ref() {
                    Expr::Pipe(_, pipe) => self.pipeline(pipe, dot)?,
                    Expr::Identifier(_, name) => {
                        self.function(name, inner, inner.as_ref(), &[], dot, None)?
                    }
                    other => {
                        return Err(self.error(
                            node,
                            format!("unexpected . after term {}", other.describe()),
                        ));
                    }
                };
                (value, names)
            }
            other => {
                return Err(
                    self.error(node, format!("can't evaluate command {}", other.describe()))
                );
            }
        };
        let Some((final_name, names)) = names.split_last() else {
            if !arguments.is_empty() || last.is_some() {
                return Err(self.error(
                    node,
                    format!("can't give argument to non-function {}", node.describe()),
                ));
            }
            return Ok(receiver);
        };
        for name in names {
            receiver = self.field(node, name, &receiver, &[], dot, None)?;
        }
        self.field(node, final_name, &receiver, arguments, dot, last)
    }

    fn variable(&self, node: &Expr, name: &str) -> Outcome<Value> {
        match self
            .variables
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
        {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.error(node, format!("undefined variable: {name}"))),
        }
    }

    fn field(
        &mut self,
        node: &'t Expr,
        name: &str,
        receiver: &Value,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Value> {
        match receiver {
            Value::Nil => return Ok(Value::Nil),
            Value::NilInterface => {
                return Err(self.error(
                    node,
                    format!("nil pointer evaluating interface {{}}.{name}"),
                ));
            }
            _ => {}
        }
        if let Some(method) = methods::find(receiver, name) {
            let values = self.arguments(name, method.params, None, node, arguments, dot, last)?;
            let outcome = (method.body)(self.state, receiver, &values);
            return self.returned(node, name, outcome);
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        match receiver {
            Value::Dict(_) if has_arguments => {
                Err(self.error(node, format!("{name} is not a method but has arguments")))
            }
            Value::Dict(dict) => Ok(match (dict.get(name), dict.kind()) {
                (Some(Value::Nil) | None, DictType::Any | DictType::Nil | DictType::Values) => {
                    Value::NilInterface
                }
                (None, DictType::Strings | DictType::NilStrings) => Value::string(""),
                (None, DictType::Files) => Value::bytes(&[]),
                (Some(value), _) => value,
            }),
            Value::Object(object) => {
                self.object_field(node, name, object.as_ref(), arguments, dot, last)
            }
            other => Err(self.error(
                node,
                format!("can't evaluate field {name} in type {}", other.type_name()),
            )),
        }
    }

    fn object_field(
        &mut self,
        node: &'t Expr,
        name: &str,
        object: &dyn Object,
        arguments: &'t [Expr],
        dot: &Value,
        last: Option<Value>,
    ) -> Outcome<Value> {
        let has_arguments = !arguments.is_empty() || last.is_some();
        let values = self.objects_arguments(node, arguments, dot, last)?;
        if let Some(outcome) = object.call(name, &values) {
            return self.returned(node, name, outcome);
        }
        match object.field(name) {
            Some(_) if has_arguments => Err(self.error(
                node,
                format!("{name} has arguments but cannot be invoked as function"),
            )),
            Some(value) => {
                // A field of an object is made anew each time.
                let size = if let Value::List(list) = &value {
                    list.len() * ELEMENT
                } else {
                    ELEMENT
                };
                let charged = self.state.charge(size);
                charged.map_err(|error| self.place(node, *error))?;
                Ok(value)
            }
            None => Err(self.error(
                node,
                format!("can't evaluate field {name} in type {}", object.type_name()),
            )),
        }
    }
}
