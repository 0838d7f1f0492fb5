//! Kinds that a class opens to its jobs though the operator was not set up for them: its rights come from elsewhere. Pure.
//!
//! Said early by the status of the class, and by the device whose object the API server then refuses.

use serde_json::Value;

use super::{class::Class, terms::Terms};
use crate::{
    cluster::{ApiError, ErrorKind},
    flash_pod::guard::Kind,
};

/// What has to be done before such a kind can be used.
const GRANT: &str = "add it to flashPod.extraKinds of the operator's Helm chart, which also gives the operator its rights \
                     to it (without that chart: to --extra-kinds, with the rights)";

/// What a class is told of its `workload.kinds` that are not among those that the operator was `granted`.
#[must_use]
pub(crate) fn warning(class: &Class, granted: &[Kind]) -> Option<String> {
    let rules = class.rules.as_ref().ok()?;
    let kinds = rules.kinds.iter().enumerate();
    let unknown: Vec<String> = kinds
        .filter(|(_, kind)| !granted.contains(kind))
        .map(|(index, Kind { api_version, kind })| {
            format!(
                "spec.workload.kinds[{index}]: the operator is not set up for {api_version}/{kind}"
            )
        })
        .collect();
    let one = unknown.len() == 1;
    let fail = if one {
        "such an object"
    } else {
        "such objects"
    };
    (!unknown.is_empty()).then(|| {
        format!(
            "{}; flashes with {fail} wait with the reason Forbidden where it lacks the rights: {GRANT}",
            unknown.join("; ")
        )
    })
}

/// The refusal of an object whose kind a class opened, with the field that did and where the rights come from. Every other
/// failure stays as it is.
#[must_use]
pub fn explained(error: ApiError, object: &Value, terms: &Terms) -> ApiError {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let kind = Kind {
        api_version: text("apiVersion"),
        kind: text("kind"),
    };
    let opened = terms.rules().find(|(_, rules)| rules.kinds.contains(&kind));
    // An invalid request without a field is a kind that the operator does not know.
    let lacks_right = match &error.kind {
        ErrorKind::Forbidden => true,
        ErrorKind::Invalid { fields } => fields.is_empty(),
        _ => false,
    };
    match opened.filter(|_| lacks_right) {
        Some((class, _)) => ApiError {
            kind: ErrorKind::Forbidden,
            message: format!(
                "FlashClass {} opens {}/{} in spec.workload.kinds, but the operator may not write it: {GRANT}; {}",
                class.name(),
                kind.api_version,
                kind.kind,
                error.message
            ),
            ..error
        },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::flashjob::{
        controller::classes::{observe::Observed, plan::plan},
        fixtures::classes,
    };

    fn class(kinds: &Value) -> Class {
        let object = json!({"metadata": {"name": "c"}, "spec": {"workload": {"kinds": kinds}}});
        let classes = classes(&[object]);
        classes.get("c").unwrap().as_ref().clone()
    }

    fn network_policy() -> Kind {
        Kind {
            api_version: "networking.k8s.io/v1".into(),
            kind: "NetworkPolicy".into(),
        }
    }

    #[rstest]
    #[case::none(json!([]), None)]
    #[case::what_the_operator_was_set_up_for(json!(["networking.k8s.io/v1/NetworkPolicy"]), None)]
    #[case::another(json!(["networking.k8s.io/v1/NetworkPolicy", "v1/ConfigMap"]), Some("spec.workload.kinds[1]: the operator is not set up for v1/ConfigMap; "))]
    #[case::another_version(json!(["networking.k8s.io/v2/NetworkPolicy"]), Some("spec.workload.kinds[0]: the operator is not set up for networking.k8s.io/v2/NetworkPolicy; "))]
    fn a_class_is_told_of_kinds_that_the_operator_was_not_set_up_for(
        #[case] kinds: Value,
        #[case] says: Option<&str>,
    ) {
        let warning = warning(&class(&kinds), &[network_policy()]);
        match (&warning, says) {
            (Some(warning), Some(says)) => {
                assert!(warning.starts_with(says), "{warning}");
                assert!(warning.contains("flashPod.extraKinds"), "{warning}");
                let observed = Observed {
                    class: Arc::new(class(&kinds)),
                    active_jobs: 0,
                    warning: Some(warning.clone()),
                };
                let status = plan(&observed, Timestamp::UNIX_EPOCH).unwrap();
                let Condition {
                    status, message, ..
                } = &status.conditions[0];
                assert_eq!(status, "True", "the rights may come from elsewhere");
                assert_eq!(message, warning);
            }
            (None, None) => {}
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::one(json!(["v1/ConfigMap"]), "flashes with such an object wait")]
    #[case::two(json!(["v1/ConfigMap", "v1/Secret"]), "flashes with such objects wait")]
    fn a_warning_speaks_of_one_object_or_of_several(#[case] kinds: Value, #[case] says: &str) {
        let warning = warning(&class(&kinds), &[]).unwrap();
        assert!(warning.contains(says), "{warning}");
    }

    #[rstest]
    #[case::no_right("v1", "ConfigMap", ErrorKind::Forbidden, true)]
    #[case::a_kind_that_the_operator_does_not_know("v1", "ConfigMap", ErrorKind::Invalid { fields: Vec::new() }, true)]
    #[case::a_field_of_it("v1", "ConfigMap", ErrorKind::Invalid { fields: vec!["data".into()] }, false)]
    #[case::a_quota("v1", "ConfigMap", ErrorKind::QuotaExceeded, false)]
    #[case::a_kind_that_no_class_opened("v1", "Service", ErrorKind::Forbidden, false)]
    fn a_refused_object_of_a_kind_that_a_class_opened_names_class_field_kind_and_chart_value(
        #[case] api_version: &str,
        #[case] kind: &str,
        #[case] failure: ErrorKind,
        #[case] explains: bool,
    ) {
        let terms = Terms {
            classes: vec![Arc::new(class(&json!(["v1/ConfigMap"])))],
            ..Terms::default()
        };
        let error = ApiError {
            request: "patch ConfigMap lab/a".into(),
            kind: failure,
            message: "cannot patch resource".into(),
        };
        let object = json!({"apiVersion": api_version, "kind": kind});
        let explained = explained(error.clone(), &object, &terms);
        if !explains {
            assert_eq!(explained, error);
            return;
        }
        assert_eq!(explained.kind, ErrorKind::Forbidden);
        let words = [
            "FlashClass c",
            "v1/ConfigMap",
            "spec.workload.kinds",
            "flashPod.extraKinds",
            "cannot patch resource",
        ];
        for word in words {
            assert!(explained.message.contains(word), "{explained}");
        }
    }
}
