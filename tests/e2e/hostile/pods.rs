//! Pods in the place of ours.

use serde_json::json;

use super::lab::{Editor, Lab, one_slow, text};

#[tokio::test]
async fn a_pod_that_was_replaced_with_its_seal_copied_gives_no_verdict() {
    let lab = Lab::new("replaced", "native", one_slow(60.0), &[]).await;
    let mallory = Editor::of(&lab.space);
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let pod = lab.pod(&uuid).await;
    let name = text(&pod["metadata"]["name"]).to_owned();
    let bare = json!({"metadata": {"finalizers": null}}).to_string();
    mallory
        .does(&["patch", "pod", &name, "--type=merge", "-p", &bare])
        .unwrap();
    mallory
        .does(&["delete", "pod", &name, "--grace-period=0", "--force"])
        .unwrap();
    mallory.creates_ended_copy(&pod);
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "Interrupted", "{:#}", done.0);
    assert_eq!(lab.births("pods").len(), 1, "no second flash");
}
