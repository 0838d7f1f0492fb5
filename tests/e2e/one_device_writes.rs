//! What a FlashJob of one device costs the API server: each write of the operator, in order, and no more than these.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use testbed::{Space, audit::line::Line, job::job, seconds};

/// The operator, to the API server.
const USER: &str = "system:serviceaccount:flashjob-system:flashjob-operator";
/// Phases of a device on its way to its verdict: how many statuses say them depends on how long that takes.
const ON_ITS_WAY: [&str; 3] = ["Reserved", "AwaitingAddress", "Flashing"];

/// A write that was carried out.
struct Write {
    verb: String,
    /// Plural of the kind with its subresource.
    resource: String,
    received: Timestamp,
    answered: Timestamp,
    /// Phase of the device in the status that was written, or the reason of the event.
    said: String,
}

/// The operator's writes in a namespace since the log was that long, but those of its Lease; the first line is the job's own creation.
fn writes(log: &Path, since: u64, namespace: &str) -> Vec<Write> {
    let mut file = File::open(log).unwrap();
    file.seek(SeekFrom::Start(since)).unwrap();
    let lines = BufReader::new(file).lines().map(Result::unwrap);
    let writes = lines.filter_map(|line| {
        let line: Line<Value> = serde_json::from_str(&line).ok()?;
        let reads = ["get", "list", "watch"].contains(&line.verb.as_str());
        let resource = line.object_ref.resource();
        let creates = line.verb != "delete" && resource == "flashjobs";
        let counts = line.user.username == USER && resource != "leases" || creates;
        let done = line.is_answer() && line.response_status.code < 300;
        let here = line.object_ref.namespace == namespace;
        let said = ["/status/devices/0/phase", "/reason"].map(|at| line.request_object.pointer(at));
        let said = said.into_iter().flatten().find_map(Value::as_str);
        (done && here && counts && !reads).then(|| Write {
            said: said.unwrap_or_default().to_owned(),
            verb: line.verb,
            resource,
            received: line.request_received_timestamp,
            answered: line.stage_timestamp,
        })
    });
    let mut writes: Vec<Write> = writes.collect();
    writes.sort_by_key(|write| write.received);
    writes
}

fn print(writes: &[Write]) {
    let begun = writes[0].received;
    let milliseconds = |time: Timestamp, since: Timestamp| time.duration_since(since).as_millis();
    println!("    ms  took  what");
    for write in writes {
        let (at, took) = (
            milliseconds(write.received, begun),
            milliseconds(write.answered, write.received),
        );
        let Write {
            verb,
            resource,
            said,
            ..
        } = write;
        println!("{at:>6} {took:>5}  {verb} {resource} {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_one_device_costs_these_writes_and_no_more() {
    let space = Space::new("one-device-writes").await;
    let fleet = space.healthy(1, 0.3).await;
    let operator = space.operator(&["--engine", "native"]);
    space
        .eventually("an operator that leads", seconds(60), async || {
            operator
                .log()
                .contains("the cache was built from lists")
                .then_some(())
        })
        .await;
    let log = space.control_plane.audit_log();
    let since = std::fs::metadata(&log).unwrap().len();
    space.apply(&job("one", &fleet.uuids(), &json!({})).to_string());
    let done = "--for=condition=Complete";
    space.kubectl(&["wait", done, "flashjob/one", "--timeout=90s"]);
    space
        .eventually("the last of its writes", seconds(60), async || {
            let events = space.kubectl(&["get", "events", "-o", "jsonpath={.items[*].reason}"]);
            let told = ["RoundStarted", "Complete"]
                .iter()
                .all(|reason| events.split(' ').any(|word| word == *reason));
            (told && space.is_at_rest()).then_some(())
        })
        .await;

    let all = writes(&log, since, &space.name);
    print(&all);
    let (creation, writes) = all.split_first().unwrap();
    assert_eq!(creation.resource, "flashjobs");
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let on_its_way = |write: &&Write| !ON_ITS_WAY.contains(&write.said.as_str());
    for write in writes.iter().filter(on_its_way) {
        let Write {
            verb,
            resource,
            said,
            ..
        } = write;
        *counted
            .entry(format!("{verb} {resource} {said}").trim_end().to_owned())
            .or_default() += 1;
    }
    let expected = [
        // The job.
        "patch flashjobs",
        "create controllerrevisions",
        "update flashjobs/status",
        "create events RoundStarted",
        "update flashjobs/status Verifying",
        "update flashjobs/status Succeeded",
        "create events Complete",
        // The device.
        "create secrets",
        "patch services",
        "create pods",
        "update secrets",
        "delete pods",
        "patch pods",
        "delete services",
        "delete secrets",
    ];
    let mut once: BTreeMap<String, usize> = expected.map(|write| (write.to_owned(), 1)).into();
    // It is applied, and its finalizer is taken off.
    once.insert("patch services".to_owned(), 2);
    assert_eq!(counted, once);
    // Of one that is on its way, no status says what the one before said.
    let said: Vec<&str> = writes
        .iter()
        .filter(|write| write.resource == "flashjobs/status")
        .map(|write| write.said.as_str())
        .collect();
    assert!(said.windows(2).all(|pair| pair[0] != pair[1]), "{said:?}");
}
