//! Templates by chance.

use proptest::prelude::*;

use super::*;

fn fragment() -> impl Strategy<Value = String> {
    let words = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "include",
        "tpl",
        "printf",
        "index",
        "\"a\"",
        "\"%v%d%5.2f%[3]*.[2]*[1]f\"",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        ".",
        ".Values",
        ".Values.map",
        ".a",
        "(",
        ")",
        "|",
        "1",
        "-2",
        "0.5",
        "nil",
        "true",
        "'x'",
        "`r`",
        "/*",
        "*/",
        "len",
        "eq",
        "not",
        "é",
    ];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        "\\PC{0,6}"
    ]
}

fn action() -> impl Strategy<Value = String> {
    let actions = [
        "{{ if .Values.map }}",
        "{{ else }}",
        "{{ end }}",
        "{{ range $k, $v := .Values.map }}",
        "{{ with .Values.list }}",
        "{{ $x := .Values.name }}",
        "{{ . }}",
        "{{ index . 0 }}",
        "{{ printf \"%v\" . }}",
        "{{ include \"d\" . }}",
        "{{ .b.c }}",
        "{{ define \"d\" }}",
        "{{ range 3 }}",
        "{{ break }}",
        "{{ continue }}",
        "{{ tpl .Values.name . }}",
        "{{- /* */}}",
        "x\n",
        "{{ $.Values.map | len | printf \"%d\" }}",
        "{{ or .Values.nope .Values.ratio | eq 1.5 }}",
        "{{ template \"d\" $ }}",
    ];
    proptest::sample::select(actions.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn no_template_text_panics_or_overflows_the_stack(
        parts in proptest::collection::vec(prop_oneof![3 => action(), 1 => fragment()], 0..24),
    ) {
        let chart = chart(&[("NOTES.txt", &parts.concat())]);
        if let Ok(program) = Program::compile(&chart) {
            let limits = Limits { steps: 20_000, size: 1 << 20, ..Limits::default() };
            if let Err(error) = program.render(&values(), &release(), &Arc::default(), &limits) {
                prop_assert_ne!(error.kind, RenderErrorKind::Internal);
            }
        }
    }

    #[test]
    fn text_without_actions_is_printed_as_it_is(plain in "[^{<\\u{feff}]{0,200}") {
        prop_assert_eq!(text(&plain).expect("renders"), plain);
    }
}
