//! Tests of the engine as a whole, with what Helm prints for the same templates.

mod bounds;
mod random;

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{Chart, File};

pub(super) fn chart(templates: &[(&str, &str)]) -> Chart {
    let file = |name: &str, data: &str| File {
        name: name.to_owned(),
        data: data.as_bytes().to_vec(),
    };
    let mut files = vec![
        file(
            "Chart.yaml",
            "apiVersion: v2\nname: demo\nversion: 1.2.3\nappVersion: \"7\"\n",
        ),
        file("conf/a.ini", "k=v\n"),
        file("conf/b.txt", "one\ntwo\n"),
    ];
    files.extend(
        templates
            .iter()
            .map(|(name, data)| file(&format!("templates/{name}"), data)),
    );
    Chart::from_files(files).expect("a chart")
}

pub(super) fn release() -> Release {
    let (name, namespace) = ("flash-1".to_owned(), "lab".to_owned());
    Release {
        name,
        namespace,
        revision: 3,
        is_install: false,
        is_upgrade: true,
    }
}

fn values() -> serde_json::Value {
    json!({
        "port": 8080, "big": 12_345_678_901_i64, "ratio": 1.5, "name": "esp32", "empty": "", "null": null,
        "map": {"b": [1, "x", null], "a": {"c": true}}, "list": ["p", "q", "r"], "nested": {"deep": {"er": "found"}},
    })
}

fn render_with(chart: &Chart, limits: &Limits) -> Result<Rendered, RenderError> {
    let program = Program::compile(chart).expect("compiles");
    program.render(&values(), &release(), &Arc::default(), limits)
}

/// The text of a template, by way of NOTES.txt, which has to be no YAML.
pub(super) fn text(template: &str) -> Result<String, RenderError> {
    render_with(&chart(&[("NOTES.txt", template)]), &Limits::default())
        .map(|rendered| rendered.notes)
}

fn problems(template: &str) -> Vec<String> {
    match Program::compile(&chart(&[("a.yaml", template)])) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
    }
}

#[rstest]
#[case(
    "{{ .Values.port }} {{ .Values.big }} {{ .Values.ratio }}",
    "8080 1.2345678901e+10 1.5"
)]
#[case(
    "{{ 123456789.0 }} {{ 1e21 }} {{ 0.00001 }} {{ 7 }} {{ 'a' }}",
    "1.23456789e+08 1e+21 1e-05 7 97"
)]
#[case("{{ .Values.map }}", "map[a:map[c:true] b:[1 x <nil>]]")]
#[case("[{{ .Values.nope }}{{ .Values.null }}{{ .Values.empty }}]", "[]")]
#[case("{{ $x := .Values.nope }}[{{ $x.y.z }}{{ (.Values.nope).y }}]", "[]")]
#[case(
    "{{ range $i, $e := .Values.list }}{{ $i }}{{ $e }},{{ end }}",
    "0p,1q,2r,"
)]
#[case(
    "{{ range $k, $v := .Values.nested }}{{ $k }}={{ $v }}{{ end }}",
    "deep=map[er:found]"
)]
#[case(
    "{{ range 4 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
    "02"
)]
#[case("{{ range .Values.nope }}x{{ else }}none{{ end }}", "none")]
#[case(
    "{{ with .Values.nope }}a{{ else with .Values.name }}{{ . }}{{ else }}b{{ end }}",
    "esp32"
)]
#[case(
    "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}",
    "2"
)]
#[case("a {{- /* trims left only */}}\nb{{/* nothing */}} c", "a\nb c")]
#[case(
    "{{ define \"t\" }}<{{ . }}>{{ end }}{{ include \"t\" 5 | printf \"%s!\" }}{{ template \"t\" \"x\" }}",
    "<5>!<x>"
)]
#[case("{{ block \"b\" .Values.name }}[{{ . }}]{{ end }}", "[esp32]")]
#[case(
    "{{ tpl \"{{ .Values.name }}{{ define \\\"in\\\" }}I{{ end }}{{ include \\\"in\\\" . }}\" . }}",
    "esp32I"
)]
#[case(
    "{{ or .Values.nope \"d\" }} {{ and 1 0 }} {{ not .Values.name }}",
    "d 0 false"
)]
#[case(
    "{{ eq .Values.nope nil }} {{ eq \"a\" \"b\" \"a\" }} {{ lt 1 2 }} {{ ge \"b\" \"a\" }}",
    "true true true true"
)]
#[case(
    "{{ index .Values.map \"b\" 1 }} {{ len .Values.list }} {{ index .Values.map \"zz\" }}",
    "x 3 "
)]
#[case(
    "{{ print 1 2 \"a\" 3.5 nil }}|{{ println true }}",
    "1 2a3.5 <nil>|true\n"
)]
#[case(
    "{{ .Release.Name }} {{ .Release.Revision }} {{ .Release.IsUpgrade }} {{ .Chart.AppVersion }}",
    "flash-1 3 true 7"
)]
#[case(
    "{{ .Template.Name }} {{ .Template.BasePath }}",
    "demo/templates/NOTES.txt demo/templates"
)]
#[case(
    "{{ .Capabilities.APIVersions.Has \"apps/v1\" }} {{ .Capabilities.KubeVersion.Minor }}",
    "true 37"
)]
#[case(
    "{{ .Files.Get \"conf/a.ini\" }}{{ range .Files.Lines \"conf/b.txt\" }}<{{ . }}>{{ end }}",
    "k=v\n<one><two>"
)]
#[case(
    "{{ range $n, $_ := .Files.Glob \"conf/*.txt\" }}{{ $n }}{{ end }}",
    "conf/b.txt"
)]
#[case(
    "{{ html \"<a>\" }} {{ js \"it's\" }} {{ urlquery \"a b&c\" }}",
    "&lt;a&gt; it\\'s a+b%26c"
)]
#[case("a<no value>b", "ab")]
fn templates_print_what_helm_prints(#[case] template: &str, #[case] expected: &str) {
    assert_eq!(text(template).expect("renders"), expected);
}

#[rstest]
#[case(
    "%v|%d|%s|%q|%6.2f",
    ".Values.ratio .Values.ratio .Values.ratio .Values.ratio .Values.ratio",
    "1.5|%!d(float64=1.5)|%!s(float64=1.5)|%!q(float64=1.5)|  1.50"
)]
#[case("%d %s", "1", "1 %!s(MISSING)")]
#[case("%d", "1 \"x\" 2.5 nil", "1%!(EXTRA string=x, float64=2.5, <nil>)")]
#[case(
    "%-6d|%+05d|%x|%X|%c|%q",
    "3 4 255 255 65 66",
    "3     |+0004|ff|FF|A|'B'"
)]
#[case(
    "%5s|%-5s|%05s|%.2s|%q",
    "\"ab\" \"ab\" \"ab\" \"abc\" \"a\\\"b\"",
    "   ab|ab   |000ab|ab|\"a\\\"b\""
)]
#[case("%[2]d %[1]d %*d", "1 2 3", "2 1  3")]
#[case(
    "%T %T %T",
    "1 \"a\" .Values.map",
    "int string map[string]interface {}"
)]
#[case(
    "%#v",
    ".Values.nested",
    "map[string]interface {}{\"deep\":map[string]interface {}{\"er\":\"found\"}}"
)]
#[case(
    "%e %g %.3g %E",
    "12345.678 1e-7 3.14159 1.0",
    "1.234568e+04 1e-07 3.14 1.000000E+00"
)]
#[case("%t %v %5t %%", "true nil false", "true <nil> false %")]
#[case("%", "", "%!(NOVERB)")]
fn printf_follows_go(#[case] format: &str, #[case] arguments: &str, #[case] expected: &str) {
    assert_eq!(
        text(&format!("{{{{ printf {format:?} {arguments} }}}}")).expect("renders"),
        expected
    );
}

#[rstest]
#[case("{{ .Values.nope.x }}", "nil pointer evaluating interface {}.x", 10)]
#[case(
    "{{ if .Values.null.x }}{{ end }}",
    "nil pointer evaluating interface {}.x",
    13
)]
#[case("{{ .Values.name.x }}", "can't evaluate field x in type", 10)]
#[case(
    "{{ eq 1 1.0 }}",
    "incompatible types for comparison: int and float64",
    3
)]
#[case("{{ lt .Values.map 1 }}", "invalid type for comparison", 3)]
#[case("{{ index .Values.list 9 }}", "index out of range: 9", 3)]
#[case(
    "{{ printf .Values.port }}",
    "wrong type for value; expected string; got float64",
    17
)]
#[case("{{ include \"nope\" . }}", "no template \"nope\"", 3)]
#[case("{{ template \"nope\" . }}", "template \"nope\" not defined", 3)]
#[case("{{ tpl \"{{ nofn }}\" . }}", "function \"nofn\" not defined", 3)]
#[case("{{ tpl \"{{ end }}\" . }}", "unexpected {{end}}", 3)]
#[case(
    "{{ range .Values.name }}{{ end }}",
    "range can't iterate over esp32",
    3
)]
#[case("{{ not }}", "wrong number of args for not: want 1 got 0", 3)]
#[case("{{ required \"need it\" .Values.nope }}", "need it", 3)]
fn an_error_says_where_and_what(
    #[case] template: &str,
    #[case] message: &str,
    #[case] column: usize,
) {
    let error = text(&format!("first\n{template}")).expect_err("fails");
    assert!(error.message.contains(message), "{error}");
    let frame = &error.frames[0];
    assert_eq!(
        (frame.file.as_str(), frame.line, frame.column),
        ("demo/templates/NOTES.txt", 2, column),
        "{error}"
    );
}

#[test]
fn an_error_in_an_included_template_shows_the_chain() {
    let helpers = "{{ define \"outer\" }}\n{{ include \"inner\" . }}{{ end }}\n{{ define \"inner\" }}{{ fail \"no\" }}{{ end }}";
    let chart = chart(&[
        ("_helpers.tpl", helpers),
        ("a.yaml", "x: {{ include \"outer\" . }}"),
    ]);
    let error = render_with(&chart, &Limits::default()).expect_err("fails");
    assert_eq!(error.kind, RenderErrorKind::Chart);
    let chain: Vec<_> = error
        .frames
        .iter()
        .map(|frame| (frame.file.as_str(), frame.line))
        .collect();
    let helpers = "demo/templates/_helpers.tpl";
    assert_eq!(
        chain,
        [("demo/templates/a.yaml", 1), (helpers, 2), (helpers, 3)]
    );
}

#[rstest]
#[case(
    "a\n{{ lookup \"v1\" \"Pod\" \"\" \"\" }}",
    "templates/a.yaml:2: function \"lookup\" is not supported"
)]
#[case("{{ nofunc }}", "templates/a.yaml:1: function \"nofunc\" not defined")]
#[case("\n\n{{ $x }}", "templates/a.yaml:3: undefined variable \"$x\"")]
#[case(
    "{{ if 1 }}{{ $z := 1 }}{{ end }}{{ $z }}",
    "undefined variable \"$z\""
)]
#[case("{{ end }}", "unexpected {{end}}")]
#[case("{{ if 1 }}", "unexpected EOF")]
#[case("{{ break }}", "{{break}} outside {{range}}")]
#[case(
    "{{ range 1 }}{{ else }}{{ break }}{{ end }}",
    "{{break}} outside {{range}}"
)]
#[case("{{ range 1 }}{{ else if 1 }}{{ end }}", "unexpected {{else}}")]
#[case(
    "{{ if 1 }}{{ define \"q\" }}{{ end }}{{ end }}",
    "unexpected {{define}}"
)]
#[case("{{ 1 | 2 }}", "non executable command in pipeline stage 2")]
#[case("{{ print \"a\"\"b\" }}", "separated by a space")]
#[case("{{ \"a\".b }}", "separated by a space")]
#[case("{{ true.x }}", "unexpected . after term")]
#[case("{{ print (1 }}", "")]
#[case("{{ /* c */ }}", "unexpected '/' in action")]
#[case("{{/* c */ }}", "comment ends before closing delimiter")]
#[case("{{ $a, $b := 1 }}", "a declaration has to stand")]
#[case(
    "{{ define \"d\" }}1{{ end }}{{ define \"d\" }}2{{ end }}",
    "multiple definition"
)]
#[case(
    "metadata:\n  annotations:\n    \"helm.sh/hook\": pre-install",
    "templates/a.yaml:3: hooks are not supported"
)]
#[case("    helm.sh/hook: {{ .Values.x }}", "hooks are not supported")]
fn what_helm_or_this_engine_does_not_accept_is_refused_with_its_line(
    #[case] template: &str,
    #[case] expected: &str,
) {
    let found = problems(template).join("; ");
    assert!(!found.is_empty() && found.contains(expected), "{found}");
}

#[rstest]
#[case("charts/sub/Chart.yaml", "charts/sub: subcharts")]
#[case("crds/a.yaml", "custom resource definitions")]
#[case("requirements.yaml", "dependencies")]
fn parts_of_a_chart_that_are_not_rendered_are_refused(#[case] name: &str, #[case] expected: &str) {
    let mut chart = chart(&[]);
    Arc::make_mut(&mut chart.files).push(File {
        name: name.to_owned(),
        data: Vec::new(),
    });
    let error = Program::compile(&chart).expect_err("is refused");
    assert!(
        error.problems.len() == 1 && error.to_string().contains(expected),
        "{error}"
    );
}

#[test]
fn deeper_templates_run_first_and_later_definitions_win() {
    let files = [
        (
            "a.yaml",
            "{{ define \"who\" }}a{{ end }}kind: {{ include \"who\" . }}",
        ),
        (
            "sub/b.yaml",
            "{{ define \"who\" }}b{{ end }}kind: {{ include \"who\" . }}",
        ),
    ];
    let rendered = render_with(&chart(&files), &Limits::default()).expect("renders");
    assert!(
        rendered
            .documents
            .iter()
            .all(|document| document.object["kind"] == "a"),
        "{}",
        rendered.manifest
    );
}

#[test]
fn a_program_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
    shared::<RenderError>();
}
