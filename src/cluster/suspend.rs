//! The suspension of classes, as a person orders it: claims `spec.suspend` of a FlashClass, and an annotation that says who it was, or
//! gives the claim up, and touches nothing else.
//!
//! Classes are read and answered as they are, whatever is in them: one that this version cannot read can still be stopped.

use kube::{
    Api, Client, Resource,
    api::{DynamicObject, ListParams, Patch, PatchParams, TypeMeta},
    core::ApiResource,
};
use serde_json::json;

use super::error::ApiError;
use crate::{api::FlashClass, names};

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// `true`, whoever has set it otherwise.
    Stop,
    /// Nothing any more: what others have set holds.
    Release,
    /// `false`, whoever has set it otherwise.
    Overrule,
}

/// What is ordered, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What.
    pub suspension: Suspension,
    /// The user who orders it, where the API server says.
    pub by: Option<&'a str>,
    /// Nothing is changed.
    pub dry_run: bool,
}

fn api(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &ApiResource::erase::<FlashClass>(&()))
}

/// Every class.
///
/// # Errors
/// When the API server refuses.
pub async fn list_classes(client: &Client) -> Result<Vec<DynamicObject>, ApiError> {
    let listed = api(client).list(&ListParams::default()).await;
    let listed = listed.map_err(|error| ApiError::new("list FlashClasses", &error))?;
    Ok(listed.items)
}

/// Carries the order out for the class with this uid, by server-side apply with a field manager of its own. Returns the class as it
/// is then, or, as a dry run, would be.
///
/// # Errors
/// When the API server refuses, or another class has the name now, or none.
pub async fn suspend_class(
    client: &Client,
    class: &DynamicObject,
    order: Order<'_>,
) -> Result<DynamicObject, ApiError> {
    let meta = class.meta();
    let name = meta.name.as_deref().unwrap_or_default();
    let types = TypeMeta::resource::<FlashClass>();
    // The uid: without it an apply would bring a class back that was deleted meanwhile.
    let mut body = json!({
        "apiVersion": types.api_version,
        "kind": types.kind,
        "metadata": {"name": name, "uid": meta.uid},
    });
    match order.suspension {
        Suspension::Stop => {
            body["spec"]["suspend"] = json!(true);
            if let Some(by) = order.by {
                body["metadata"]["annotations"] = json!({ names::ANNOTATION_SUSPENDED_BY: by });
            }
        }
        Suspension::Overrule => body["spec"]["suspend"] = json!(false),
        // A spec that loses its last field to a server-side apply is none at all, which is refused.
        Suspension::Release if is_last_field(class) => body["spec"]["suspend"] = json!(false),
        Suspension::Release => {}
    }
    let mut parameters = PatchParams::apply(names::SUSPEND_MANAGER).force();
    parameters.dry_run = order.dry_run;
    let answer = api(client)
        .patch(name, &parameters, &Patch::Apply(&body))
        .await;
    answer.map_err(|error| ApiError::new(format!("patch FlashClass {name}"), &error))
}

/// Whether `spec.suspend` is all that the class says, and nobody else says it.
fn is_last_field(class: &DynamicObject) -> bool {
    let spec = class.data["spec"].as_object();
    let alone = spec.is_some_and(|spec| spec.keys().all(|field| field == "suspend"));
    alone && other_holders(class, names::SUSPEND_MANAGER).is_empty()
}

/// Field managers but this one that have set `spec.suspend` of a class or a job, sorted.
#[must_use]
pub fn other_holders<'a>(of: &'a DynamicObject, own: &str) -> Vec<&'a str> {
    let entries = of.metadata.managed_fields.iter().flatten();
    let mut managers: Vec<&str> = entries
        .filter(|entry| {
            let fields = entry.fields_v1.as_ref();
            fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:suspend").is_some())
        })
        .filter_map(|entry| entry.manager.as_deref())
        .filter(|manager| *manager != own)
        .collect();
    managers.sort_unstable();
    managers.dedup();
    managers
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone(json!({"suspend": true}), &["kubectl-flashjob-stop"], true)]
    #[case::nothing_at_all(json!({}), &[], true)]
    #[case::beside_other_fields(json!({"suspend": true, "maxParallelism": 1}), &["kubectl-flashjob-stop"], false)]
    #[case::kept_by_somebody_else(json!({"suspend": true}), &["kubectl-flashjob-stop", "keeper"], false)]
    fn the_last_field_of_a_spec_is_not_given_up(
        #[case] spec: serde_json::Value,
        #[case] managers: &[&str],
        #[case] expected: bool,
    ) {
        let field = |manager: &&str| json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:suspend": {}}}});
        let managed: Vec<_> = managers.iter().map(field).collect();
        let class: DynamicObject = serde_json::from_value(json!({
            "metadata": {"name": "default", "managedFields": managed}, "spec": spec,
        }))
        .unwrap();
        assert_eq!(is_last_field(&class), expected);
    }
}
