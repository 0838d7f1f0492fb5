//! What the attacks have in common: a victim, an attacker with the rights of `edit`, and the audit log.

use std::time::Duration;

use serde_json::{Value, json};

pub use super::{editor::Editor, forgery::copied};
use testbed::{
    Fleet, Operator, Params, Space,
    job::{Seen, job},
    seconds,
};

/// Generous: the tests run beside each other on small machines.
pub const PATIENCE: Duration = seconds(300);
/// How long nothing may happen where an attack would have worked at once.
pub const QUIET: Duration = seconds(8);

/// A victim's namespace with devices, and an operator that keeps its key elsewhere.
pub struct Lab {
    pub space: Space,
    pub system: Space,
    pub fleet: Fleet,
    pub operator: Operator,
    arguments: Vec<String>,
}

impl Lab {
    /// An operator for the victim's namespace, and for those that `more` names.
    pub async fn new(name: &str, engine: &str, params: Params, more: &[&str]) -> Self {
        let space = Space::new(name).await;
        let watched = ["--watch-namespaces", &space.name];
        let watched = [&watched[..], &["--akri-namespaces", &space.name]].concat();
        let more: Vec<String> = own(&[&watched[..], more].concat());
        Self::of(space, engine, params, more).await
    }

    /// An operator that these arguments tell what it watches: all namespaces, where they name none.
    pub async fn on(space: Space, engine: &str, params: Params, more: &[&str]) -> Self {
        Self::of(space, engine, params, own(more)).await
    }

    async fn of(space: Space, engine: &str, params: Params, more: Vec<String>) -> Self {
        let system = format!("{}-system", space.name);
        let system = Space::on(space.control_plane, &system).await;
        space.control_plane.operator_kubeconfig();
        let fleet = space.fleet(params).await;
        system.copy_role();
        let common = [
            "--engine",
            engine,
            "--lease-namespace",
            &system.name,
            "--ignored-operators=*",
            "--cool-down-seconds=0",
        ];
        let arguments = [own(&common), more].concat();
        let operator = start(&space, &arguments);
        Self {
            space,
            system,
            fleet,
            operator,
            arguments,
        }
    }

    /// Kills the operator, does something, and starts another.
    pub fn meanwhile(&mut self, act: impl FnOnce(&Self)) {
        self.operator.kill();
        act(self);
        self.restart();
    }

    /// Starts another operator in place of one that was killed.
    pub fn restart(&mut self) {
        self.operator = start(&self.space, &self.arguments);
    }

    /// Gives the same operator another victim: another namespace with devices.
    pub async fn next_victim(&mut self, space: Space, params: Params) {
        self.space = space;
        self.fleet = self.space.fleet(params).await;
    }

    pub fn flash(&self, name: &str, uuids: &[String]) {
        let spec = json!({"verification": {"mode": "None"}});
        self.space.apply(&job(name, uuids, &spec).to_string());
    }

    pub fn job_uid(&self, name: &str) -> String {
        let path = "-o=jsonpath={.metadata.uid}";
        self.space.kubectl(&["get", "flashjob", name, path])
    }

    pub fn device(&self, job: &str, uuid: &str) -> Value {
        let found = self.space.find_job(job).map(Seen);
        found.map_or(Value::Null, |job| job.device(uuid).clone())
    }

    pub async fn stands(&self, job: &str, uuid: &str, reason: &str) -> Value {
        self.space
            .eventually(&format!("{uuid} {reason}"), PATIENCE, async || {
                Some(self.device(job, uuid)).filter(|device| device["reason"] == reason)
            })
            .await
    }

    /// The object of that kind whose name begins so, once it is there.
    pub async fn object(&self, kind: &str, prefix: &str) -> Value {
        let query = ["get", kind, "-o", "json"];
        self.space
            .eventually(&format!("{kind} {prefix}"), PATIENCE, async || {
                let all: Value = serde_json::from_str(&self.space.kubectl(&query)).unwrap();
                let mut items = all["items"].as_array()?.clone().into_iter();
                items.find(|one| text(&one["metadata"]["name"]).starts_with(prefix))
            })
            .await
    }

    pub async fn pod(&self, uuid: &str) -> Value {
        self.object("pods", &format!("flash-{uuid}")).await
    }

    /// Names of what the operator brought into the victim's namespace, of this kind (its plural).
    pub fn births(&self, resource: &str) -> Vec<String> {
        let audit = self.space.control_plane.audit();
        let requests = audit.0.iter().filter(|request| {
            request.is_birth()
                && request.namespace == self.space.name
                && request.resource == resource
                && request.user.contains("flashjob-operator")
        });
        requests.map(|request| request.name.clone()).collect()
    }

    /// Asserts that no device was ever flashed by two Pods at the same time.
    pub fn assert_no_overlap(&self) {
        let journal = self.fleet.journal();
        assert!(
            journal.iter().all(|flash| !flash.overlapped),
            "{journal:#?}"
        );
    }
}

fn own(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&word| word.to_owned()).collect()
}

fn start(space: &Space, arguments: &[String]) -> Operator {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let log = space
        .control_plane
        .directory()
        .join(format!("{}.log", space.name));
    Operator::start(space.control_plane, &log, &arguments)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Sets the status of an object, as the kubelet or a controller would.
pub fn set_status(space: &Space, kind: &str, name: &str, status: &Value) {
    let patch = status.to_string();
    let flags = ["--subresource=status", "--type=merge", "-p", &patch];
    space.kubectl(&[&["patch", kind, name][..], &flags].concat());
}

/// One device whose flash takes that long.
pub fn one_slow(flash_seconds: f64) -> Params {
    Params {
        devices: 1,
        flash_seconds,
        address_delay_seconds: 2.0,
        reboot_seconds: 0.5,
        ..Params::default()
    }
}
