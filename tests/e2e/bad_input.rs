//! What bad input gets: each test is one rule, on its own namespace with its own operator and devices.

mod address;
mod administrators;
mod api_refusals;
mod classes;
mod deletion;
mod devices;
mod disturbances;
mod foreign;
mod hands;
mod lost_node;
mod namespaces;
mod outages;
mod said;
mod sizes;
mod values;
mod world;

use flashjob_operator::names::SEAL_KEY_TYPE;
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, PostParams},
};
use serde_json::{Value, json};

use testbed::{ControlPlane, Fleet, Operator, Params, Space, healthy, seconds};

/// Generous: the tests run beside each other on small machines.
const PATIENCE: std::time::Duration = seconds(120);

/// A namespace with devices and an operator.
struct Stage {
    space: Space,
    fleet: Fleet,
    #[allow(dead_code, reason = "stops when it is dropped")]
    operator: Operator,
}

impl Stage {
    /// Devices like these, and an operator with these arguments of `run`.
    async fn new(name: &str, params: Params, arguments: &[&str]) -> Self {
        Self::on(ControlPlane::shared(), name, params, arguments).await
    }

    /// The same on this control plane.
    async fn on(
        control_plane: &'static ControlPlane,
        name: &str,
        params: Params,
        arguments: &[&str],
    ) -> Self {
        let space = Space::on(control_plane, &format!("bad-{name}")).await;
        let fleet = space.fleet(params).await;
        let operator = space.operator(arguments);
        Self {
            space,
            fleet,
            operator,
        }
    }

    /// Healthy devices whose flash takes that long.
    async fn healthy(name: &str, devices: usize, flash_seconds: f64, arguments: &[&str]) -> Self {
        Self::new(name, healthy(devices, flash_seconds), arguments).await
    }

    fn api(&self, version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = kube::core::GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.space.client.clone(), &self.space.name, &resource)
    }

    fn jobs(&self) -> Api<DynamicObject> {
        self.api("application.flashjob.nbfc.io/v1alpha1", "FlashJob")
    }

    /// Creates a FlashJob for these devices, with more of a spec. What is read off the Pod stands, whatever the device says.
    async fn flash(&self, job: &str, uuids: &[String], more: Value) {
        let mut spec = json!({
            "uuid": uuids, "firmware": "registry.example.com/fmnist:2", "version": "0.2.0",
            "verification": {"mode": "None"},
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let object = serde_json::from_value(json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": job}, "spec": spec,
        }));
        let created = self
            .jobs()
            .create(&PostParams::default(), &object.unwrap())
            .await;
        created.unwrap_or_else(|error| panic!("{job}: {error}"));
    }

    /// Asks for the deletion of a job.
    async fn delete(&self, job: &str) {
        self.jobs()
            .delete(job, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// The status of a job, empty while it has none.
    async fn status(&self, job: &str) -> Value {
        let found = self.jobs().get_opt(job).await.unwrap_or_default();
        found.map_or(Value::Null, |job| job.data["status"].clone())
    }

    /// Waits until the record of a device in the job's status is as wanted, and returns it.
    async fn device(
        &self,
        job: &str,
        uuid: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let what = format!("{what} of device {uuid} in {job}");
        self.space
            .eventually(&what, PATIENCE, async || {
                device_of(&self.status(job).await, uuid).filter(&wanted)
            })
            .await
    }

    /// Waits until the device stands so: phase and reason.
    async fn stands(&self, job: &str, uuid: &str, phase: &str, reason: &str) -> Value {
        let what = format!("{phase}/{reason}");
        self.device(job, uuid, &what, |device| {
            (&device["phase"], &device["reason"]) == (&json!(phase), &json!(reason))
        })
        .await
    }

    /// Waits until the job is finished; its status.
    async fn finished(&self, job: &str) -> Value {
        self.space
            .eventually(&format!("end of {job}"), PATIENCE, async || {
                Some(self.status(job).await)
                    .filter(|status| condition(status, "Finished")["status"] == "True")
            })
            .await
    }

    /// Waits until a Pod runs for the device; its name.
    async fn flashing(&self, uuid: &str) -> String {
        let pods = self.api("v1", "Pod");
        self.space
            .eventually(&format!("running Pod of {uuid}"), PATIENCE, async || {
                let listed = pods.list(&kube::api::ListParams::default()).await.ok()?;
                let mut found = listed.items.into_iter().filter(|pod| {
                    let running = pod.data["status"]["phase"] == "Running";
                    let labels = pod.metadata.labels.as_ref();
                    let device = labels.and_then(|labels| labels.get("uuid"));
                    running && device.is_some_and(|device| device == uuid)
                });
                found.next()?.metadata.name
            })
            .await
    }

    /// Waits until nothing that the operator makes is left in the namespace.
    async fn nothing_left(&self) {
        let kinds = [
            ("v1", "Pod"),
            ("v1", "Service"),
            ("v1", "Secret"),
            ("apps/v1", "ControllerRevision"),
        ];
        for (version, kind) in kinds {
            let api = self.api(version, kind);
            self.space
                .eventually(&format!("end of every {kind}"), PATIENCE, async || {
                    let left = api.list(&kube::api::ListParams::default()).await.ok()?;
                    let is_left = |one: &DynamicObject| one.data["type"] != SEAL_KEY_TYPE;
                    (!left.items.iter().any(is_left)).then_some(())
                })
                .await;
        }
    }

    /// How often the device was flashed: Pods born for it, by the API server's own account.
    fn flashes(&self, uuid: &str) -> usize {
        let flashes = self.space.control_plane.audit().flashes(&self.space.name);
        flashes.get(uuid).copied().unwrap_or_default()
    }

    /// Objects of that resource that were born in the namespace.
    fn births(&self, resource: &str) -> usize {
        let audit = self.space.control_plane.audit();
        let of = |request: &&testbed::audit::Request| {
            request.resource == resource
                && request.namespace == self.space.name
                && request.is_birth()
        };
        audit.0.iter().filter(of).count()
    }

    /// Creates an Instance with these properties; its uid.
    async fn instance(&self, name: &str, properties: Value) -> String {
        let object = serde_json::from_value(json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": name},
            "spec": {"configurationName": "by-hand", "brokerProperties": properties},
        }));
        let api = self.api("akri.sh/v0", "Instance");
        let created = api.create(&PostParams::default(), &object.unwrap()).await;
        created.unwrap().metadata.uid.unwrap()
    }
}

/// The record of a device in a status.
fn device_of(status: &Value, uuid: &str) -> Option<Value> {
    let devices = status["devices"].as_array()?;
    devices
        .iter()
        .find(|device| device["uuid"] == uuid)
        .cloned()
}

/// A condition of a status.
fn condition(status: &Value, kind: &str) -> Value {
    let conditions = status["conditions"].as_array();
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// Asserts that a record's or condition's message holds these words.
#[track_caller]
fn says(record: &Value, words: &[&str]) {
    let message = record["message"].as_str().unwrap_or_default();
    for word in words {
        assert!(
            message.contains(word),
            "no `{word}` in the message of {record:#}"
        );
    }
}
