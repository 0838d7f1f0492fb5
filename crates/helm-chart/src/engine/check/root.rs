//! Where templates show how the helm program was built: all of `.Capabilities`, or of the root context, which holds it. Pure.
//!
//! What holds the root is followed over all templates of a chart: through variables, called templates, keys of maps and places of
//! lists. Where two things share a name, both are taken to hold it: what is refused wrongly goes to helm.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, SmolStr};

use super::Finding;
use super::argument::{Argument, Name};
use super::calls::{self, Effect};
use crate::engine::describe::Described;
use crate::engine::error::NO_MISTAKE;
use crate::engine::source::{Source, Template};

/// Fields of `.Capabilities.HelmVersion` that depend on the program.
const BUILD: [&str; 4] = [
    "GitCommit",
    "GitTreeState",
    "GoVersion",
    "KubeClientVersion",
];
/// Walks over all templates before every key and place counts.
const MAX_WALKS: usize = 8;

/// Looks for it, starting from the templates that are given the root; what was found, by the name of the text.
pub(in crate::engine) fn shown(
    templates: &[Arc<Template>],
    is_given_root: impl Fn(&Template) -> bool,
) -> BTreeSet<(String, Finding)> {
    let mut flow = Flow::default();
    for template in templates {
        flow.by_name
            .entry(&template.name)
            .or_default()
            .push(template);
    }
    for walk in 0.. {
        flow.grew = false;
        for template in templates {
            let given = is_given_root(template) || flow.given.contains(template.name.as_str());
            flow.walk(template, given);
        }
        while let Some(template) = flow.queue.pop() {
            flow.walk(template, true);
        }
        if !flow.grew {
            break;
        }
        flow.everything = walk >= MAX_WALKS;
    }
    flow.found
}

/// What is known to hold the root.
#[derive(Default)]
struct Flow<'t> {
    by_name: HashMap<&'t str, Vec<&'t Template>>,
    /// Templates that are called with it.
    given: HashSet<&'t str>,
    /// Those of them that were not walked since.
    queue: Vec<&'t Template>,
    /// Keys of maps that hold it.
    keys: HashSet<&'t str>,
    /// Places of lists that hold it.
    places: HashSet<usize>,
    any_place: bool,
    /// Variables that it is assigned to, with the text that they stand in.
    assigned: HashSet<(&'t str, &'t str)>,
    /// Whether every key and place counts.
    everything: bool,
    /// Whether this walk found more keys, places or variables.
    grew: bool,
    found: BTreeSet<(String, Finding)>,
}

impl<'t> Flow<'t> {
    fn give_all(&mut self, name: &Name<'_>) {
        match name {
            Name::Constant(name) => self.give(name),
            Name::Parts(parts) => {
                let names = self.by_name.keys().copied();
                let fitting = names.filter(|name| parts.iter().all(|part| name.contains(part)));
                for name in fitting.collect::<Vec<_>>() {
                    self.give(name);
                }
            }
            Name::File => {}
        }
    }

    fn give(&mut self, name: &str) {
        let Some((name, templates)) = self.by_name.get_key_value(name) else {
            return;
        };
        if self.given.insert(name) {
            self.queue.extend(templates);
        }
    }

    fn walk(&mut self, template: &'t Template, given: bool) {
        let mut walk = Walk {
            flow: self,
            source: &template.source,
            variables: vec![("$", given)],
        };
        walk.list(&template.body, given);
    }
}

/// A walk through one template.
struct Walk<'t, 'f> {
    flow: &'f mut Flow<'t>,
    source: &'t Source,
    variables: Vec<(&'t str, bool)>,
}

impl<'t> Walk<'t, '_> {
    /// `dot` says whether `.` holds the root.
    fn list(&mut self, list: &'t ListNode, dot: bool) {
        for node in &list.nodes {
            match node {
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
                Node::Action(action) => {
                    if self.pipe(&action.pipe, dot) && action.pipe.decl.is_empty() {
                        self.report(&action.pipe);
                    }
                }
                Node::If(branch) => self.branch(branch, dot, |_| dot),
                Node::With(branch) | Node::Range(branch) => self.branch(branch, dot, |held| held),
                Node::Template(call) => {
                    if call.pipe.as_ref().is_some_and(|pipe| self.pipe(pipe, dot)) {
                        self.flow.give(&call.name);
                    }
                }
                Node::List(list) => self.list(list, dot),
                Node::Define(define) => self.list(&define.body, dot),
            }
        }
    }

    fn branch(&mut self, branch: &'t BranchNode, dot: bool, inside: impl Fn(bool) -> bool) {
        let mark = self.variables.len();
        let held = self.pipe(&branch.pipe, dot);
        self.list(&branch.body, inside(held));
        if let Some(alternative) = &branch.else_body {
            self.list(alternative, dot);
        }
        self.variables.truncate(mark);
    }

    /// Whether the value of a pipeline may hold the root.
    fn pipe(&mut self, pipe: &'t PipeNode, dot: bool) -> bool {
        let mut held = None;
        for (index, command) in pipe.commands.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &pipe.commands[before]);
            held = Some(self.command(command, dot, held.zip(before)));
        }
        let held = held.unwrap_or(false);
        for (index, name) in pipe.decl.iter().enumerate() {
            // The first of two is the key.
            let held = held && index + 1 == pipe.decl.len();
            if !pipe.is_assign {
                self.variables.push((name, held));
            } else if held && self.flow.assigned.insert((&self.source.name, name)) {
                self.flow.grew = true;
            }
        }
        held
    }

    /// The same of a command. `piped` says what of the command before it.
    fn command(
        &mut self,
        command: &'t CommandNode,
        dot: bool,
        piped: Option<(bool, &'t CommandNode)>,
    ) -> bool {
        let Some((first, arguments)) = command.args.split_first() else {
            return false;
        };
        let mut held: Vec<bool> = arguments
            .iter()
            .map(|argument| self.expression(argument, dot))
            .collect();
        let mut nodes: Vec<Argument<'t>> = arguments.iter().map(Argument::Expression).collect();
        if let Some((piped, before)) = piped {
            held.push(piped);
            nodes.push(Argument::Command(before));
        }
        let Expr::Identifier(_, name) = first else {
            return self.expression(first, dot);
        };
        if !held.contains(&true) {
            return false;
        }
        self.call(name, &nodes, &held)
    }

    /// A function that is called with something that holds the root.
    fn call(&mut self, name: &str, arguments: &[Argument<'t>], held: &[bool]) -> bool {
        let first_held = || held.iter().position(|held| *held).map(|at| arguments[at]);
        match calls::effect(name) {
            Effect::Writes => {
                if let Some(shown) = first_held() {
                    self.report(shown.described());
                }
                false
            }
            Effect::Runs => {
                if let Some(name) = arguments.first() {
                    self.flow.give_all(&name.name());
                }
                false
            }
            Effect::Pairs => {
                let keys = if name == "set" {
                    &arguments[1..]
                } else {
                    arguments
                };
                let values = &held[held.len() - keys.len()..];
                for (pair, held) in keys.chunks(2).zip(values.chunks(2)) {
                    if held.last() == Some(&true) && held.len() == 2 {
                        self.key(pair[0]);
                    }
                }
                true
            }
            Effect::List => {
                for (place, _) in held.iter().enumerate().filter(|(_, held)| **held) {
                    self.flow.grew |= self.flow.places.insert(place);
                }
                true
            }
            Effect::Reorders => {
                self.flow.grew |= !self.flow.any_place;
                self.flow.any_place = true;
                true
            }
            Effect::Reads(positions) => {
                let keys = &arguments[positions.keys(arguments.len())];
                positions.is_default_held(held) || keys.iter().any(|key| self.is_read(*key))
            }
            Effect::First => self.flow.any_place || self.flow.places.contains(&0),
            Effect::Keeps => true,
            Effect::Drops => false,
        }
    }

    /// What holds the root is kept under a key.
    fn key(&mut self, key: Argument<'t>) {
        match key.text() {
            Some(key) => self.flow.grew |= self.flow.keys.insert(key),
            None => self.report(key.described()),
        }
    }

    /// Whether a constant is a key or place that holds the root; anything else may be.
    fn is_read(&self, key: Argument<'t>) -> bool {
        match key {
            Argument::Expression(Expr::String(_, key)) => {
                self.is_key(key) || &**key == "Capabilities"
            }
            Argument::Expression(Expr::Number(_, Number::Int(place))) => {
                self.flow.any_place
                    || self.flow.everything
                    || usize::try_from(*place).is_ok_and(|place| self.flow.places.contains(&place))
            }
            _ => true,
        }
    }

    fn is_key(&self, key: &str) -> bool {
        self.flow.everything || self.flow.keys.contains(key)
    }

    fn expression(&mut self, expression: &'t Expr, dot: bool) -> bool {
        match expression {
            Expr::Dot(_) => dot,
            Expr::Field(_, names) => self.fields(expression, dot, true, names),
            Expr::Variable(_, name, names) => {
                let declared = self.variables.iter().rev();
                let held = declared
                    .filter(|(known, _)| *known == name.as_str())
                    .map(|(_, held)| *held)
                    .next();
                let assigned = (self.source.name.as_str(), name.as_str());
                let held = held.unwrap_or(false) || self.flow.assigned.contains(&assigned);
                self.fields(expression, held, true, names)
            }
            Expr::Chain(_, inner, names) => {
                let held = self.expression(inner, dot);
                self.fields(expression, held, false, names)
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe, dot),
            _ => false,
        }
    }

    /// Whether fields of something lead to what holds the root. `.Capabilities` may be the root's wherever it is the first one.
    fn fields(&mut self, whole: &'t Expr, held: bool, first: bool, names: &'t [SmolStr]) -> bool {
        let mut held = held;
        for (index, name) in names.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| names[before].as_str());
            held = match name.as_str() {
                // What is under it is what a user gave.
                "Values" => return false,
                name if BUILD.contains(&name) && (held || before == Some("HelmVersion")) => {
                    self.report(whole);
                    return false;
                }
                "YAML" | "Encode" if held => {
                    self.report(whole);
                    return false;
                }
                "Capabilities" => held || first && index == 0,
                "HelmVersion" | "AsMap" | "Copy" if held => true,
                name => self.is_key(name),
            };
        }
        held
    }

    fn report(&mut self, node: &(impl Described + ?Sized)) {
        let shown = node.describe();
        let what = format!(
            "all of {shown} is not supported: it says how the helm program was built; {NO_MISTAKE}"
        );
        let (line, _) = self.source.line_column(node.offset());
        let found = (self.source.name.clone(), Finding::new(line, what));
        self.flow.found.insert(found);
    }
}
