//! What all templates and values of a chart show together.

use super::*;

#[rstest]
#[case::the_root("{{ toJson . | len }}", "all of . is")]
#[case::the_root_by_its_name("{{ with .Values }}{{ toYaml $ }}{{ end }}", "all of $ is")]
#[case::the_root_in_a_pipe("{{ if true }}{{ . | toYaml | sha256sum }}{{ end }}", "all of . is")]
#[case::the_root_itself("{{ . }}", "all of . is")]
#[case::a_variable("{{ $root := . }}{{ toYaml $root }}", "all of $root is")]
#[case::a_variable_that_is_set_later(
    "{{ $x := 1 }}{{ range 2 }}{{ print $x }}{{ $x = $ }}{{ end }}",
    "all of $x is"
)]
#[case::a_called_template(
    "{{ include \"x\" . }}{{ define \"x\" }}{{ toYaml . }}{{ end }}",
    "all of . is"
)]
#[case::a_template_called_by_a_template(
    "{{ define \"y\" }}{{ print $ }}{{ end }}{{ define \"x\" }}{{ template \"y\" . }}{{ end }}{{ include \"x\" $ }}",
    "all of $ is"
)]
#[case::a_template_of_a_joined_name(
    "{{ include (printf \"x.%s\" .Values.a) . }}{{ define \"x.y\" }}{{ toYaml . }}{{ end }}",
    "all of . is"
)]
#[case::a_key(
    "{{ include \"x\" (dict \"root\" $) }}{{ define \"x\" }}{{ toYaml .root }}{{ end }}",
    "all of .root is"
)]
#[case::a_key_that_is_known_later(
    "{{ $d := dict }}{{ set $d .Values.a $ | len }}",
    "all of .Values.a is"
)]
#[case::a_place_of_a_list(
    "{{ include \"x\" (list .Values $) }}{{ define \"x\" }}{{ index . 1 | toJson }}{{ end }}",
    "all of index . 1 is"
)]
#[case::a_map_around_it("{{ dict \"a\" . | toJson }}", "all of dict \"a\" . is")]
#[case::one_after_the_other("{{ range $k, $v := . }}{{ print $v }}{{ end }}", "all of $v is")]
#[case::a_method("{{ $.YAML }}", "all of $.YAML is")]
#[case::capabilities_behind_a_variable("{{ $c := .Capabilities }}{{ $c }}", "all of $c is")]
#[case::a_commit_behind_a_variable(
    "{{ with .Capabilities.HelmVersion }}{{ .GitCommit }}{{ end }}",
    "all of .GitCommit is"
)]
#[case::capabilities(
    "{{ define \"x\" }}{{ print .Capabilities }}{{ end }}",
    "all of .Capabilities is"
)]
#[case::its_helm_version(
    "{{ $.Capabilities.HelmVersion | quote }}",
    "all of $.Capabilities.HelmVersion is"
)]
#[case::go_version(
    "{{ .Capabilities.HelmVersion.GoVersion }}",
    "all of .Capabilities.HelmVersion.GoVersion is"
)]
fn how_the_helm_program_was_built_is_refused_by_name(#[case] template: &str, #[case] words: &str) {
    let error = Program::compile(&chart(&[(
        "templates/a.yaml",
        &format!("a: 1\nb: {template}"),
    )]))
    .unwrap_err();
    let error = error.to_string();
    for words in [
        &format!("templates/a.yaml:2: {words} not supported"),
        "not a mistake in the chart",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

#[rstest]
#[case::a_value("{{ with .Values.x }}{{ toYaml . }}{{ end }}")]
#[case::what_a_template_is_given("{{ define \"x\" }}{{ toYaml . }}{{ toYaml $ }}{{ end }}")]
#[case::what_another_map_calls_so("{{ toYaml .Values.Capabilities }}")]
#[case::another_place_of_a_list(
    "{{ include \"x\" (list $ .Values.a) }}{{ define \"x\" }}{{ index . 1 | toJson }}{{ end }}"
)]
#[case::another_key(
    "{{ include \"x\" (dict \"root\" $ \"value\" .Values) }}{{ define \"x\" }}{{ toYaml .value }}{{ .root.Release.Name }}{{ end }}"
)]
#[case::the_key_in_a_loop("{{ range $k, $v := . }}{{ $k }}{{ end }}")]
#[case::the_text_of_a_file(
    "{{ include (print $.Template.BasePath \"/b.yaml\") . | sha256sum }}{{ define \"x\" }}{{ toYaml . }}{{ end }}"
)]
#[case::the_version(
    "{{ .Capabilities.HelmVersion.Version }}{{ toJson .Capabilities.KubeVersion }}"
)]
fn what_is_not_how_helm_was_built_is_not(#[case] template: &str) {
    Program::compile(&chart(&[("templates/a.yaml", template)])).unwrap();
}

#[test]
fn a_function_that_only_tpl_reaches_is_refused_by_name_where_the_charts_values_hold_it() {
    let values = (
        "values.yaml",
        "a: [\"{{ now }}\"]\nb: {c: \"{{ fromToml .x }}{{ $labels.x }}\"}\n",
    );
    let error = Program::compile(&chart(&[
        values,
        ("templates/a.yaml", "a: {{ tpl .Values.a . }}"),
    ]));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("values.yaml: /a/0: function \"now\" is not supported"),
        "{error}"
    );
    let without_tpl = chart(&[values, ("templates/a.yaml", "a: {{ .Values.a }}")]);
    assert!(Program::compile(&without_tpl).is_ok());
}

/// Why a chart with this template is refused; the file, the line and whose fault it is not are told.
fn refused(files: &[(&str, &str)]) -> String {
    let error = Program::compile(&chart(files)).unwrap_err().to_string();
    assert!(error.contains("not a mistake in the chart"), "{error}");
    error
}

#[rstest]
#[case::a_constant("{{ tpl \"{{ fromToml .x }}\" . }}", "function \"fromToml\" is")]
#[case::a_constant_that_is_printed(
    "{{ tpl (include \"x\" .) . }}{{ define \"x\" }}{{ `{{ uuidv4 }}` }}{{ end }}",
    "function \"uuidv4\" is"
)]
#[case::a_part_of_a_template(
    "{{ tpl (printf \"{{ %s }}\" \"now\") . }}",
    "function \"now\" is not supported, and \"tpl\" may run it, for this is a part"
)]
#[case::a_block_around_a_text(
    "{{ tpl (cat \"{{ with now }}\" .Values.a \"{{ end }}\") . }}",
    "function \"now\" is not supported, and \"tpl\" may run it"
)]
#[case::the_root("{{ tpl \"{{ toYaml . }}\" . }}", "all of . is")]
#[case::a_number("{{ tpl \"{{ 1i }}\" . }}", "the number 1i is")]
#[case::an_address_in_a_text("{{ tpl \"{{ printf `%p` . }}\" . }}", "%p is")]
#[case::a_pattern_in_a_text("{{ tpl \"{{ .Files.Glob `a{}` }}\" . }}", "the pattern \"a{}\" is")]
#[case::an_address("{{ printf \"a %-5p\" .Values }}", "%p is")]
#[case::a_format_in_a_variable("{{ $f := \"%p\" }}{{ printf $f .Values }}", "%p is")]
#[case::a_pattern_of_files("{{ .Files.Glob \"a{}\" }}", "the pattern \"a{}\" is")]
fn what_a_template_says_only_to_the_rendering_is_refused_when_the_chart_is_loaded(
    #[case] template: &str,
    #[case] words: &str,
) {
    let error = refused(&[("templates/a.yaml", &format!("a: 1\nb: {template}"))]);
    let words = format!("templates/a.yaml:2: {words}");
    assert!(error.contains(&words), "{error}");
}

#[rstest]
#[case::a_function_of_files(
    &[("templates/a.yaml", "{{ tpl (.Files.Get \"x\") . }}"), ("x", "{{ fromToml . }}")],
    "x: function \"fromToml\" is not supported"
)]
#[case::two_files_of_one_name(
    &[("templates/a.yaml", "{{ (.Files.Glob \"*/x\").AsConfig }}"), ("a/x", ""), ("b/x", "")],
    "templates/a.yaml:1: a map of files is not supported where several are called \"x\""
)]
#[case::two_files_of_one_name_behind_a_variable(
    &[("templates/a.yaml", "{{ $f := .Files.Glob \"*/x\" }}{{ $f.AsSecrets }}"), ("a/x", ""), ("b/x", "")],
    "several are called \"x\""
)]
#[case::a_part_of_a_template_in_values(
    &[("templates/a.yaml", "{{ tpl .Values.a . }}"), ("values.yaml", "a: '{{'\nb: now\n")],
    "values.yaml: /b: function \"now\" is not supported"
)]
#[case::a_format_in_values(
    &[("templates/a.yaml", "{{ printf .Values.a . }}"), ("values.yaml", "a: '%p'\n")],
    "values.yaml: /a: %p is not supported"
)]
#[case::a_format_in_values_for_a_text_in_values(
    &[("templates/a.yaml", "{{ tpl .Values.a . }}"), ("values.yaml", "a: '{{ printf .Values.b . }}'\nb: '%p'\n")],
    "values.yaml: /b: %p is not supported"
)]
#[case::two_files_of_one_name_for_a_text_in_values(
    &[("templates/a.yaml", "{{ tpl .Values.a . }}"), ("values.yaml", "a: '{{ .Files.AsConfig }}'\n"), ("a/x", ""), ("b/x", "")],
    "values.yaml: /a: a map of files is not supported where several are called \"x\""
)]
#[case::a_pattern_of_files_in_values(
    &[("templates/a.yaml", "{{ .Files.Glob .Values.a }}"), ("values.yaml", "a: 'a{}'\n")],
    "values.yaml: /a: the pattern \"a{}\" is not supported"
)]
#[case::an_encoded_text(
    &[("templates/a.yaml", "{{ tpl (b64dec .Values.a) . }}"), ("values.yaml", "a: e3sgbm93IH19\n")],
    "values.yaml: /a: function \"now\" is not supported"
)]
fn what_files_and_values_say_only_to_the_rendering_is_refused_when_the_chart_is_loaded(
    #[case] files: &[(&str, &str)],
    #[case] words: &str,
) {
    let error = refused(files);
    assert!(error.contains(words), "{error}");
}

#[rstest]
#[case::no_template_reads_it("{{ .Values.a }}", "a: '{{ now }} %p a{}'")]
#[case::a_text_for_another_program("{{ tpl .Values.a . }}", "a: '{{ $labels.x }} {{ y }} now'")]
#[case::a_text_that_is_looked_for(
    "{{ if contains \"{{\" .Values.a }}{{ tpl .Values.a . }}{{ end }}",
    "a: now"
)]
#[case::a_text_that_is_printed("{{ \"{{\" }}{{ tpl .Values.a . }}", "a: now")]
#[case::a_block_around_a_text(
    "{{ tpl (cat \"{{ with .a }}\" .Values.a \"{{ end }}\") . }}",
    "a: now"
)]
#[case::one_file_of_each_name(
    "{{ (.Files.Glob \"a/*\").AsConfig }}{{ .Files.Glob \"*/x\" }}",
    "a: b"
)]
fn what_no_rendering_could_meet_is_not_refused(#[case] template: &str, #[case] values: &str) {
    let files = [
        ("templates/a.yaml", template),
        ("values.yaml", values),
        ("a/x", ""),
        ("b/x", ""),
    ];
    Program::compile(&chart(&files)).unwrap();
}

#[test]
fn values_that_are_given_later_are_checked_before_anything_is_rendered() {
    let chart = chart(&[("templates/a.yaml", "a: {{ tpl .Values.a . }}")]);
    let program = Program::compile(&chart).unwrap();
    let check = |a: &str| program.check_values(&serde_json::json!({ "a": [a] }));
    assert_eq!(check("{{ .Values.b | quote }}"), Ok(()));
    let error = check("{{ toToml . }}").unwrap_err();
    let words = "values: /a/0: function \"toToml\" is not supported";
    assert!(error.to_string().contains(words), "{error}");
    assert!(
        error.to_string().contains("not a mistake in the chart"),
        "{error}"
    );
    // The helm engine runs the text unchecked.
    let forbidden = error.forbidden(&Features::default()).unwrap().to_string();
    assert!(
        forbidden.contains("templates/a.yaml:1: function \"tpl\""),
        "{forbidden}"
    );
    assert_eq!(error.forbidden(&[Feature::Tpl].into_iter().collect()), None);
}
