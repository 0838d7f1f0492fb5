//! Explicit nulls in FlashJobs and FlashClasses: they mean absent, in every field that may be left out, however an object is
//! applied. Files of Helm charts are full of them.

use flashjob_operator::api::{FlashClass, FlashJob, crd};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use testbed::{
    Space,
    schema::{optional_fields, with_null_and_without},
};

fn schema(definition: CustomResourceDefinition) -> Value {
    let definition = serde_json::to_value(definition).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

fn document(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    })
}

/// What the API server makes of a document that is created as it is, and of one that is applied by the server.
async fn sent(
    api: &Api<DynamicObject>,
    name: &str,
    document: &Value,
) -> [Result<Value, String>; 2] {
    let object: DynamicObject = serde_json::from_value(document.clone()).unwrap();
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let created = api.create(&dry, &object).await;
    let apply = PatchParams::apply("nulls").dry_run();
    let applied = api.patch(name, &apply, &Patch::Apply(document)).await;
    [created, applied].map(|answer| {
        answer
            .map(|object| object.data["spec"].clone())
            .map_err(|error| error.to_string())
    })
}

#[tokio::test]
async fn null_means_absent_in_every_optional_field_however_it_is_applied() {
    let space = Space::new("nulls").await;
    // With the chart come the CRDs.
    space.control_plane.operator_kubeconfig();
    let jobs = ApiResource::erase::<FlashJob>(&());
    let classes = ApiResource::erase::<FlashClass>(&());
    let jobs = Api::namespaced_with(space.client.clone(), &space.name, &jobs);
    let classes = Api::all_with(space.client.clone(), &classes);
    let kinds = [
        ("FlashJob", jobs, schema(crd::flashjob())),
        ("FlashClass", classes, schema(crd::flashclass())),
    ];
    let mut refused = Vec::new();
    let mut tried = 0;
    for (kind, api, schema) in &kinds {
        for path in optional_fields(schema) {
            let (null, _) = with_null_and_without(schema, &path);
            let name = format!("{}-nulls", space.name);
            for answer in sent(api, &name, &document(kind, &name, &null)).await {
                tried += 1;
                if let Err(complaint) = answer {
                    refused.push(format!("{kind}: {path}: {complaint}"));
                }
            }
        }
    }
    assert!(tried > 160, "{tried}");
    assert_eq!(refused, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_full_of_nulls_is_a_job_like_one_without_them() {
    let space = Space::new("null-file").await;
    space.control_plane.operator_kubeconfig();
    let schema = schema(crd::flashjob());
    let mut spec = json!({"firmware": "f", "version": "1"});
    for path in optional_fields(&schema)
        .iter()
        .filter(|path| !path.contains('.'))
    {
        spec[path.as_str()] = Value::Null;
    }
    space.apply(&document("FlashJob", "nulls", &spec).to_string());
    let api: Api<FlashJob> = Api::namespaced(space.client.clone(), &space.name);
    let stored = api.get("nulls").await.unwrap().spec;
    let bare: FlashJob = serde_json::from_value(document(
        "FlashJob",
        "j",
        &json!({"firmware": "f", "version": "1"}),
    ))
    .unwrap();
    assert_eq!(stored, bare.spec);
    // A field that is set and then null again is unset.
    let patch = |value: Value| {
        json!({"apiVersion": FlashJob::api_version(&()), "kind": "FlashJob", "spec": {
            "firmware": "f", "version": "1", "parallelism": value,
        }})
    };
    let apply = PatchParams::apply("nulls").force();
    for (value, expected) in [(json!(3), Some(3)), (Value::Null, None)] {
        let patch = patch(value);
        let stored = api
            .patch("nulls", &apply, &Patch::Apply(&patch))
            .await
            .unwrap();
        assert_eq!(stored.spec.parallelism, expected);
    }
}
