//! `AsConfig` and `AsSecrets` of files of one base name, of which helm takes one by chance. Pure; called when a chart is loaded.

use std::collections::HashSet;
use std::sync::Arc;

use gotmpl::parse::{Expr, SmolStr};

use crate::File;
use crate::engine::check::{Finding, commands};
use crate::engine::error::NO_MISTAKE;
use crate::engine::glob::Glob;
use crate::engine::source::{Source, Template};

/// Files that a template selects.
#[derive(Clone, Copy)]
enum Files<'t> {
    All,
    /// Those of a pattern.
    Of(&'t str),
    /// Those that were selected elsewhere.
    Elsewhere,
}

/// The templates' uses of files.
#[derive(Default)]
struct Uses<'t> {
    /// Where maps are made, and of which files.
    maps: Vec<(&'t Source, &'t Expr, Files<'t>)>,
    /// All that is selected somewhere.
    selected: Vec<Files<'t>>,
}

/// Looks through all templates; what was found, by the name of the text.
pub(super) fn of_one_base_name(
    templates: &[Arc<Template>],
    files: &[File],
) -> Vec<(String, Finding)> {
    let mut uses = Uses::default();
    for template in templates {
        commands(&template.body, &mut |place| {
            let arguments = &place.command.args;
            if let Some(selected) = selected(arguments) {
                uses.selected.push(selected);
            }
            let maps = arguments.iter().filter_map(|node| Some((node, map(node)?)));
            uses.maps
                .extend(maps.map(|(node, of)| (&*template.source, node, of)));
        });
    }
    let mut found = Vec::new();
    for (source, node, of) in &uses.maps {
        let among = match of {
            Files::Elsewhere => &uses.selected[..],
            known => std::slice::from_ref(known),
        };
        let twice = among.iter().find_map(|of| twice(files, *of));
        if let Some(base) = twice {
            let (line, _) = source.line_column(node.pos().offset);
            found.push((source.name.clone(), Finding::new(line, by_chance(base))));
        }
    }
    found
}

/// Files that a command selects.
fn selected(arguments: &[Expr]) -> Option<Files<'_>> {
    let (first, arguments) = arguments.split_first()?;
    match names(first).last().map(SmolStr::as_str)? {
        "Files" => Some(Files::All),
        "Glob" => Some(match arguments.first() {
            Some(Expr::String(_, pattern)) => Files::Of(pattern),
            _ => Files::All,
        }),
        _ => None,
    }
}

/// The files that an expression makes a map of.
fn map(node: &Expr) -> Option<Files<'_>> {
    let (last, before) = names(node).split_last()?;
    if !is_map(last) {
        return None;
    }
    if before.last().is_some_and(|name| name == "Files") {
        return Some(Files::All);
    }
    let inner = match node {
        Expr::Chain(_, inner, _) => selected_in(inner),
        _ => None,
    };
    Some(inner.unwrap_or(Files::Elsewhere))
}

fn selected_in(node: &Expr) -> Option<Files<'_>> {
    match node {
        Expr::Pipe(_, pipe) if pipe.commands.len() == 1 => selected(&pipe.commands[0].args),
        _ => None,
    }
}

fn names(node: &Expr) -> &[SmolStr] {
    match node {
        Expr::Field(_, names) | Expr::Variable(_, _, names) | Expr::Chain(_, _, names) => names,
        _ => &[],
    }
}

/// Whether a method makes a map of files.
pub(super) fn is_map(name: &str) -> bool {
    matches!(name, "AsConfig" | "AsSecrets")
}

pub(super) fn by_chance(base: &str) -> String {
    format!(
        "a map of files is not supported where several are called {base:?}: helm takes one of them by chance; {NO_MISTAKE}"
    )
}

/// A base name that two of all files have.
pub(super) fn of_all(files: &[File]) -> Option<&str> {
    twice(files, Files::All)
}

/// A base name that two of the files have.
fn twice<'f>(files: &'f [File], of: Files<'_>) -> Option<&'f str> {
    let glob = match of {
        // A pattern that is not read is told on its own.
        Files::Of(pattern) => Some(Glob::new(pattern)?),
        Files::All | Files::Elsewhere => None,
    };
    let selected = |file: &&File| glob.as_ref().is_none_or(|glob| glob.matches(&file.name));
    let mut known = HashSet::new();
    files
        .iter()
        .filter(selected)
        .map(|file| file.name.rsplit('/').next().unwrap_or(&file.name))
        .find(|base| !known.insert(*base))
}
