//! What happened, by the audit log: which flash Pods, Services, selections and FlashJobs there were, and when what became of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Terms,
    job::Job,
    leftover::{Leftovers, stays},
    pod::Pod,
    work::Work,
    write::Write,
};

/// Label of every object of an attempt: uid of its FlashJob.
pub const LABEL_JOB_UID: &str = "flashjob.nbfc.io/job-uid";
/// On a Service of a pool: its name.
pub const LABEL_POOL: &str = "flashjob.nbfc.io/pool";
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
    /// Who made it.
    pub creator: String,
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
    /// What the operator made, or asked for with an unclear outcome.
    pub made: Vec<Work>,
    /// Namespaces in which the operator has its Lease: it keeps its key there.
    pub homes: BTreeSet<String>,
    /// Who created a Pod, by its uid.
    pub(super) creators: HashMap<String, String>,
    /// Creates of Pods of which it is not known whether they were carried out.
    pub(super) unclear_creates: HashMap<(String, String), UnclearCreate>,
}

/// A create of a Pod whose outcome is not known.
#[derive(Debug)]
pub struct UnclearCreate {
    /// When.
    pub moment: Moment,
    /// Who asked for it.
    pub user: String,
    /// What was asked for.
    pub object: Value,
}

impl History {
    /// What happened in these namespaces, and what the operator made in any, by the log from this byte on. A line that is being
    /// written is left out.
    pub fn read(log: &Path, since: u64, namespaces: &[&str], terms: &Terms) -> Self {
        let mut file = File::open(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        file.seek(SeekFrom::Start(since)).unwrap();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut history = Self::default();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 0 {
            // Most lines of a shared control plane are of other tests: parsing them all would take long.
            let of_operator = |id: &String| line.contains(id.as_str());
            if namespaces.iter().any(|name| line.contains(*name))
                || terms.credential.as_ref().is_some_and(of_operator)
            {
                history.take(&line, namespaces, terms);
            }
            line.clear();
        }
        history.settle(terms);
        history
    }

    /// The same of lines, for tests.
    pub fn of_lines(lines: &[String], namespaces: &[&str], terms: &Terms) -> Self {
        let mut history = Self::default();
        for line in lines {
            history.take(line, namespaces, terms);
        }
        history.settle(terms);
        history
    }

    /// Takes in what is left at the end.
    pub fn see_last(&mut self, left: &Leftovers) {
        for object in &left.jobs {
            let job = object["metadata"]["uid"]
                .as_str()
                .and_then(|uid| self.jobs.get_mut(uid));
            if let Some(job) = job {
                job.see_last(object, Timestamp::now());
            }
        }
    }

    fn take(&mut self, line: &str, namespaces: &[&str], terms: &Terms) {
        let Some(write) = Write::parse(line) else {
            return;
        };
        let is_here = namespaces.contains(&write.namespace.as_str());
        let of_operator = match &terms.credential {
            Some(credential) => write.credential == *credential,
            None => is_here,
        };
        if of_operator && write.is_of_operator() {
            self.see_work(&write);
        }
        if !is_here {
            return;
        }
        match write.resource.as_str() {
            "pods" | "pods/status" | "pods/binding" => self.see_pod(&write),
            "services" => self.see_service(&write),
            "flashjobs" | "flashjobs/status" => self.see_job(&write),
            // What somebody copied or altered selects nothing.
            "controllerrevisions" if !terms.is_stranger(&write.user) => self.see_selection(&write),
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
                let leases = format!("{} for ", write.name);
                let all = self.services.iter_mut();
                let of_name = all.filter(|((namespace, name), _)| {
                    *namespace == key.0 && (*name == key.1 || name.starts_with(&leases))
                });
                for (_, service) in of_name {
                    service.deleted.get_or_insert_with(|| write.moment.clone());
                }
            }
            _ if write.label(LABEL_POOL).is_some() && !write.unclear => self.see_lease(write),
            _ if write.birth && !write.unclear => {
                let labels = (write.label(LABEL_JOB_UID), write.label(LABEL_ATTEMPT));
                if let (Some(job), Some(attempt)) = labels {
                    let born = write.moment.clone();
                    let service = Service {
                        job,
                        attempt,
                        creator: write.user.clone(),
                        born,
                        deleted: None,
                    };
                    self.services.entry(key).or_insert(service);
                }
            }
            _ => {}
        }
    }

    /// A Service of a pool is that of the attempt that it names, from the lease until it is held no longer.
    fn see_lease(&mut self, write: &Write) {
        let labels = (write.label(LABEL_JOB_UID), write.label(LABEL_ATTEMPT));
        let (Some(job), Some(attempt)) = labels else {
            return;
        };
        let key = (
            write.namespace.clone(),
            format!("{} for {attempt}", write.name),
        );
        if stays(&write.object) {
            if let Some(service) = self.services.get_mut(&key) {
                service.deleted.get_or_insert_with(|| write.moment.clone());
            }
            return;
        }
        let service = Service {
            job,
            attempt,
            creator: write.user.clone(),
            born: write.moment.clone(),
            deleted: None,
        };
        self.services.entry(key).or_insert(service);
    }

    fn see_job(&mut self, write: &Write) {
        if write.unclear {
            return;
        }
        if let Some(uid) = write.text("/metadata/uid") {
            self.jobs.entry(uid).or_default().see(write);
        }
    }

    fn see_work(&mut self, write: &Write) {
        if write.resource == "leases" {
            self.homes.insert(write.namespace.clone());
        } else if write.birth {
            self.made.push(Work::of(write));
        }
    }

    fn see_selection(&mut self, write: &Write) {
        if write.verb.starts_with("delete") {
            return;
        }
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

    /// Once everything was read: objects that strangers made are not flashes, and what was stored is put in order.
    fn settle(&mut self, terms: &Terms) {
        let by_stranger = |creator: &Option<String>| {
            let creator = creator.as_deref();
            creator.is_some_and(|user| terms.is_stranger(user))
        };
        self.pods.retain(|_, pod| !by_stranger(&pod.creator));
        self.services
            .retain(|_, service| !terms.is_stranger(&service.creator));
        for job in self.jobs.values_mut() {
            job.sort();
        }
    }
}
