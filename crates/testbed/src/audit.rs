//! The API server's audit log: who wrote what, and how often each Pod was born.

pub mod line;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;
use serde::de::IgnoredAny;

use self::line::Line;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Verb of the API: `create`, `patch`, `delete`…
    pub verb: String,
    /// Who asked.
    pub user: String,
    /// Status code of the answer.
    pub code: i64,
    /// Path and query.
    pub uri: String,
    /// Why it was refused, in the API server's words.
    pub message: String,
    /// Whether the asker's rights did not allow it; a quota or a policy may refuse what they do allow.
    pub lacked_right: bool,
    /// API group; empty for the core's.
    pub group: String,
    /// Plural of the kind, with its subresource: `pods/status`.
    pub resource: String,
    /// Namespace; empty for none.
    pub namespace: String,
    /// Name; empty for none.
    pub name: String,
    /// Id of the token with which it was asked: tells processes of one ServiceAccount apart. Empty for none.
    pub credential: String,
    /// When it arrived.
    pub received: Timestamp,
    /// When it was answered.
    pub answered: Timestamp,
}

impl Request {
    /// Reads one line of the log; none where it is not the answer to a request.
    pub fn parse(line: &str) -> Option<Self> {
        let line: Line<IgnoredAny> = serde_json::from_str(line).ok()?;
        if !line.is_answer() {
            return None;
        }
        let decision = line.annotations.get("authorization.k8s.io/decision");
        Some(Self {
            credential: line.credential(),
            received: line.request_received_timestamp,
            answered: line.stage_timestamp,
            user: line.user.username,
            code: line.response_status.code,
            uri: line.request_uri,
            message: line.response_status.message,
            lacked_right: decision.is_some_and(|decision| decision == "forbid"),
            resource: line.object_ref.resource(),
            group: line.object_ref.api_group,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            verb: line.verb,
        })
    }

    /// Whether it changes something, or would.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch") && !self.uri.contains("dryRun=All")
    }

    /// Whether it put a Pod on a node.
    fn is_binding(&self) -> bool {
        self.code == 201 && self.resource == "pods/binding"
    }

    /// Whether it was carried out, or may have been: a request whose asker was killed meanwhile is answered with a time-out,
    /// whatever became of it.
    fn may_be_done(&self) -> bool {
        self.code < 300 || self.code >= 500
    }

    /// Whether it brought an object into the world; a server-side apply that does so is a patch.
    pub fn is_birth(&self) -> bool {
        self.code == 201 && matches!(self.verb.as_str(), "create" | "patch") && self.is_write()
    }
}

/// The requests so far, in the order of their answers.
#[derive(Debug, Clone, Default)]
pub struct Audit(pub Arc<Vec<Request>>);

/// An audit log that is still being written: what was read of it is not read again. All tests of a run share one log, and they
/// ask it again and again.
#[derive(Debug, Default)]
pub struct Tail {
    read: u64,
    known: Audit,
}

impl Tail {
    /// Everything up to now; a line that is being written is left for the next time.
    pub fn read_on(&mut self, path: &Path) -> Audit {
        let opened = File::open(path).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.read))?;
            Ok(BufReader::new(log))
        });
        let mut log = opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let requests = Arc::make_mut(&mut self.known.0);
        let mut line = String::new();
        while log.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            self.read += line.len() as u64;
            requests.extend(Request::parse(&line));
            line.clear();
        }
        self.known.clone()
    }
}

impl Audit {
    /// How often each Pod of the namespace was born. Names of Pods are unique to an attempt: any number but one is an error.
    ///
    /// A create whose asker was killed meanwhile is answered with a time-out, though it may have been carried out: such a birth
    /// shows in the Pod's binding to a node, of which every Pod has one.
    pub fn pod_births(&self, namespace: &str) -> BTreeMap<String, usize> {
        let mut births: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for request in self
            .0
            .iter()
            .filter(|request| request.namespace == namespace)
        {
            if request.resource == "pods" && request.is_birth() {
                births.entry(request.name.clone()).or_default().0 += 1;
            } else if request.is_binding() {
                births.entry(request.name.clone()).or_default().1 += 1;
            }
        }
        births
            .into_iter()
            .map(|(pod, (answered, bound))| (pod, answered.max(bound)))
            .collect()
    }

    /// When the birth of each Pod of the namespace was asked for, or, where that is not known, when it was put on a node.
    pub fn pod_birth_times(&self, namespace: &str) -> BTreeMap<String, Timestamp> {
        let mut births = BTreeMap::new();
        let of = |request: &&Request| {
            let birth = request.resource == "pods" && request.is_birth();
            request.namespace == namespace && (birth || request.is_binding())
        };
        for request in self.0.iter().filter(of) {
            let first = births
                .entry(request.name.clone())
                .or_insert(request.received);
            *first = request.received.min(*first);
        }
        births
    }

    /// Pods born per device: keys are the UUIDs of `flash-<uuid>-<attempt>`.
    pub fn flashes(&self, namespace: &str) -> BTreeMap<String, usize> {
        let mut flashes = BTreeMap::new();
        for (pod, births) in self.pod_births(namespace) {
            let uuid = pod
                .strip_prefix("flash-")
                .and_then(|rest| rest.get(..36))
                .unwrap_or(&pod)
                .to_owned();
            *flashes.entry(uuid).or_default() += births;
        }
        flashes
    }

    /// Writes of a user in a namespace that were answered with success: how many of each verb and resource.
    pub fn writes(&self, user: &str, namespace: &str) -> BTreeMap<(String, String), usize> {
        let mut writes = BTreeMap::new();
        let of = |request: &&Request| request.user == user && request.namespace == namespace;
        for request in self
            .0
            .iter()
            .filter(of)
            .filter(|request| request.is_write() && request.code < 300)
        {
            *writes
                .entry((request.verb.clone(), request.resource.clone()))
                .or_default() += 1;
        }
        writes
    }

    /// The most objects of a kind (its plural) that were alive in a namespace at the same time. An object lives from the answer to
    /// its birth to the arrival of the first delete that was, or may have been, carried out: a lower bound, since a watch tells of
    /// its end before that delete is answered, and finalizers may keep it longer.
    pub fn peak(&self, resource: &str, namespace: &str) -> usize {
        let mut lives: BTreeMap<&str, (Option<Timestamp>, Option<Timestamp>)> = BTreeMap::new();
        let of = |request: &&Request| request.namespace == namespace && request.is_write();
        let first = |known: &mut Option<Timestamp>, time: Timestamp| {
            *known = Some(known.map_or(time, |known| known.min(time)));
        };
        for request in self.0.iter().filter(of) {
            let bound = resource == "pods" && request.is_binding();
            if request.resource != resource && !bound {
                continue;
            }
            let (birth, end) = lives.entry(&request.name).or_default();
            if bound || request.is_birth() {
                first(birth, request.answered);
            } else if request.verb == "delete" && request.may_be_done() {
                first(end, request.received);
            }
        }
        let mut changes = Vec::new();
        for (birth, end) in lives.into_values() {
            let Some(birth) = birth else { continue };
            if end.is_none_or(|end| end > birth) {
                changes.push((birth, true));
                changes.extend(end.map(|end| (end, false)));
            }
        }
        changes.sort_unstable();
        let mut alive = 0_usize;
        let counts = changes.into_iter().map(|(_, begins)| {
            alive = if begins { alive + 1 } else { alive - 1 };
            alive
        });
        counts.max().unwrap_or(0)
    }

    /// Deletes of which nobody knows whether they were carried out, because their asker was killed meanwhile.
    pub fn cut_off_deletes(&self, namespace: &str) -> usize {
        let of = |request: &&Request| request.namespace == namespace && request.verb == "delete";
        self.0
            .iter()
            .filter(of)
            .filter(|request| request.code >= 500)
            .count()
    }

    /// Successful writes of the process that asks with this token, in a namespace, except those of the leader election and events.
    pub fn written_with<'a>(
        &'a self,
        credential: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Request> {
        self.0.iter().filter(move |request| {
            request.credential == credential
                && request.namespace == namespace
                && request.is_write()
                && request.code < 300
                && !matches!(request.resource.as_str(), "leases" | "events")
        })
    }

    /// When the status of this object was written.
    pub fn status_writes(&self, resource: &str, namespace: &str, name: &str) -> Vec<Timestamp> {
        let resource = format!("{resource}/status");
        let of = |request: &&Request| {
            request.resource == resource
                && request.namespace == namespace
                && request.name == name
                && request.code < 300
        };
        self.0
            .iter()
            .filter(of)
            .filter(|request| request.is_write())
            .map(|request| request.answered)
            .collect()
    }

    /// Requests of a user that its rights did not allow.
    pub fn forbidden(&self, user: &str) -> Vec<&Request> {
        self.0
            .iter()
            .filter(|request| request.user == user && request.code == 403)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(verb: &str, name: &str, code: i64) -> Request {
        Request {
            verb: verb.into(),
            user: String::new(),
            code,
            uri: String::new(),
            message: String::new(),
            lacked_right: false,
            group: String::new(),
            resource: "services".into(),
            namespace: "lab".into(),
            name: name.into(),
            credential: String::new(),
            received: Timestamp::UNIX_EPOCH,
            answered: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_log_that_grows_is_read_on_from_where_it_ended_and_a_line_in_the_making_is_left() {
        let line = |name: &str| {
            format!(
                r#"{{"stage":"ResponseComplete","verb":"create","requestURI":"","user":{{}},"objectRef":{{"name":"{name}"}},"requestReceivedTimestamp":"2026-01-01T00:00:00Z","stageTimestamp":"2026-01-01T00:00:01Z"}}"#
            )
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::default();
        let mut read = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            let audit = tail.read_on(file.path());
            let names = audit.0.iter().map(|request| request.name.clone());
            names.collect::<Vec<_>>().join(" ")
        };
        let (a, b) = (line("a"), line("b"));
        assert_eq!(read(""), "");
        assert_eq!(read(&format!("{a}\n{}", &b[..9])), "a");
        assert_eq!(read(&format!("{a}\n{b}\n")), "a b");
    }

    #[test]
    fn a_delete_whose_asker_was_killed_may_have_been_carried_out_and_one_that_was_refused_was_not()
    {
        let of = |code| {
            let requests = [
                ("create", "a", 201),
                ("delete", "a", code),
                ("create", "b", 201),
            ];
            let requests = requests.map(|(verb, name, code)| request(verb, name, code));
            let mut requests = requests.to_vec();
            for (second, request) in (0..).zip(&mut requests) {
                request.received = Timestamp::from_second(2 * second).unwrap();
                request.answered = Timestamp::from_second(2 * second + 1).unwrap();
            }
            Audit(Arc::new(requests)).peak("services", "lab")
        };
        assert_eq!([of(200), of(504), of(409)], [1, 1, 2]);
    }

    #[test]
    fn who_begins_because_another_has_ended_is_no_second_though_its_answer_is_logged_first() {
        let of = |second: i64| Timestamp::from_second(second).unwrap();
        let at = |verb, name, code, (received, answered)| {
            let mut request = request(verb, name, code);
            (request.received, request.answered) = (of(received), of(answered));
            request
        };
        let peak = |born: i64| {
            let requests = [
                at("create", "a", 201, (0, 1)),
                at("create", "b", 201, (born, born + 1)),
                at("delete", "a", 200, (4, 9)),
            ];
            Audit(Arc::new(requests.into())).peak("services", "lab")
        };
        assert_eq!((peak(5), peak(1)), (1, 2));
    }
}
