//! Reads the audit log: which flash Pods, Services, selections and FlashJobs there were, and when what became of them.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{job::Job, pod::Pod};

/// Label of every object of an attempt: uid of its FlashJob.
pub const LABEL_JOB_UID: &str = "flashjob.nbfc.io/job-uid";
/// Label of every object of an attempt: its id.
pub const LABEL_ATTEMPT: &str = "flashjob.nbfc.io/attempt";
/// Label: number of the round.
pub const LABEL_ROUND: &str = "flashjob.nbfc.io/round";

/// When a write took effect, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Version of the object that it made: the store counts all writes with one counter. None where the answer did not tell.
    pub version: Option<u64>,
    /// When the request arrived: it took effect not earlier.
    pub received: Timestamp,
    /// When it was answered: it took effect not later, if it did.
    pub answered: Timestamp,
    /// Id in the audit log.
    pub audit_id: String,
}

impl Moment {
    /// Whether this one took effect before the other, beyond doubt.
    pub fn surely_before(&self, other: &Self) -> bool {
        match (self.version, other.version) {
            (Some(this), Some(other)) => this < other,
            _ => self.answered < other.received,
        }
    }

    /// For sorting: by version where both have one.
    pub fn earlier_than(&self, other: &Self) -> bool {
        match (self.version, other.version) {
            (Some(this), Some(other)) => this < other,
            _ => self.answered < other.answered,
        }
    }
}

/// One line of the log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
    #[serde(default)]
    request_object: Value,
    #[serde(default)]
    response_object: Value,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: i64,
}

/// A write that was carried out, or may have been.
pub struct Write {
    /// `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Who asked.
    pub user: String,
    /// Plural of the kind, with its subresource.
    pub resource: String,
    /// Namespace.
    pub namespace: String,
    /// Name; empty for a create and a `deletecollection`.
    pub name: String,
    /// Whether it is not known if it was carried out: its asker was gone, or the store failed.
    pub unclear: bool,
    /// Whether it brought the object into the world.
    pub birth: bool,
    /// The object as the write left it; what was asked for where the outcome is unclear.
    pub object: Value,
    /// When.
    pub moment: Moment,
}

impl Write {
    fn parse(line: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(line).ok()?;
        let code = line.response_status.code;
        let reads = ["get", "list", "watch"].contains(&line.verb.as_str());
        if line.stage != "ResponseComplete"
            || reads
            || line.request_uri.contains("dryRun=All")
            || (300..500).contains(&code)
        {
            return None;
        }
        let unclear = code >= 500;
        let is_object = |value: &Value| value.pointer("/metadata/uid").is_some();
        let object = if is_object(&line.response_object) {
            line.response_object
        } else {
            line.request_object
        };
        let version = Some(&object).filter(|object| is_object(object) && !unclear);
        let version = version.and_then(|object| {
            object
                .pointer("/metadata/resourceVersion")?
                .as_str()?
                .parse()
                .ok()
        });
        let at = line.object_ref;
        let named = object.pointer("/metadata/name").and_then(Value::as_str);
        Some(Self {
            birth: (code == 201 || unclear) && matches!(line.verb.as_str(), "create" | "patch"),
            name: if at.name.is_empty() {
                named.unwrap_or_default().to_owned()
            } else {
                at.name
            },
            resource: if at.subresource.is_empty() {
                at.resource
            } else {
                format!("{}/{}", at.resource, at.subresource)
            },
            verb: line.verb,
            user: line.user.username,
            namespace: at.namespace,
            unclear,
            object,
            moment: Moment {
                version,
                received: line.request_received_timestamp,
                answered: line.stage_timestamp,
                audit_id: line.audit_id,
            },
        })
    }

    /// A text in the object.
    pub fn text(&self, pointer: &str) -> Option<String> {
        Some(self.object.pointer(pointer)?.as_str()?.to_owned())
    }

    /// A label of the object.
    pub fn label(&self, key: &str) -> Option<String> {
        label(&self.object, key)
    }
}

/// A label of an object.
pub fn label(object: &Value, key: &str) -> Option<String> {
    Some(object["metadata"]["labels"][key].as_str()?.to_owned())
}

/// Address and port, as two spellings of one endpoint are the same device.
pub fn normalised(endpoint: &str) -> String {
    if endpoint.contains(':') {
        endpoint.to_owned()
    } else {
        format!("{endpoint}:80")
    }
}

/// A device of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Uid that the job named.
    pub uuid: String,
    /// Where it answers, if that was known.
    pub endpoint: Option<String>,
}

/// A Service of an attempt.
#[derive(Debug, Clone)]
pub struct Service {
    /// Uid of its FlashJob.
    pub job: String,
    /// Attempt that it is of.
    pub attempt: String,
    /// When it was made.
    pub born: Moment,
    /// When it may have been deleted for the first time.
    pub deleted: Option<Moment>,
}

/// What happened.
#[derive(Debug, Default)]
pub struct History {
    /// Flash Pods by uid.
    pub pods: BTreeMap<String, Pod>,
    /// Services of attempts by namespace and name; names are unique to an attempt.
    pub services: BTreeMap<(String, String), Service>,
    /// FlashJobs by uid.
    pub jobs: BTreeMap<String, Job>,
    /// Devices of a selection by uid of the job, round and index.
    pub selections: HashMap<(String, i64), BTreeMap<u64, Selected>>,
    /// Notes of the operator's events.
    pub notes: Vec<String>,
    /// Creates of Pods of which it is not known whether they were carried out.
    pub(super) unclear_creates: HashMap<(String, String), (Moment, String)>,
}

impl History {
    /// What happened in these namespaces, by the log from this byte on. A line that is being written is left out.
    pub fn read(log: &Path, since: u64, namespaces: &[&str]) -> Self {
        let mut file = File::open(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        file.seek(SeekFrom::Start(since)).unwrap();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut history = Self::default();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 0 {
            // Most lines of a shared control plane are of other tests: parsing them all would take long.
            if namespaces.iter().any(|name| line.contains(*name)) {
                history.take(&line, namespaces);
            }
            line.clear();
        }
        history.sort();
        history
    }

    /// The same of lines, for tests.
    pub fn of_lines(lines: &[String], namespaces: &[&str]) -> Self {
        let mut history = Self::default();
        for line in lines {
            history.take(line, namespaces);
        }
        history.sort();
        history
    }

    fn take(&mut self, line: &str, namespaces: &[&str]) {
        let Some(write) = Write::parse(line) else {
            return;
        };
        if !namespaces.contains(&write.namespace.as_str()) {
            return;
        }
        match write.resource.as_str() {
            "pods" | "pods/status" | "pods/binding" => self.see_pod(&write),
            "services" => self.see_service(&write),
            "flashjobs" | "flashjobs/status" => self.see_job(&write),
            "controllerrevisions" => self.see_selection(&write),
            "events" => self.notes.extend(write.text("/note")),
            _ => {}
        }
    }

    fn see_service(&mut self, write: &Write) {
        let key = (write.namespace.clone(), write.name.clone());
        match write.verb.as_str() {
            "deletecollection" => {
                let all = self.services.iter_mut();
                for (_, service) in all.filter(|((namespace, _), _)| *namespace == write.namespace)
                {
                    service.deleted.get_or_insert_with(|| write.moment.clone());
                }
            }
            "delete" => {
                if let Some(service) = self.services.get_mut(&key) {
                    service.deleted.get_or_insert_with(|| write.moment.clone());
                }
            }
            _ if write.birth && !write.unclear => {
                let labels = (write.label(LABEL_JOB_UID), write.label(LABEL_ATTEMPT));
                if let (Some(job), Some(attempt)) = labels {
                    let born = write.moment.clone();
                    let service = Service {
                        job,
                        attempt,
                        born,
                        deleted: None,
                    };
                    self.services.entry(key).or_insert(service);
                }
            }
            _ => {}
        }
    }

    fn see_job(&mut self, write: &Write) {
        if write.unclear {
            return;
        }
        if let Some(uid) = write.text("/metadata/uid") {
            self.jobs.entry(uid).or_default().see(write);
        }
    }

    fn see_selection(&mut self, write: &Write) {
        let (Some(job), Some(round)) = (
            write.label(LABEL_JOB_UID),
            write.object.pointer("/data/round").and_then(Value::as_i64),
        ) else {
            return;
        };
        let first = write.object.pointer("/data/first").and_then(Value::as_u64);
        let devices = write
            .object
            .pointer("/data/devices")
            .and_then(Value::as_array);
        let (Some(first), Some(devices)) = (first, devices) else {
            return;
        };
        let selection = self.selections.entry((job, round)).or_default();
        for (index, device) in (first..).zip(devices) {
            let text = |field: &str| device[field].as_str().map(str::to_owned);
            let selected = Selected {
                uuid: text("uuid").unwrap_or_default(),
                endpoint: text("endpoint").map(|endpoint| normalised(&endpoint)),
            };
            selection.entry(index).or_insert(selected);
        }
    }

    fn sort(&mut self) {
        for job in self.jobs.values_mut() {
            job.sort();
        }
    }
}
