//! The page about templates says what is so.

use super::super::leaf::FILTERS;
use super::*;

const PAGE: &str = include_str!("../../../docs/templates.md");

/// The rows of the table of filters: filter, example, result.
fn rows() -> Vec<[String; 3]> {
    let (_, table) = PAGE.split_once("| filter |").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let row = row.replace("\\|", "\u{0}");
        let code = row.split('`').skip(1).step_by(2);
        let code: Vec<String> = code.map(|cell| cell.replace('\u{0}', "|")).collect();
        code.try_into().unwrap()
    };
    rows.map(cells).collect()
}

#[test]
fn every_filter_of_the_page_about_templates_gives_what_the_page_says() {
    for [filter, example, result] in rows() {
        assert!(example.contains(&format!("| {filter}")), "{example}");
        let expected: Value = serde_json::from_str(&result).unwrap();
        assert_eq!(render(&example).unwrap(), expected, "{example}");
    }
}

#[test]
fn the_page_about_templates_lists_every_filter_that_is_allowed_and_no_other() {
    let mut allowed = FILTERS.map(str::to_owned).to_vec();
    allowed.sort();
    let listed: Vec<String> = rows().into_iter().map(|[filter, ..]| filter).collect();
    assert_eq!(listed, allowed);
}

#[test]
fn every_name_of_the_page_about_templates_has_a_value() {
    let (_, table) = PAGE.split_once("| name |").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    let mut shown = 0;
    for name in names {
        render(&format!("{{{{ {name} }}}}")).unwrap_or_else(|error| panic!("{name}: {error}"));
        shown += 1;
    }
    assert!(shown >= 16, "{shown} names");
}
