//! What this engine does not render is told when a chart is loaded. Few things can be known only later; they are counted here and
//! explained in `docs/parity.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rstest::rstest;

use super::functions;
use super::tests::{chart, release, text};
use super::{Limits, Program, RenderErrorKind};

/// Where what an engine lacks is told: the modules that look through a chart when it is loaded.
const OF_LOADING: [&str; 8] = [
    "check.rs",
    "error.rs",
    "files.rs",
    "hooks.rs",
    "refused.rs",
    "root.rs",
    "survey.rs",
    "texts.rs",
];

/// Limits that are met while a chart is rendered, by file.
const WHILE_RENDERING: [(&str, usize); 7] = [
    // A field that says how the helm program was built, in a text that templates put together.
    ("cluster.rs", 1),
    // YAML that nests too deeply or has a key that Helm refuses with an address; `.Capabilities` as YAML.
    ("data.rs", 2),
    // What such a text calls.
    ("evaluate.rs", 1),
    // `.Capabilities` as JSON, in such a text.
    ("json.rs", 1),
    // Files of one base name; a pattern that is too large or has empty braces: both in such a text, or made by a template.
    ("methods.rs", 2),
    // The constructor.
    ("mod.rs", 0),
    // An address in memory, and `.Capabilities` as text, in such a text.
    ("printer.rs", 2),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if !path.to_string_lossy().contains("tests") {
            into.push(path);
        }
    }
}

/// The name and the code of each file of the engine.
fn code() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine"),
        &mut paths,
    );
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let lines = fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = lines
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        (name, code.join("\n"))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn evaluation_does_not_say_that_something_is_not_supported() {
    for (name, code) in code() {
        if OF_LOADING.contains(&name.as_str()) {
            continue;
        }
        for words in ["not supported", "this engine", "native engine"] {
            assert!(!code.contains(words), "{name} says {words:?}");
        }
    }
}

#[test]
fn limits_that_are_met_while_rendering_are_counted() {
    for (name, code) in code() {
        let met = code.matches("FunctionError::limit(").count();
        let known: usize = WHILE_RENDERING
            .iter()
            .filter(|(file, _)| *file == name)
            .map(|(_, count)| count)
            .sum();
        assert_eq!(met, known, "{name}");
    }
}

/// A template that no look at the chart finds: `tpl` runs what is put together of two halves of a brace.
fn hidden(action: &str) -> String {
    format!("{{{{ tpl (print \"{{\" \"{{ {action} }}}}\") . }}}}")
}

#[rstest]
#[case::a_function("fromToml .x", "function \"fromToml\" is not supported")]
#[case::a_function_that_no_engine_may_run("now", "function \"now\" is not supported")]
#[case::an_address("printf `%p` .Values", "an address in memory")]
#[case::how_helm_was_built(".Capabilities", "how the helm program was built")]
#[case::how_helm_was_built_in_json("toJson .Capabilities", "how the helm program was built")]
#[case::a_commit(
    ".Capabilities.HelmVersion.GitCommit",
    "how the helm program was built"
)]
#[case::braces_around_nothing(".Files.Glob `a{}`", "empty braces")]
#[case::a_number("1i", "the number 1i is not read")]
fn a_limit_that_only_a_rendering_meets_says_that_the_chart_is_not_to_blame(
    #[case] action: &str,
    #[case] words: &str,
) {
    let error = text(&hidden(action)).expect_err("a limit");
    assert_eq!(error.kind, RenderErrorKind::Unsupported);
    assert!(error.message.contains(words), "{error}");
    assert!(
        error.message.ends_with("not a mistake in the chart"),
        "{error}"
    );
    assert!(!error.frames.is_empty(), "{error}");
}

/// Arguments with the root, or how helm was built, among them.
const WITH_THE_ROOT: [&str; 8] = [
    ".",
    ". .",
    "1 .",
    ". 1",
    "\"a\" .",
    ". \"a\"",
    "\"a\" . \"b\"",
    "\"a\" \"b\" .",
];

#[test]
fn no_function_shows_the_root_unless_the_chart_is_refused_when_it_is_loaded() {
    let mut found = Vec::new();
    for name in functions::names() {
        for arguments in WITH_THE_ROOT {
            for arguments in [arguments.to_owned(), arguments.replace('.', "(list .)")] {
                let chart = chart(&[("NOTES.txt", &format!("{{{{ {name} {arguments} }}}}"))]);
                let Ok(program) = Program::compile(&chart) else {
                    continue;
                };
                let values = serde_json::json!({});
                let limits = Limits::default();
                let rendered = program.render(&values, &release(), &Arc::default(), &limits);
                if rendered.is_err_and(|error| error.kind == RenderErrorKind::Unsupported) {
                    found.push(format!("{name} {arguments}"));
                }
            }
        }
    }
    assert_eq!(found, [""; 0]);
}
