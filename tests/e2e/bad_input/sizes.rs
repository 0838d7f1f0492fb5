//! Objects as large as etcd stores them: they are refused in words, and disturb nobody.

use kube::api::PostParams;
use serde_json::{Value, json};

use super::{PATIENCE, Stage, condition, says};

/// Cheap for the API server; what trees cost the operator is measured in `tests/memory_jobs.rs`.
fn large() -> Value {
    json!({"a": "x".repeat(1_300_000)})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_more_than_a_megabyte_are_refused_with_their_size_and_stay_in_the_object() {
    let stage = Stage::healthy("sizes", 1, 0.2, &[]).await;
    stage
        .flash("large", &stage.fleet.uuids(), json!({"values": large()}))
        .await;
    let status = stage.finished("large").await;
    let failed = condition(&status, "Failed");
    assert_eq!(failed["reason"], "InvalidSpec", "{status:#}");
    says(
        &failed,
        &["spec.values: 1300008 bytes as JSON, at most 32768 are allowed"],
    );
    // A job beside it is flashed, and what was refused is not touched.
    stage.flash("small", &stage.fleet.uuids(), json!({})).await;
    assert_eq!(stage.finished("small").await["counts"]["succeeded"], 1);
    let object = stage.jobs().get("large").await.unwrap();
    assert_eq!(object.data["spec"]["values"], large());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_of_more_than_a_megabyte_is_not_accepted() {
    let stage = Stage::healthy("large-class", 1, 0.2, &[]).await;
    let class = &stage.space.name;
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass", "metadata": {"name": class},
        "spec": {"defaults": {"values": large()}},
    });
    let resource = kube::api::ApiResource::erase::<flashjob_operator::api::FlashClass>(&());
    let classes: kube::Api<kube::api::DynamicObject> =
        kube::Api::all_with(stage.space.client.clone(), &resource);
    let object = serde_json::from_value(object).unwrap();
    classes
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let accepted = async || {
        let found = classes.get(class).await.ok()?;
        Some(condition(&found.data["status"], "Accepted"))
            .filter(|known| known["status"] == "False")
    };
    let accepted = stage
        .space
        .eventually("word of the class", PATIENCE, accepted)
        .await;
    assert_eq!(accepted["reason"], "FlashClassInvalid");
    says(
        &accepted,
        &["spec.defaults.values: 1300008 bytes as JSON, at most 65536 are allowed"],
    );
    stage.space.kubectl(&["delete", "flashclass", class]);
}
