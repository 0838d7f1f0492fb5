//! What objects of strangers cost in memory. A program of its own, so that nothing else is measured with them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod process_memory;

use flashjob_operator::{
    api::{FlashJob, Guarded},
    flashjob::spec::job::Job,
};
use kube::core::DeserializeGuard;
use serde_json::json;

/// What 40 jobs may take that were refused, in KiB: the chart allows 768 MiB for everything.
const MAX_KIB: u64 = 32 * 1024;

/// A FlashJob as etcd just stores it. Each of these maps is seven bytes of text, and several hundred as a tree.
fn large_job(number: usize) -> String {
    let uid = format!("job-{number}");
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": uid, "namespace": "lab", "uid": uid, "resourceVersion": "1"},
        "spec": {"uuid": ["a"], "firmware": "f", "version": "1", "values": {"a": "@"}},
    });
    let maps = vec![r#"{"":0}"#; 200_000].join(",");
    object.to_string().replace("\"@\"", &format!("[{maps}]"))
}

/// Memory in use, in KiB.
fn resident() -> u64 {
    process_memory::kib()[0].try_into().unwrap()
}

#[test]
fn forty_jobs_of_a_megabyte_and_more_are_refused_and_leave_nothing_behind() {
    let before = resident();
    let mut jobs = Vec::new();
    for number in 0..40 {
        let text = large_job(number);
        assert!(text.len() > 1_400_000);
        let guard: Guarded<FlashJob> = serde_json::from_str(&text).unwrap();
        jobs.push(Job::parse(&guard).unwrap());
    }
    let after = resident();
    println!("40 FlashJobs of 1.4 MB: {before} KiB before, {after} KiB after");
    assert!(after - before < MAX_KIB, "{before} {after}");
    for job in &jobs {
        let words = "spec.values: 1400007 bytes as JSON, at most 32768 are allowed";
        assert!(
            job.invalid.as_ref().unwrap().starts_with(words),
            "{:?}",
            job.invalid
        );
    }
}

#[test]
#[ignore = "for comparison: what one of them costs as a tree"]
fn one_of_them_as_a_tree() {
    let before = resident();
    let guard: DeserializeGuard<kube::core::DynamicObject> =
        serde_json::from_str(&large_job(0)).unwrap();
    println!(
        "one FlashJob of 1.4 MB as a tree: {before} KiB before, {} KiB after",
        resident()
    );
    assert!(guard.0.is_ok());
}
