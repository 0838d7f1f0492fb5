//! Templates that would not end, or would take all there is.

use super::*;

#[rstest]
#[case(
    "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}",
    None
)]
#[case(
    "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}",
    Some(Bound::Depth)
)]
#[case(
    "{{ define \"r\" }}{{ tpl \"{{ include \\\"r\\\" . }}\" . }}{{ end }}{{ include \"r\" . }}",
    None
)]
#[case(
    "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
    Some(Bound::Steps)
)]
#[case(
    "{{ range 1000000 }}{{ printf \"%01000d\" 1 }}{{ end }}",
    Some(Bound::Size)
)]
fn a_runaway_template_ends_in_an_error(#[case] template: &str, #[case] bound: Option<Bound>) {
    let error = text(template).expect_err("ends");
    match bound {
        Some(bound) => assert_eq!(error.kind, RenderErrorKind::Bound(bound), "{error}"),
        None => assert!(
            matches!(
                error.kind,
                RenderErrorKind::Bound(_) | RenderErrorKind::Evaluation
            ),
            "{error}"
        ),
    }
}

#[rstest]
#[case::text(
    "{{ $big := repeat 1000000 \"x\" }}{{ range 100000 }}{{ $_ := contains \"y\" $big }}{{ end }}"
)]
#[case::pattern(
    "{{ $big := repeat 1000000 \"x\" }}{{ range 100000 }}{{ $_ := regexMatch \"(x+y)+$\" $big }}{{ end }}"
)]
#[case::list("{{ $big := until 100000 }}{{ range 100000 }}{{ $_ := has -1 $big }}{{ end }}")]
#[case::pairs("{{ $big := until 100000 }}{{ $_ := uniq $big }}")]
#[case::shared_parts(
    "{{ $d := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ end }}{{ toJson $d }}"
)]
#[case::shared_parts_as_yaml(
    "{{ $d := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ end }}{{ toYaml $d }}"
)]
#[case::shared_parts_as_text(
    "{{ $d := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ end }}{{ $d }}"
)]
#[case::shared_parts_copied(
    "{{ $d := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ end }}{{ $_ := deepCopy $d }}"
)]
#[case::shared_parts_compared(
    "{{ $d := dict \"a\" 1 }}{{ $e := dict \"a\" 1 }}{{ range 64 }}{{ $d = dict \"x\" $d \"y\" $d }}{{ $e = dict \"x\" $e \"y\" $e }}{{ end }}{{ deepEqual $d $e }}"
)]
fn a_template_that_makes_functions_work_hard_ends_in_an_error(#[case] template: &str) {
    let limits = Limits {
        steps: 100_000,
        size: 4 << 20,
        ..Limits::default()
    };
    let error = render_with(&chart(&[("NOTES.txt", template)]), &limits).expect_err("ends");
    // What is too long to print has words of its own.
    assert!(
        matches!(error.kind, RenderErrorKind::Bound(_)) || error.message.contains("too long"),
        "{error}"
    );
}

#[test]
fn the_deepest_allowed_nesting_fits_the_stack() {
    // Each level of `r` opens as many blocks and parentheses as the parser allows.
    let opens = "{{ if (print (print (print (print 1)))) }}{{ with $ }}".repeat(20);
    let ends = "{{ end }}{{ end }}".repeat(20);
    let template = format!(
        "{{{{ define \"r\" }}}}{opens}{{{{ include \"r\" $ }}}}{ends}{{{{ end }}}}{{{{ include \"r\" . }}}}"
    );
    // Half of the stack, in a build without optimisation: the default leaves a wide margin.
    let limits = Limits {
        stack: Limits::default().stack / 2,
        ..Limits::default()
    };
    let error = render_with(&chart(&[("NOTES.txt", &template)]), &limits).expect_err("ends");
    assert_eq!(
        error.kind,
        RenderErrorKind::Bound(Bound::Nesting),
        "{error}"
    );
}

#[test]
fn a_value_that_contains_itself_ends_in_an_error_or_in_text_but_never_in_a_crash() {
    let template = "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ len $d }}{{ $d }}";
    let error = text(template).expect_err("ends");
    assert!(error.message.contains("contains itself"), "{error}");
    let deep = "{{ $d := dict }}{{ range 200000 }}{{ $d = dict \"d\" $d }}{{ end }}{{ len $d }}";
    assert_eq!(text(deep).expect("renders"), "1");
}
