//! The kinds that the API server has, by the names that the document gives to their schemas. Pure.

use std::borrow::Cow;

use flashjob_operator::{
    api::{Instance, crd},
    cli::history::History,
};
use kube::CustomResourceExt;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema},
};

use super::{
    crd_schema::{component, list},
    words::{device_explanation, explanation},
};
use crate::view::{JobHistory, Plan, Releases};

/// A type that stands for a schema of the document, which [`schemas`] has.
macro_rules! stands_for {
    ($($name:literal: $type:ident, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            #[derive(Clone, Copy, Debug)]
            pub struct $type;

            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::Object(Object::new()))
                }
            }

            impl ToSchema for $type {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed($name)
                }
            }
        )*
    };
}

stands_for! {
    "FlashJob": FlashJobDocument, "A FlashJob, by the schema of its definition.";
    "FlashJobList": FlashJobList, "A page of FlashJobs.";
    "FlashJobPatch": FlashJobPatch, "A part of a FlashJob, or one operation on it.";
    "Deletion": Deletion, "What is left of a FlashJob that is deleted.";
    "Explanation": ExplanationDocument, "A FlashJob in plain words.";
    "DeviceExplanation": DeviceExplanationDocument, "One device of a FlashJob in plain words.";
    "Plan": PlanDocument, "What a FlashJob would do if it were created now.";
    "ReleaseList": ReleaseListDocument, "A page of releases.";
    "DeviceHistory": HistoryDocument, "What was done to a device.";
    "History": JobHistoryDocument, "What is known of what a FlashJob did.";
    "FlashClass": FlashClassDocument, "A FlashClass, by the schema of its definition.";
    "FlashClassList": FlashClassList, "A page of FlashClasses.";
    "InstanceList": InstanceList, "A page of Instances.";
}

/// The schemas that those types stand for, by name.
#[must_use]
pub fn schemas() -> [(&'static str, Value); 14] {
    [
        ("FlashJob", component(&crd::flashjob())),
        ("FlashJobList", list("FlashJob")),
        (
            "FlashJobPatch",
            json!({"type": "object", "description": "A part of a FlashJob, or one operation on it."}),
        ),
        (
            "Deletion",
            json!({"type": "object", "required": ["kind"], "properties": {
                "kind": {"type": "string", "enum": ["Status", "FlashJob"], "description":
                    "Status where the FlashJob is gone, FlashJob where it is being deleted."},
            }}),
        ),
        ("Explanation", explanation()),
        ("DeviceExplanation", device_explanation()),
        ("Plan", derived::<Plan>()),
        ("ReleaseList", derived::<Releases>()),
        ("DeviceHistory", derived::<History>()),
        ("History", derived::<JobHistory>()),
        ("FlashClass", component(&crd::flashclass())),
        ("FlashClassList", list("FlashClass")),
        ("Instance", component(&Instance::crd())),
        ("InstanceList", list("Instance")),
    ]
}

/// The schema of what is written of a type, whole within itself.
fn derived<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut settings = settings.with(|settings| settings.inline_subschemas = true);
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>().into()
}
