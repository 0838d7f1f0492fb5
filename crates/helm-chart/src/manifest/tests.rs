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
    let kinds: Vec<&str> = rendered.documents.iter().map(kind).collect();
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

#[test]
fn tests_leave_the_manifest_and_other_hooks_are_refused() {
    let hook =
        |event: &str| format!("kind: Pod\nmetadata:\n  annotations:\n    helm.sh/hook: {event}\n");
    let rendered = render(&[("c/templates/a.yaml", &hook("test"))]).expect("renders");
    assert_eq!((rendered.tests.len(), rendered.documents.len()), (1, 0));
    let error =
        render(&[("c/templates/a.yaml", &hook("pre-install,test"))]).expect_err("is refused");
    assert_eq!(error.kind, RenderErrorKind::Document);
    assert!(
        error.message.starts_with("c/templates/a.yaml: the hook"),
        "{error}"
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
