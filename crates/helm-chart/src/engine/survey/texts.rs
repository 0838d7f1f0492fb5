//! What of texts that only a rendering reads this engine does not do: the text of `tpl`, formats, patterns of files. Pure.
//!
//! `program` asks when a chart is loaded, of what the chart holds, and again when values are known. A text is taken to be used
//! wherever it may be.

use std::sync::Arc;

use base64::Engine as _;
use gotmpl::parse::Expr;
use serde_json::Value as Json;

use super::files;
use crate::engine::check::{self, Finding, Place, commands};
use crate::engine::error::NO_MISTAKE;
use crate::engine::functions;
use crate::engine::glob::Glob;
use crate::engine::octets;
use crate::engine::scan::scan;
use crate::engine::source::{self, Source, Template};

/// Functions that look for a text in another one, and make nothing of it.
const LOOKING: [&str; 12] = [
    "contains",
    "eq",
    "has",
    "hasPrefix",
    "hasSuffix",
    "mustHas",
    "mustRegexMatch",
    "ne",
    "regexMatch",
    "split",
    "splitList",
    "without",
];

/// Which texts of values a chart's templates may read in a way that matters.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // they do not depend on each other
pub(in crate::engine) struct Readers {
    /// `tpl` is called.
    runs: bool,
    /// Base 64 or 32 is decoded.
    decodes: bool,
    /// A format is not a constant.
    formats: bool,
    /// A pattern of files is not a constant.
    globs: bool,
    /// Files of the chart are read.
    pub(super) opens: bool,
    /// Maps are made of files.
    maps: bool,
    /// A base name that several of the chart's files have.
    twice: Option<String>,
    /// A constant is a part of an action, which `tpl` could run together with other texts.
    joins: bool,
}

/// A constant of a template.
struct Constant<'t> {
    source: &'t Source,
    node: &'t Expr,
    text: &'t str,
    /// Whether it may become a part of another text.
    is_used: bool,
    /// Whether it is a format for more than constants.
    is_format: bool,
}

/// What was found in a chart's templates, by the name of the text.
type Found = Vec<(String, Finding)>;

/// Looks through templates, the chart's or those of a text. `twice` is a base name that several of the chart's files have.
pub(super) fn of_templates(templates: &[Arc<Template>], twice: Option<&str>) -> (Readers, Found) {
    let mut readers = Readers {
        twice: twice.map(str::to_owned),
        ..Readers::default()
    };
    let mut found = Vec::new();
    let mut constants = Vec::new();
    for template in templates {
        commands(&template.body, &mut |place| {
            readers.follow(place);
            let function = name(place);
            for node in &place.command.args {
                let Expr::String(_, text) = node else {
                    continue;
                };
                if is_glob(&place.command.args[0]) {
                    found.extend(unglobbed(text).map(|what| at(&template.source, node, what)));
                }
                constants.push(Constant {
                    source: &template.source,
                    node,
                    text,
                    is_used: !place.is_printed
                        && !function.is_some_and(|name| LOOKING.contains(&name)),
                    is_format: function == Some("printf") && !of_constants(place),
                });
            }
        });
    }
    let formats = constants
        .iter()
        .filter(|one| readers.formats || one.is_format);
    let addresses = formats.filter(|one| has_address(one.text));
    found.extend(addresses.map(|one| at(one.source, one.node, address())));
    if readers.runs {
        found.extend(readers.of_constants(&constants));
    }
    (readers, found)
}

fn at(source: &Source, node: &Expr, what: String) -> (String, Finding) {
    let (line, _) = source.line_column(node.pos().offset);
    (source.name.clone(), Finding::new(line, what))
}

/// The function that a command calls.
fn name(place: Place<'_>) -> Option<&str> {
    match place.command.args.first() {
        Some(Expr::Identifier(_, name)) => Some(name),
        _ => None,
    }
}

/// Whether all that a format is given are constants.
fn of_constants(place: Place<'_>) -> bool {
    let is_constant = |node: &Expr| {
        matches!(
            node,
            Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_)
        )
    };
    !place.is_piped && place.command.args.iter().skip(2).all(is_constant)
}

/// The fields of an expression.
fn fields(node: &Expr) -> &[gotmpl::parse::SmolStr] {
    match node {
        Expr::Field(_, names) | Expr::Variable(_, _, names) | Expr::Chain(_, _, names) => names,
        _ => &[],
    }
}

fn is_glob(node: &Expr) -> bool {
    fields(node).last().is_some_and(|name| name == "Glob")
}

impl Readers {
    fn follow(&mut self, place: Place<'_>) {
        let arguments = &place.command.args;
        let is_constant = matches!(arguments.get(1), Some(Expr::String(..)));
        for node in arguments {
            let names = fields(node);
            self.opens |= names.iter().any(|name| name == "Files");
            self.maps |= names.last().is_some_and(|name| files::is_map(name));
            if let Expr::Identifier(_, name) = node {
                self.runs |= name == "tpl";
                self.decodes |= matches!(name.as_str(), "b64dec" | "b32dec");
            }
        }
        self.formats |= name(place) == Some("printf") && !is_constant;
        self.globs |= arguments.first().is_some_and(is_glob) && !is_constant;
    }

    fn of_constants(&mut self, constants: &[Constant<'_>]) -> Found {
        let mut found = Vec::new();
        for one in constants.iter().filter(|one| one.text.contains("{{")) {
            let (whats, is_whole) = self.run(one.text);
            found.extend(whats.into_iter().map(|what| at(one.source, one.node, what)));
            self.joins |= one.is_used && (!is_whole || one.text.contains('%'));
        }
        if self.joins {
            let whats = constants
                .iter()
                .flat_map(|one| words(one.text).map(|what| at(one.source, one.node, what)));
            found.extend(whats);
        }
        found
    }

    /// What in a text of the chart's own files `tpl` may run that this engine does not have.
    pub(super) fn of_file(&self, text: &str) -> Vec<String> {
        let is_read = self.runs && self.opens && text.contains("{{");
        if is_read {
            self.run(text).0
        } else {
            Vec::new()
        }
    }

    /// What of values this engine does not do, each with its path.
    pub(in crate::engine) fn of_values(&self, values: &Json) -> Vec<(String, String)> {
        if !(self.runs || self.formats || self.globs) {
            return Vec::new();
        }
        let mut texts = Vec::new();
        let mut pending = vec![(String::new(), values)];
        while let Some((path, value)) = pending.pop() {
            match value {
                Json::Array(items) => {
                    let items = items.iter().enumerate();
                    pending.extend(items.map(|(index, item)| (format!("{path}/{index}"), item)));
                }
                Json::Object(fields) => pending.extend(fields.iter().map(|(key, value)| {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    (format!("{path}/{key}"), value)
                })),
                Json::String(text) => texts.push((path, text)),
                _ => {}
            }
        }
        let mut readers = self.clone();
        if self.runs {
            for (_, text) in &texts {
                readers.read_by(text);
            }
        }
        let (mut found, mut joins) = (Vec::new(), self.joins);
        for (path, text) in &texts {
            let (whats, is_whole) = readers.of_value(text);
            joins |= !is_whole;
            found.extend(whats.into_iter().map(|what| (path.clone(), what)));
        }
        if self.runs && joins {
            let whats = texts
                .iter()
                .flat_map(|(path, text)| words(text).map(|what| (path.clone(), what)));
            found.extend(whats);
        }
        found.sort();
        found.dedup();
        found
    }

    /// The same of one text, and whether it is not a part of an action.
    fn of_value(&self, text: &str) -> (Vec<String>, bool) {
        let (mut found, mut is_whole) = (Vec::new(), true);
        if self.formats && has_address(text) {
            found.push(address());
        }
        if self.globs && text.contains('{') {
            found.extend(unglobbed(text));
        }
        let decoded = (self.runs && self.decodes).then(|| decoded(text));
        for text in decoded.into_iter().flatten().chain([text.to_owned()]) {
            if self.runs && text.contains("{{") {
                let (whats, whole) = self.run(&octets::entered(&text));
                found.extend(whats);
                is_whole &= whole;
            }
        }
        (found, is_whole)
    }

    /// What `tpl` would run in a text that this engine does not have, and whether every action ends in it.
    fn run(&self, text: &str) -> (Vec<String>, bool) {
        let parsed = match source::parse("gotpl", text) {
            Ok(parsed) => parsed,
            Err(error) if error.message.contains(NO_MISTAKE) => return (vec![error.message], true),
            // A block that another text closes does not make that text a part of an action.
            Err(_) => return (words(text).collect(), scan(text).is_ok()),
        };
        let problems = check::check(&parsed).problems.into_iter();
        let mut found: Vec<String> = problems
            .filter(|finding| finding.is_unsupported_function)
            .map(|finding| {
                let what = finding.without_blame();
                format!("{what}, and \"tpl\" may run it; {NO_MISTAKE}")
            })
            .collect();
        let shown = check::shown(&parsed, |template| template.name == "gotpl");
        let (readers, more) = of_templates(&parsed, self.twice.as_deref());
        found.extend(
            shown
                .into_iter()
                .chain(more)
                .map(|(_, finding)| finding.what),
        );
        if let (true, Some(base)) = (readers.maps, &self.twice) {
            found.push(files::by_chance(base));
        }
        (found, true)
    }

    /// Takes in what a text would read where `tpl` runs it.
    fn read_by(&mut self, text: &str) {
        if text.contains("{{") {
            for template in source::parse("gotpl", text).unwrap_or_default() {
                commands(&template.body, &mut |place| self.follow(place));
            }
        }
    }
}

/// Words of a text that are functions which this engine does not have.
fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|one: char| !one.is_alphanumeric() && one != '_');
    let refused = words.filter(|word| functions::refused(word).is_some());
    refused.map(|word| {
        format!(
            "function {word:?} is not supported, and \"tpl\" may run it, for this is a part of a template; {NO_MISTAKE}"
        )
    })
}

/// A text that is in base 64 or 32, decoded.
fn decoded(text: &str) -> impl Iterator<Item = String> {
    let text = text.replace(['\r', '\n'], "");
    let decoded = [
        base64::engine::general_purpose::STANDARD.decode(&text).ok(),
        functions::base_32(text.as_bytes()).ok(),
    ];
    let texts = decoded.into_iter().flatten().map(String::from_utf8);
    texts.filter_map(Result::ok)
}

/// Whether a format asks for an address.
fn has_address(format: &str) -> bool {
    let directives = format.split('%').skip(1);
    let is_flag = |one: char| one.is_ascii_digit() || "+-# .*[]".contains(one);
    let mut verbs = directives.filter_map(|rest| rest.chars().find(|one| !is_flag(*one)));
    verbs.any(|verb| verb == 'p')
}

fn address() -> String {
    format!("%p is not supported: an address in memory differs from run to run; {NO_MISTAKE}")
}

/// Why a pattern of files is not read.
fn unglobbed(pattern: &str) -> Option<String> {
    Glob::new(pattern).is_none().then(|| {
        format!("the pattern {pattern:?} is not supported: it is too large or has empty braces; {NO_MISTAKE}")
    })
}
