//! Random templates, loaded and run by `tpl` on the stack of a worker: the process survives each of them, and nothing panics.
//! `FUZZ_SECONDS=1800 cargo test -p helm-chart --lib fuzz -- --nocapture` runs for longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rstest::rstest;
use serde_json::json;

use super::stack_tests::on_a_small_stack;
use super::tests::{chart, release};
use super::*;

/// Pieces of templates, whole ones and broken ones, some of which this engine does not have.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "{{/*",
    "*/}}",
    "{",
    "}",
    "(",
    ")",
    "|",
    " ",
    "\n",
    ".",
    ".a",
    "..",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "\"",
    "`",
    "'",
    "\\",
    "\"\\xff\"",
    "\"é\"",
    "'a'",
    "'\\xff'",
    "1",
    "-1",
    "0x1p4",
    "1_0",
    "1e9",
    "9223372036854775807",
    "true",
    "nil",
    "if ",
    "else ",
    "else if ",
    "{{else}}",
    "{{end}}",
    "{{if 1}}",
    "{{with .a}}",
    "{{range .l}}",
    "{{range 3}}",
    "{{break}}",
    "{{continue}}",
    "{{define \"d\"}}",
    "{{block \"b\" .}}",
    "{{template \"d\" .}}",
    "{{include \"d\" .}}",
    "{{tpl .t .}}",
    "{{$x := .a}}",
    "{{$x = 2}}",
    "{{range $k, $v := .m}}",
    "print ",
    "printf \"%#v|%x|%5.2f|%[2]*[1]d|%U|%q\" ",
    "len ",
    "trunc 1 ",
    "substr 1 2 ",
    "abbrev 5 ",
    "toJson ",
    "toYaml ",
    "fromJson ",
    "fromYaml ",
    "regexMatch \"(a|b)*c{2,9}\\\\B\" ",
    "regexFind ",
    "regexReplaceAll \"(?i)x|[^a-c]\" ",
    "regexSplit \"\" ",
    "urlParse ",
    "semver ",
    "semverCompare \">=1.0 <2 || ^3\" ",
    "float64 ",
    "atoi ",
    "int64 ",
    "div 1 ",
    "mod 7 ",
    "add 1 ",
    "mul 9223372036854775807 ",
    "list 1 \"a\" ",
    "dict \"a\" 1 ",
    "set .m \"k\" ",
    "merge .m ",
    "deepCopy ",
    "concat .l ",
    "until 5 ",
    "untilStep 0 9 2 ",
    "seq 3 ",
    "slice .l 1 ",
    "index .l ",
    "quote ",
    "upper ",
    "title ",
    "snakecase ",
    "wrap 2 ",
    "indent 3 ",
    "nindent 2 ",
    "b64dec ",
    "b64enc ",
    "b32dec ",
    "sha256sum ",
    "replace \"a\" \"b\" ",
    "split \",\" ",
    "splitn \",\" 2 ",
    "repeat 3 ",
    "dig \"a\" \"b\" ",
    "ternary 1 2 ",
    "round 1.5 ",
    "toDecimal ",
    "duration ",
    "durationRound ",
    "eq ",
    "lt 1 ",
    "and ",
    "or 0 ",
    "not ",
    ".Files.Get ",
    ".Capabilities.KubeVersion",
    ".Release.Name",
    ".Values",
    ".t",
    ".l",
    ".m",
    ".Capabilities",
    ".Capabilities.HelmVersion",
    ".HelmVersion",
    ".GoVersion",
    ".YAML",
    ".Files",
    ".Files.Glob ",
    "(.Files.Glob \"*\").AsConfig",
    "\"a{}\"",
    "\"%p\"",
    "\"d\"",
    "\"root\"",
    "$root := .",
    "$root",
    "{{with .}}",
    "{{range $k, $v := $}}",
    "$v",
    "include \"d\" $",
    "printf \"%p\" ",
    "now ",
    "toToml ",
    "1i",
    "dict \"root\" $ ",
    "set .m \"root\" $ ",
    "get $ ",
    "pick $ ",
    "first ",
    "last ",
    "default $ ",
    "tpl \"{{ .a }}\" ",
    "\u{10ffff}",
    "\u{feff}",
    "\0",
];

fn run(text: &str) -> Result<(), String> {
    let text = text.to_owned();
    let outcome = on_a_small_stack(move || {
        let limits = Limits {
            time: Duration::from_secs(2),
            ..Limits::default()
        };
        let values = json!({
            "text": text, "a": {"b": "1,2 x"}, "l": [1, "zwei", null, [3]], "m": {"k": "v", "n": {"o": 1.5}}, "t": "{{ .a }}é",
        });
        for template in [text.as_str(), "{{ tpl .Values.text .Values }}"] {
            let Ok(program) = Program::compile(&chart(&[("a.yaml", template)])) else {
                continue;
            };
            let checked = program.check_values(&values);
            match program.render(&values, &release(), &Arc::default(), &limits) {
                Err(error) if error.kind == RenderErrorKind::Internal => {
                    return Err(error.to_string());
                }
                Err(error) if checked.is_ok() && error.kind == RenderErrorKind::Unsupported => {
                    return Err(format!("only the rendering met it: {error}"));
                }
                _ => {}
            }
        }
        Ok(())
    });
    outcome.map_err(|_| "it panicked".to_owned())?
}

fn texts() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(PIECES);
    let action = prop::collection::vec(proptest::sample::select(PIECES), 1..6)
        .prop_map(|pieces| format!("{{{{ {} }}}}", pieces.concat()));
    let part = prop_oneof![piece.prop_map(str::to_owned), action];
    let parts = prop::collection::vec(part, 1..24).prop_map(|parts| parts.concat());
    // Some are long.
    (parts, prop_oneof![9 => Just(1_usize), 1 => 50..3_000_usize])
        .prop_map(|(text, times)| text.repeat(times))
}

#[test]
fn no_text_ends_the_process() {
    let seconds = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let (began, length) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(0)));
    let mut tried = 0_u64;
    loop {
        // A runner cannot run again.
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 128,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        runner
            .run(&texts(), |text| run(&text).map_err(TestCaseError::fail))
            .unwrap_or_else(|failure| panic!("after {tried} texts: {failure}"));
        tried += 128;
        if began.elapsed() >= length {
            break;
        }
    }
    println!("{tried} texts in {:?}", began.elapsed());
}

/// Texts that were found this way.
#[rstest]
#[case::a_comment_that_is_not_closed("{{/*/}}a: 1")]
#[case::a_brace_before_an_action("{\n{{- 1 }}")]
#[case::a_constant_of_many_characters("{{ '\\xff x \\xff' }}")]
#[case::half_a_character("{{ trunc 1 \"é\" }}{{ \"\\xc3\" }}")]
#[case::a_pipe_to_nothing("{{ ( 1 | ) | }}{{ | }}")]
#[case::an_address_that_a_text_asks_for("{{ printf \"%p\" list 1 \"a\"  }}")]
#[case::a_number_of_the_root("{{ toDecimal . }}")]
#[case::a_name_without_a_space("{{ template \"x\".}}{{ block \"y\"$ }}{{ end }}")]
fn what_was_found_does_not_end_it_again(#[case] text: &str) {
    assert_eq!(run(text), Ok(()));
}
