use rstest::rstest;

use super::*;

fn render(files: &[(&str, &str)]) -> Result<Rendered, RenderError> {
    assemble(
        "c",
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
    )
}

#[test]
fn a_service_goes_before_a_pod_and_unknown_kinds_go_last_by_name() {
    let rendered = render(&[
        ("c/templates/a.yaml", "kind: Zebra\n---\nkind: Pod\n"),
        (
            "c/templates/b.yaml",
            "\n\n---\nkind: Ant\n---   \nkind: Service",
        ),
    ])
    .expect("renders");
    let kinds = rendered
        .documents
        .iter()
        .map(|document| &document.object["kind"]);
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, ["Service", "Pod", "Ant", "Zebra"]);
    assert!(
        rendered
            .manifest
            .starts_with("---\n# Source: c/templates/b.yaml\nkind: Service\n---\n")
    );
    assert!(
        rendered
            .manifest
            .ends_with("---\n# Source: c/templates/a.yaml\nkind: Zebra\n\n")
    );
}

#[test]
fn blank_documents_vanish_and_comments_stay_text() {
    let rendered =
        render(&[("c/templates/a.yaml", "  \n---\n\n---\n# nothing here\n")]).expect("renders");
    assert_eq!(
        rendered.manifest,
        "---\n# Source: c/templates/a.yaml\n# nothing here\n\n"
    );
    assert!(rendered.documents.is_empty());
}

#[test]
fn notes_are_kept_apart() {
    let files = [
        ("c/templates/NOTES.txt", "hello"),
        ("c/templates/sub/NOTES.txt", "ignored"),
    ];
    let rendered = render(&files).expect("renders");
    assert_eq!(
        (rendered.notes.as_str(), rendered.manifest.as_str()),
        ("hello", "")
    );
}

#[rstest]
#[case::a_test("test", Some(true))]
#[case::a_test_of_helm_2("Test-Success ", Some(true))]
#[case::a_hook("pre-install", Some(false))]
#[case::both("test, pre-install", Some(false))]
#[case::a_point_that_helm_does_not_know("pre-install,crd-install", None)]
fn hooks_leave_the_manifest(#[case] events: &str, #[case] is_test: Option<bool>) {
    let text =
        format!("kind: Pod\nmetadata:\n  annotations:\n    helm.sh/hook: {events:?}\n    n: 1\n");
    let rendered = render(&[("c/templates/a.yaml", &text)]).expect("renders");
    let hooks: Vec<bool> = rendered.hooks.iter().map(|hook| hook.is_test).collect();
    assert_eq!(hooks, Vec::from_iter(is_test));
    assert!(rendered.manifest.is_empty() && rendered.documents.is_empty());
}

#[test]
fn hooks_have_helms_order_too() {
    let hook = |kind: &str| {
        format!("---\nKind: {kind}\nmetadata: {{annotations: {{helm.sh/hook: test}}}}\n")
    };
    let text = [hook("Zebra"), hook("Pod"), hook("Secret")].concat();
    let rendered = render(&[("c/templates/a.yaml", &text)]).expect("renders");
    let kinds = rendered
        .hooks
        .iter()
        .map(|hook| &hook.document.object["Kind"]);
    assert_eq!(kinds.collect::<Vec<_>>(), ["Secret", "Pod", "Zebra"]);
}

#[rstest]
#[case("- a", "the document has to be a map, and not a list")]
#[case("k:v", "the document has to be a map, and not text")]
#[case("kind: [Pod]", "kind has to be text, and not a list")]
#[case("metadata: x", "metadata has to be a map, and not text")]
#[case(
    "metadata: {annotations: [a]}",
    "metadata.annotations has to be a map, and not a list"
)]
#[case(
    "metadata: {Annotations: {a: {}}}",
    "metadata.annotations.a has to be text, and not a map"
)]
fn documents_whose_head_helm_cannot_read_are_refused(#[case] text: &str, #[case] why: &str) {
    let error = render(&[("c/templates/a.yaml", text)]).expect_err("is refused");
    let expected = format!("c/templates/a.yaml: YAML parse error: {why}");
    assert_eq!(
        (error.kind, error.message),
        (RenderErrorKind::Document, expected)
    );
}

#[test]
fn what_is_no_yaml_is_refused_with_its_file() {
    let error = render(&[("c/templates/a.yaml", "a: b: c")]).expect_err("is refused");
    assert!(
        error
            .message
            .starts_with("c/templates/a.yaml: YAML parse error"),
        "{error}"
    );
}

#[test]
fn both_orders_name_the_same_kinds() {
    let sorted = |order: &[&'static str]| {
        let mut kinds = order.to_vec();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(sorted(INSTALL_ORDER), sorted(UNINSTALL_ORDER));
}
