//! Blocks of one template: text, actions, `if`, `with`, `range`, `template`. Pure; called by `evaluate`.

use std::rc::Rc;

use gotmpl::parse::{BranchNode, ListNode, Node, TemplateNode};

use super::ELEMENT;
use super::describe::Described;
use super::error::{Frame, RenderError, RenderErrorKind};
use super::evaluate::{Outcome, State};
use super::format;
use super::functions::{FunctionError, weigh};
use super::source::Template;
use super::value::{DictType, List, ListType, Value};

/// How a block ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

/// One template being run: its variables, of which `$` is the first.
pub(super) struct Execution<'s, 't> {
    pub(super) state: &'s mut State,
    pub(super) template: &'t Template,
    pub(super) variables: Vec<(&'t str, Value)>,
}

#[allow(clippy::unnecessary_box_returns)] // errors travel boxed
impl<'t> Execution<'_, 't> {
    /// An error at a node.
    pub(super) fn error(
        &self,
        node: &dyn Described,
        message: impl Into<String>,
    ) -> Box<RenderError> {
        self.place(node, RenderError::new(RenderErrorKind::Evaluation, message))
    }

    /// Adds the place of a node to an error from below.
    pub(super) fn place(&self, node: &dyn Described, error: RenderError) -> Box<RenderError> {
        let (line, column) = self.template.source.line_column(node.offset());
        Box::new(error.within(Frame {
            file: self.template.source.name.clone(),
            line,
            column,
            template: self.template.name.clone(),
            expression: node.describe(),
        }))
    }

    fn bounded(&self, node: &dyn Described, outcome: Outcome<()>) -> Outcome<()> {
        outcome.map_err(|error| self.place(node, *error))
    }

    pub(super) fn list(&mut self, list: &'t ListNode, dot: &Value) -> Outcome<Flow> {
        if let (Err(error), Some(first)) = (self.state.enter(), list.nodes.first()) {
            return Err(self.place(first, *error));
        }
        for node in &list.nodes {
            match self.node(node, dot)? {
                Flow::Next => {}
                flow => {
                    self.state.leave();
                    return Ok(flow);
                }
            }
        }
        self.state.leave();
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &'t Node, dot: &Value) -> Outcome<Flow> {
        let step = self.state.step();
        self.bounded(node, step)?;
        match node {
            Node::Text(text) => {
                let written = self.state.write(&text.text);
                self.bounded(node, written)?;
            }
            Node::Action(action) => {
                let value = self.pipeline(&action.pipe, dot)?;
                if action.pipe.decl.is_empty() {
                    self.print(node, &value)?;
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(range) => return self.range(node, range, dot),
            Node::Template(call) => self.call_template(node, call, dot)?,
            Node::Break(_) => return Ok(Flow::Break),
            Node::Continue(_) => return Ok(Flow::Continue),
            Node::List(list) => return self.list(list, dot),
            // Definitions are collected when the text is parsed.
            Node::Define(_) => {}
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, node: &Node, value: &Value) -> Outcome<()> {
        let written = match value {
            Value::String(text) => self.state.write(text),
            other => match weigh(self.state, other, 1).and_then(|()| format::display(other)) {
                Ok(text) => self.state.write(&text),
                Err(FunctionError::Message(message)) => return Err(self.error(node, message)),
                Err(FunctionError::Render(error)) => Err(error),
            },
        };
        self.bounded(node, written)
    }

    fn branch(&mut self, branch: &'t BranchNode, dot: &Value, with: bool) -> Outcome<Flow> {
        let mark = self.variables.len();
        let value = self.pipeline(&branch.pipe, dot)?;
        let flow = if value.truth() {
            self.list(&branch.body, if with { &value } else { dot })?
        } else if let Some(alternative) = &branch.else_body {
            self.list(alternative, dot)?
        } else {
            Flow::Next
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, node: &'t Node, range: &'t BranchNode, dot: &Value) -> Outcome<Flow> {
        let mark = self.variables.len();
        let over = self.pipeline(&range.pipe, dot)?;
        let count = match &over {
            Value::Int(count) | Value::Int64(count) => Some(*count),
            Value::Uint64(count) => Some(i64::try_from(*count).unwrap_or(i64::MAX)),
            Value::Byte(count) => Some(i64::from(*count)),
            _ => None,
        };
        let mut ran = false;
        if let Some(count) = count {
            if range.pipe.decl.len() > 1 {
                let shown = format::display(&over).unwrap_or_default();
                return Err(self.error(
                    node,
                    format!("can't use {shown} to iterate over more than one variable"),
                ));
            }
            for number in 0..count {
                // An empty body has no node that would count.
                let step = self.state.step();
                self.bounded(node, step)?;
                ran = true;
                let element = like(&over, number);
                if self.iteration(range, &Value::Nil, &element)? == Flow::Break {
                    break;
                }
            }
        } else if let Value::List(list) = &over {
            ran = self.range_list(node, range, list)?;
        } else {
            for (key, element) in self.entries(node, &over)? {
                ran = true;
                if self.iteration(range, &key, &element)? == Flow::Break {
                    break;
                }
            }
        }
        let flow = match &range.else_body {
            Some(alternative) if !ran => self.list(alternative, dot)?,
            _ => Flow::Next,
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    /// Runs over a list, which nothing can change meanwhile; whether it had an element.
    fn range_list(&mut self, node: &'t Node, range: &'t BranchNode, list: &List) -> Outcome<bool> {
        let any = list.kind() == ListType::Any;
        let spent = self.state.spend(list.len());
        self.bounded(node, spent)?;
        for index in 0..list.len() {
            let element = match list.get(index) {
                Some(value) if !(any && value.is_nil()) => value,
                _ => Value::NilInterface,
            };
            let key = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
            if self.iteration(range, &key, &element)? == Flow::Break {
                break;
            }
        }
        Ok(!list.is_empty())
    }

    /// Key and value of everything in a map, as it is now: the loop does not see changes.
    fn entries(&mut self, node: &Node, over: &Value) -> Outcome<Vec<(Value, Value)>> {
        match over {
            Value::Nil | Value::NilInterface => Ok(Vec::new()),
            Value::Dict(dict) => {
                let count = dict.len();
                let spent = self.state.spend(count);
                self.bounded(node, spent)?;
                let charged = self.state.charge(count * ELEMENT);
                self.bounded(node, charged)?;
                let any = matches!(dict.kind(), DictType::Any | DictType::Values);
                let inner = |value: &Value| {
                    if any && value.is_nil() {
                        Value::NilInterface
                    } else {
                        value.clone()
                    }
                };
                let entries = dict.entries();
                Ok(entries
                    .iter()
                    .map(|(key, value)| (Value::String(Rc::clone(key)), inner(value)))
                    .collect())
            }
            other => {
                let shown = format::display(other).unwrap_or_default();
                Err(self.error(node, format!("range can't iterate over {shown}")))
            }
        }
    }

    fn iteration(&mut self, range: &'t BranchNode, key: &Value, element: &Value) -> Outcome<Flow> {
        let declared = &range.pipe.decl;
        let top = self.variables.len();
        let assigned: &[(usize, &Value)] = match declared.len() {
            0 => &[],
            1 => &[(0, element)],
            _ => &[(0, key), (1, element)],
        };
        for (index, value) in assigned {
            if range.pipe.is_assign {
                self.assign(&range.pipe, &declared[*index], (*value).clone())?;
            } else {
                // The pipeline has pushed one variable for each name.
                self.variables[top - declared.len() + index].1 = (*value).clone();
            }
        }
        let flow = self.list(&range.body, element)?;
        self.variables.truncate(top);
        Ok(flow)
    }

    fn call_template(
        &mut self,
        node: &'t Node,
        call: &'t TemplateNode,
        dot: &Value,
    ) -> Outcome<()> {
        let Some(template) = self.state.find(&call.name) else {
            return Err(self.error(
                node,
                format!("template {:?} not defined", call.name.as_str()),
            ));
        };
        let data = match &call.pipe {
            Some(pipe) => self.pipeline(pipe, dot)?,
            None => Value::Nil,
        };
        self.state
            .execute(&template, &data)
            .map_err(|error| self.place(node, *error))
    }
}

/// An integer of the same type.
fn like(model: &Value, number: i64) -> Value {
    match model {
        Value::Int64(_) => Value::Int64(number),
        Value::Uint64(_) => Value::Uint64(number.unsigned_abs()),
        Value::Byte(_) => Value::Byte(u8::try_from(number).unwrap_or(u8::MAX)),
        _ => Value::Int(number),
    }
}
