//! Writes all mutants of a file into it, each behind its switch.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use crate::{
    mutant::{Genre, Mutant, Place},
    sites::{Kind, Range, Site, sites},
};

/// A file with its mutants.
pub struct Instrumented {
    /// The new source.
    pub text: String,
    /// What was put around its pieces.
    pub wraps: Vec<Wrapped>,
    /// Mutants that cannot be asked for here, and why.
    pub untried: BTreeMap<usize, &'static str>,
}

/// A piece of the new source with mutants around it.
pub struct Wrapped {
    /// All of it.
    pub whole: Range,
    /// The text of each mutant in it.
    pub variants: Vec<(usize, Range)>,
    /// Its mutants.
    pub mutants: Vec<usize>,
}

/// A piece of the source, and what stands before and after it from now on.
struct Wrap {
    piece: Range,
    before: Vec<(String, Option<usize>)>,
    after: String,
    mutants: Vec<usize>,
}

/// Writes these mutants into the source of a file.
pub fn instrument(
    source: &str,
    mutants: &[Mutant],
    chosen: &BTreeSet<usize>,
) -> Result<Instrumented> {
    let sites = sites(source)?;
    let mut by_place: BTreeMap<(Place, Genre), Vec<usize>> = BTreeMap::new();
    for &number in chosen {
        let mutant = &mutants[number];
        by_place
            .entry((mutant.span.start, mutant.genre))
            .or_default()
            .push(number);
    }
    let (mut wraps, mut untried) = (Vec::new(), BTreeMap::new());
    for (place, numbers) in by_place {
        let site = sites
            .get(&place)
            .with_context(|| format!("find {}", mutants[numbers[0]].name))?;
        match site {
            Site {
                untried: Some(why), ..
            } => untried.extend(numbers.iter().map(|&number| (number, *why))),
            Site { kind, .. } => wraps.push(wrap(source, mutants, kind, numbers)),
        }
    }
    let (text, wraps) = write(source, &wraps);
    Ok(Instrumented {
        text,
        wraps,
        untried,
    })
}

fn on(number: usize) -> String {
    format!("crate::mutant_switch::on({number})")
}

fn wrap(source: &str, mutants: &[Mutant], kind: &Kind, numbers: Vec<usize>) -> Wrap {
    let first = numbers[0];
    let replacement = |number: usize| mutants[number].replacement.as_str();
    let (piece, before, after) = match kind {
        Kind::Binary {
            left,
            operator,
            right,
        } => {
            let mut before = vec![("(".to_owned(), None)];
            for &number in &numbers {
                let (left_side, right_side) = (
                    &source[left.start..operator.start],
                    &source[operator.end..right.end],
                );
                let variant = format!(
                    "if {} {{ {left_side}{}{right_side} }} else ",
                    on(number),
                    replacement(number)
                );
                before.push((variant, Some(number)));
            }
            before.push(("{ ".to_owned(), None));
            (left.start..right.end, before, " })".to_owned())
        }
        Kind::Unary { whole, operand } => {
            let text = format!(
                "(if {} {{ {} }} else {{ ",
                on(first),
                &source[operand.clone()]
            );
            (whole.clone(), vec![(text, Some(first))], " })".to_owned())
        }
        Kind::Guard { whole } => {
            let ask = |number| match replacement(number) {
                "true" => format!("({} || ", on(number)),
                _ => format!("(!{} && ", on(number)),
            };
            let mut before: Vec<_> = numbers
                .iter()
                .map(|&number| (ask(number), Some(number)))
                .collect();
            before.push(("(".to_owned(), None));
            (whole.clone(), before, ")".repeat(numbers.len() + 1))
        }
        Kind::Arm {
            guard: Some(guard), ..
        } => (
            guard.clone(),
            vec![(format!("(!{} && (", on(first)), Some(first))],
            "))".to_owned(),
        ),
        Kind::Arm {
            pattern,
            guard: None,
        } => (pattern.clone(), Vec::new(), format!(" if !{}", on(first))),
        Kind::Field {
            value,
            name,
            shorthand,
            base,
            path,
        } => {
            let base = &source[base.clone()];
            // A base is used up by the first field that is taken of it.
            let base = if base.ends_with("::default()") {
                base.to_owned()
            } else {
                format!("Clone::clone(&{base})")
            };
            let label = if *shorthand {
                format!("{name}: ")
            } else {
                String::new()
            };
            let path = &source[path.clone()];
            let text = format!(
                "{label}if {} {{ let base: {path} = {base}; base.{name} }} else {{ ",
                on(first)
            );
            (value.clone(), vec![(text, Some(first))], " }".to_owned())
        }
        Kind::Body { whole } => {
            let value =
                |number| format!("if {} {{ return {}; }} ", on(number), replacement(number));
            (
                whole.clone(),
                numbers
                    .iter()
                    .map(|&number| (value(number), Some(number)))
                    .collect(),
                String::new(),
            )
        }
    };
    Wrap {
        piece,
        before,
        after,
        mutants: numbers,
    }
}

/// A beginning or an end of a wrap. At one place of the source ends come before beginnings, inner ends before outer ones, and outer
/// beginnings before inner ones; of two wraps of the same piece the first is the outer one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    After {
        length: usize,
        reversed: std::cmp::Reverse<usize>,
    },
    Before {
        length: std::cmp::Reverse<usize>,
        wrap: usize,
    },
}

fn write(source: &str, wraps: &[Wrap]) -> (String, Vec<Wrapped>) {
    let mut edges = Vec::new();
    for (number, wrap) in wraps.iter().enumerate() {
        let length = wrap.piece.len();
        edges.push((
            wrap.piece.start,
            Edge::Before {
                length: std::cmp::Reverse(length),
                wrap: number,
            },
        ));
        edges.push((
            wrap.piece.end,
            Edge::After {
                length,
                reversed: std::cmp::Reverse(number),
            },
        ));
    }
    edges.sort();
    let mut text = String::new();
    let mut written: Vec<Wrapped> = wraps
        .iter()
        .map(|wrap| Wrapped {
            whole: 0..0,
            variants: Vec::new(),
            mutants: wrap.mutants.clone(),
        })
        .collect();
    let mut copied = 0;
    for (place, edge) in edges {
        text.push_str(&source[copied..place]);
        copied = place;
        match edge {
            Edge::Before { wrap, .. } => {
                written[wrap].whole.start = text.len();
                for (piece, mutant) in &wraps[wrap].before {
                    let start = text.len();
                    text.push_str(piece);
                    written[wrap]
                        .variants
                        .extend(mutant.map(|mutant| (mutant, start..text.len())));
                }
            }
            Edge::After { reversed, .. } => {
                text.push_str(&wraps[reversed.0].after);
                written[reversed.0].whole.end = text.len();
            }
        }
    }
    text.push_str(&source[copied..]);
    (text, written)
}
