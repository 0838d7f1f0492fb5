//! Texts of any length, on the stack of a worker: they are rendered or refused, and the process lives on.

use std::fmt::Write as _;
use std::sync::Arc;
use std::thread;

use rstest::rstest;
use serde_json::json;

use super::tests::{chart, release};
use super::*;

/// The stack of a worker of tokio.
const STACK: usize = 2 << 20;

/// The result of `run`, or its panic.
pub(super) fn on_a_small_stack<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> thread::Result<T> {
    let thread = thread::Builder::new().stack_size(STACK).spawn(run);
    thread.expect("a thread").join()
}

/// Loads a chart of this text, and renders one that runs it. Words of the error, empty where there is none.
fn outcomes(text: String) -> (String, String) {
    on_a_small_stack(move || {
        let words = |error: Option<String>| error.unwrap_or_default();
        let loaded = Program::compile(&chart(&[("a.yaml", &text)]));
        let program = Program::compile(&chart(&[("a.yaml", "a: {{ tpl .Values.text . }}")]));
        let values = json!({ "text": text });
        let program = program.expect("it compiles");
        let rendered = program.render(&values, &release(), &Arc::default(), &Limits::default());
        (
            words(loaded.err().map(|error| error.to_string())),
            words(rendered.err().map(|error| error.to_string())),
        )
    })
    .expect("it ended")
}

#[rstest]
#[case::alternatives("{{if 0}}", "{{else if 0}}", "", "{{end}}")]
#[case::alternatives_of_with("{{with 0}}", "{{else with 0}}", "", "{{end}}")]
#[case::blocks("", "{{if 1}}", "{{end}}", "")]
#[case::ranges("", "{{range .}}", "{{end}}", "")]
#[case::parentheses("{{", "(", ")", "}}")]
#[case::parentheses_in_arguments("{{", "print (", "1)", "}}")]
#[case::fields("{{ ", ".a", "", " }}")]
#[case::pipes("{{ 1 ", "| print ", "", " }}")]
#[case::fields_of_parentheses("{{ ", "(", ").a", " }}")]
#[case::unclosed("", "{{ if (", "", "")]
#[case::comments("", "{{/* a */}}", "", "")]
#[case::braces("", "{", "}", "")]
#[case::patterns("{{ regexMatch \"", "(", ")", "\" \"\" }}")]
#[case::classes("{{ regexMatch \"", "[a-z]*", "|", "\" \"\" }}")]
#[case::lists("{{ fromYaml \"", "[", "]", "\" }}")]
#[case::objects("{{ fromJson `", "{\"a\":", "}", "` }}")]
#[case::constraints("{{ semverCompare \"", ">1 ", "||", "1\" \"1.0.0\" }}")]
#[case::paths("{{ clean \"", "../a/", "", "\" }}")]
fn a_text_of_any_length_leaves_the_process_alive(
    #[case] before: &str,
    #[case] left: &str,
    #[case] right: &str,
    #[case] after: &str,
    #[values(300, 7_700, 130_000)] count: usize,
) {
    let text = format!(
        "{before}{}{}{after}",
        left.repeat(count),
        right.repeat(count)
    );
    let (loaded, rendered) = outcomes(text);
    for words in [loaded, rendered] {
        assert!(!words.contains("panicked"), "{words}");
    }
}

#[rstest]
#[case::alternatives("{{if 0}}", "{{else if 0}}", "", "{{end}}", 7_700)]
#[case::blocks("", "{{if 1}}", "{{end}}", "", 100)]
#[case::parentheses("{{ ", "(", ")", " }}", 100)]
#[case::both("{{if 1}}{{ ", "(", ")", " }}{{end}}", 99)]
fn what_nests_too_deeply_for_this_engine_is_not_called_a_mistake(
    #[case] before: &str,
    #[case] left: &str,
    #[case] right: &str,
    #[case] after: &str,
    #[case] count: usize,
) {
    let (left, right) = (left.repeat(count), right.repeat(count));
    let (loaded, _) = outcomes(format!("\n{before}{left}1{right}{after}"));
    for words in [
        "templates/a.yaml:2: nesting depth exceeded",
        "not a mistake in the chart",
    ] {
        assert!(loaded.contains(words), "{loaded}");
    }
}

#[test]
fn forty_thousand_definitions_are_read_one_after_the_other() {
    let mut text = String::new();
    for number in 0..40_000 {
        let _ = writeln!(
            text,
            "{{{{ define \"n{number}\" }}}}{{{{ tpl `{number}` . }}}}{{{{ end }}}}"
        );
    }
    text.push_str("{{ include `n39999` . }}");
    let program = Program::compile(&chart(&[("NOTES.txt", &text)])).expect("it compiles");
    let rendered = program.render(&json!({}), &release(), &Arc::default(), &Limits::default());
    assert_eq!(rendered.expect("it renders").notes.trim(), "39999");
}
