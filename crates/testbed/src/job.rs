//! FlashJobs as the tests write and read them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Fleet, Operator, Space,
    auditor::{newest, stays},
    seconds,
};

/// Firmware of the jobs made here.
pub const FIRMWARE: &str = "registry.example.com/esp32-fmnist:0.2.0";
/// Their version.
pub const VERSION: &str = "0.2.0";

/// A FlashJob for these devices; `more` is added to its spec.
pub fn job(name: &str, uuids: &[String], more: &Value) -> Value {
    let mut spec = json!({"uuid": uuids, "firmware": FIRMWARE, "version": VERSION});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// A job as the API server has it.
#[derive(Debug)]
pub struct Seen(pub Value);

impl Seen {
    /// Whether this condition is true of the current spec.
    pub fn is(&self, condition: &str) -> bool {
        let generation = &self.0["metadata"]["generation"];
        let conditions = self.0["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|found| {
            found["type"] == condition
                && found["status"] == "True"
                && found["observedGeneration"] == *generation
        })
    }

    /// A condition, of whatever generation: status, reason, message; empty where the job does not have it.
    pub fn condition(&self, kind: &str) -> (String, String, String) {
        let conditions = self.0["status"]["conditions"].as_array().unwrap();
        let found = conditions.iter().find(|found| found["type"] == kind);
        let text = |field: &str| {
            let text = found.and_then(|found| found[field].as_str());
            text.unwrap_or_default().to_owned()
        };
        (text("status"), text("reason"), text("message"))
    }

    /// Why it is as it is, in one word.
    pub fn reason(&self) -> &str {
        self.0["status"]["reason"].as_str().unwrap_or_default()
    }

    /// The entry of a device.
    pub fn device(&self, uuid: &str) -> &Value {
        let devices = self.0["status"]["devices"].as_array();
        devices
            .into_iter()
            .flatten()
            .find(|device| device["uuid"] == uuid)
            .unwrap_or(&Value::Null)
    }

    /// One of the counts.
    pub fn count(&self, name: &str) -> i64 {
        self.0["status"]["counts"][name].as_i64().unwrap_or(-1)
    }

    /// Indexes of `completedIndexes` or `failedIndexes`.
    pub fn indexes(&self, field: &str) -> BTreeSet<usize> {
        let text = self.0["status"][field].as_str().unwrap_or_default();
        let ranges = text.split(',').filter(|range| !range.is_empty());
        ranges
            .flat_map(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                first.parse::<usize>().unwrap()..=last.parse().unwrap()
            })
            .collect()
    }
}

impl Space {
    /// A job as it is now.
    pub fn job(&self, name: &str) -> Seen {
        let found = self.find_job(name);
        Seen(found.unwrap_or_else(|| panic!("there is no FlashJob {name}")))
    }

    /// Waits until a job has finished.
    pub async fn finished(&self, name: &str, within: u64) -> Seen {
        self.eventually(
            &format!("end of FlashJob {name}"),
            seconds(within),
            async || Some(self.job(name)).filter(|job| job.is("Finished")),
        )
        .await
    }

    /// Revisions of a device's release, oldest first, with their status, as `helm history` shows them; none where there is no release.
    pub fn revisions(&self, uuid: &str) -> Vec<(i64, String)> {
        let output = self
            .control_plane
            .command("helm")
            .args([
                "-n",
                &self.name,
                "history",
                &format!("flash-{uuid}"),
                "-o",
                "json",
            ])
            .output()
            .unwrap();
        let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let revisions = list.as_array().into_iter().flatten();
        revisions
            .map(|revision| {
                let status = revision["status"].as_str().unwrap_or_default();
                (revision["revision"].as_i64().unwrap(), status.to_owned())
            })
            .collect()
    }

    /// Waits until a job is as wanted.
    pub async fn becomes(
        &self,
        name: &str,
        what: &str,
        within: u64,
        wanted: impl Fn(&Seen) -> bool,
    ) -> Seen {
        self.eventually(what, seconds(within), async || {
            Some(self.job(name)).filter(&wanted)
        })
        .await
    }

    /// Waits until a job says this of itself.
    pub async fn waits_for(&self, name: &str, reason: &str) -> Seen {
        let what = format!("{reason} of {name}");
        self.becomes(name, &what, 120, |job| job.reason() == reason)
            .await
    }

    /// Pods that were born here so far, by the audit log.
    pub fn births(&self) -> usize {
        let pods = self.control_plane.audit().pod_births(&self.name);
        pods.values().sum()
    }

    /// Merges this into the spec of a job.
    pub fn patch_spec(&self, name: &str, spec: &Value) {
        let patch = json!({ "spec": spec }).to_string();
        self.kubectl(&["patch", "flashjob", name, "--type=merge", "-p", &patch]);
    }

    /// Applies a class of this name; what an earlier apply set and this one does not is gone.
    pub fn put_class(&self, name: &str, spec: &Value) {
        let class = json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass", "metadata": {"name": name}, "spec": spec,
        });
        self.apply(&class.to_string());
    }

    /// `kill -9`, and another operator with these arguments. The lease is taken away, so that the test does not wait for its end.
    pub fn replace(&self, operator: &mut Operator, arguments: &[&str]) {
        operator.kill();
        self.kubectl(&["delete", "leases", "--all"]);
        *operator = self.operator(arguments);
    }

    /// Deletes a job and waits until it, and everything made for it, is gone.
    pub async fn delete_job(&self, name: &str, within: u64) {
        self.kubectl(&["delete", "flashjob", name, "--wait=false"]);
        self.eventually("end of the deletion", seconds(within), async || {
            self.find_job(name).is_none().then_some(())
        })
        .await;
        // Garbage collection of what the job owns (its selection) follows a moment later.
        self.eventually("garbage collection", seconds(within), async || {
            self.left_behind().is_empty().then_some(())
        })
        .await;
    }

    /// What there is in the namespace of the kinds that flashing makes: plural and name.
    pub fn left_behind(&self) -> String {
        let records = "secrets?fieldSelector=type%3Dhelm.sh%2Frelease.v1";
        let core = ["pods", "services", records].map(|plural| self.names("api/v1", plural));
        let revisions = self.names("apis/apps/v1", "controllerrevisions");
        [core.concat(), revisions].concat().join("\n")
    }

    /// Whether no flash is under way: no Pod, no Service, no release but those of devices that failed. Below its newest revision
    /// a release may have any: an upgrade that was cut off leaves what it would have superseded as deployed.
    pub fn is_at_rest(&self) -> bool {
        let none = |plural| self.names("api/v1", plural).is_empty();
        let path = format!(
            "/api/v1/namespaces/{}/secrets?labelSelector=owner%3Dhelm",
            self.name
        );
        let list = self.control_plane.get(&path).unwrap_or_default();
        let records = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let over = |record: &&Value| record["metadata"]["labels"]["status"] == "failed";
        none("pods") && self.leased_services().is_empty() && newest(records).iter().all(over)
    }

    /// Names of the Services of flashes, but for those of a pool that nobody leases: they stay.
    fn leased_services(&self) -> Vec<String> {
        let path = format!("/api/v1/namespaces/{}/services", self.name);
        let list = self.control_plane.get(&path).unwrap_or_default();
        let all = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let name = |service: &Value| service["metadata"]["name"].as_str().map(str::to_owned);
        all.iter()
            .filter(|service| !stays(service))
            .filter_map(name)
            .collect()
    }

    /// Names of the releases with their status, as Helm 4 lists them.
    pub fn releases(&self) -> Vec<Value> {
        let list = self.helm(&["list", "--max", "1000", "-o", "json"]);
        serde_json::from_str(&list).unwrap()
    }

    /// Asserts that a finished job has the verdicts that its fleet foretold, where the job names all devices of the fleet in order.
    pub fn assert_verdicts(&self, job: &Seen, fleet: &Fleet) {
        let (succeeded, failed) = (
            job.indexes("completedIndexes"),
            job.indexes("failedIndexes"),
        );
        let wrong: Vec<_> = fleet
            .devices()
            .into_iter()
            .enumerate()
            .filter(|(index, device)| {
                let verdict = match (succeeded.contains(index), failed.contains(index)) {
                    (true, false) => Some("Succeeded"),
                    (false, true) => Some("Failed"),
                    _ => None,
                };
                verdict != device.verdict
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "wrong verdicts: {wrong:#?}\n{}",
            self.dump()
        );
    }

    /// Asserts that each device of these fleets was flashed as often as this, and never twice at the same time.
    pub fn assert_flashed_each(&self, fleets: &[&Fleet], times: usize) {
        let births = self.control_plane.audit().flashes(&self.name);
        for fleet in fleets {
            for device in fleet.devices() {
                let born = births.get(&device.uuid).copied().unwrap_or_default();
                assert_eq!(born, times, "Pods of {device:?}\n{}", self.dump());
            }
            let journal = fleet.journal();
            assert_eq!(journal.len(), times * fleet.devices().len());
            assert!(
                !journal.iter().any(|flash| flash.overlapped),
                "{journal:#?}"
            );
        }
    }

    /// Asserts that each device of the only fleet was flashed as often as this, and never twice at the same time.
    pub fn assert_flashed(&self, fleet: &Fleet, times: usize) {
        self.assert_flashed_each(&[fleet], times);
        let births = self.control_plane.audit().flashes(&self.name);
        assert_eq!(
            births.values().sum::<usize>(),
            times * fleet.devices().len(),
            "{births:?}"
        );
    }
}
