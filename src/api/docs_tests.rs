//! The manual keeps up with the words of the API: a person who sees a reason finds what to do about it.

use std::{collections::BTreeSet, path::Path};
use strum::VariantArray;

use super::{ConditionType, Reason};

const TROUBLESHOOTING: &str = include_str!("../../docs/troubleshooting.md");
const README: &str = include_str!("../../README.md");
const VERDICTS: &str = include_str!("../../docs/verdicts.md");
const SECURITY: &str = include_str!("../../SECURITY.md");

/// Words in code style in the first column of the tables whose first column has this heading.
fn first_column<'a>(page: &'a str, heading: &str) -> BTreeSet<&'a str> {
    let head = format!("| {heading} |");
    let mut words = BTreeSet::new();
    let mut inside = false;
    for line in page.lines() {
        inside = line.starts_with(&head) || inside && line.starts_with('|');
        let cell = line
            .split('|')
            .nth(1)
            .filter(|_| inside)
            .unwrap_or_default();
        words.extend(cell.split('`').skip(1).step_by(2));
    }
    words
}

fn words(all: impl IntoIterator<Item = &'static str>) -> BTreeSet<&'static str> {
    all.into_iter().collect()
}

#[test]
fn every_reason_is_explained_and_nothing_else_is() {
    let reasons = words(Reason::VARIANTS.iter().map(|reason| reason.as_str()));
    assert_eq!(first_column(TROUBLESHOOTING, "reason"), reasons);
}

#[test]
fn readme_and_verdicts_name_conditions_and_reasons_that_exist() {
    let types = words(ConditionType::VARIANTS.iter().map(|kind| kind.as_str()));
    assert_eq!(first_column(README, "condition"), types);
    let unknown: Vec<_> = first_column(VERDICTS, "reason")
        .into_iter()
        .filter(|word| word.parse::<Reason>().is_err())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The text of every Rust file below a folder of the repository.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_proves_a_claim_about_security_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "crates", "tests"] {
        sources(&root.join(folder), &mut text);
    }
    let quoted = SECURITY.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        word.matches('_').count() >= 4 && word.bytes().all(letters)
    };
    let named: Vec<_> = quoted.filter(is_test).collect();
    assert!(named.len() >= 20, "{named:?}");
    let missing: Vec<_> = named
        .into_iter()
        .filter(|name| !text.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
