use rstest::rstest;

use super::*;

#[rstest]
#[case(
    "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nfx:\n- at '/a': got string, want integer\n",
    Reason::SchemaViolation
)]
#[case(
    "Error: fx/templates/cm.yaml:1:10\n  executing \"fx/templates/cm.yaml\" at <.Values.x.y>:\n    nil pointer evaluating interface {}.y",
    Reason::TemplateError
)]
#[case(
    "Error: template: fx/templates/cm.yaml:1:10: executing \"fx/templates/cm.yaml\" at <.Values.x.y>: nil pointer evaluating interface {}.y",
    Reason::TemplateError
)]
#[case(
    "Error: UPGRADE FAILED: execution error at (fx/templates/cm.yaml:1:3): exceeded quota",
    Reason::TemplateError
)]
#[case(
    "Error: YAML parse error on fx/templates/cm.yaml: error converting YAML to JSON: yaml: line 1: did not find expected node content",
    Reason::TemplateError
)]
fn an_error_of_the_chart_is_told_from_one_of_the_cluster(
    #[case] stderr: &str,
    #[case] expected: Reason,
) {
    assert_classified(stderr, expected);
}

#[rstest]
#[case(
    "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
    Reason::InProgress
)]
#[case(
    "Error: UPGRADE FAILED: \"r\" has no deployed releases",
    Reason::NameInUse
)]
#[case(
    "Error: uninstall: Release not loaded: nope: release: not found",
    Reason::NotFound
)]
#[case(
    "Error: create: failed to create: namespaces \"nons\" not found",
    Reason::NotFound
)]
#[case(
    "Error: kubernetes cluster unreachable: stat /tmp/none: no such file or directory",
    Reason::NoKubernetes
)]
#[case(
    "Error: Kubernetes cluster unreachable: Get \"http://localhost:8080/version\": dial tcp 127.0.0.1:8080: connect: connection refused",
    Reason::NoKubernetes
)]
#[case(
    "Error: Kubernetes cluster unreachable: Get \"https://127.0.0.1:1/version\": dial tcp 127.0.0.1:1: connect: connection refused",
    Reason::Unreachable
)]
#[case(
    "Error: query: failed to query with labels: secrets is forbidden: User \"nobody\" cannot list resource \"secrets\" in API group \"\" in the namespace \"m\"",
    Reason::Forbidden
)]
#[case(
    "Error: Unable to continue with install: ConfigMap \"r2-cm\" in namespace \"m\" exists and cannot be imported into the current release: invalid ownership metadata",
    Reason::Conflict
)]
#[case(
    "Error: 1 error occurred:\n\t* configmaps \"rq-helm3-cm\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1\n\n",
    Reason::QuotaExceeded
)]
#[case(
    "level=WARN msg=\"upgrade failed\" error=\"x\"\nError: UPGRADE FAILED: pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": hostNetwork=true",
    Reason::AdmissionDenied
)]
#[case(
    "Error: UPGRADE FAILED: cannot patch \"p\" with kind Pod: Pod \"p\" is invalid: spec: Forbidden: pod updates may not change fields",
    Reason::Invalid
)]
#[case("Error: something new", Reason::Other)]
fn helms_words_become_a_reason(#[case] stderr: &str, #[case] expected: Reason) {
    assert_classified(stderr, expected);
}

#[rstest]
#[case(
    "WARNING: Kubernetes configuration file is group-readable\nError: UPGRADE FAILED: no\n",
    "no"
)]
#[case(
    "level=WARN msg=x\nError: 1 error occurred:\n\t* one thing\n\n",
    "* one thing"
)]
#[case("flag provided but not defined", "flag provided but not defined")]
#[case("\u{1b}[31mred\u{7}\n", "[31mred")]
#[case("\n\n", "")]
#[case::beside_a_warning(
    "WARNING: the kubeconfig is readable by others\nno such host\n",
    "no such host"
)]
#[case::beside_helms_log("time=now level=info msg=trying\nno such host\n", "no such host")]
#[case::between_blank_lines("\n  \nno such host\n\n", "no such host")]
fn a_message_is_the_useful_part_of_the_output(#[case] stderr: &str, #[case] expected: &str) {
    assert_eq!(message(stderr), expected);
}

#[test]
fn a_message_ends_at_a_kibibyte_and_at_a_character() {
    let long = message(&"ä".repeat(4000));
    assert!(
        long.len() <= MAX_MESSAGE && long.len() > MAX_MESSAGE - 4 && long.ends_with('…'),
        "{}",
        long.len()
    );
}

fn assert_classified(stderr: &str, expected: Reason) {
    let message = message(stderr);
    assert_eq!(classify(&message), expected, "{message:?}");
}

#[rstest]
#[case::with_words("something new\n", "something new")]
#[case::without_any("\n", "helm ended with code 1 and said nothing")]
fn a_failure_says_what_helm_said_or_that_it_said_nothing(
    #[case] stderr: &str,
    #[case] expected: &str,
) {
    let failure = Failure::of(&Finished {
        ended: Ended::Exited(Some(1)),
        stdout: String::new(),
        stderr: stderr.to_owned(),
        truncated: false,
    });
    assert_eq!(failure.message, expected);
    assert_eq!(failure.exit_code, Some(1));
    assert_eq!(
        failure.to_string(),
        format!("helm failed (Other): {expected}")
    );
}
