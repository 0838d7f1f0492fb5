//! `kubectl flashjob stop`, and `resume` of what it has stopped: suspends classes, all of them in an emergency, and lets them go on.

use std::collections::BTreeMap;

use clap::ArgGroup;
use flashjob_operator::{
    api::{FlashJob, Guarded},
    cli::terminal::{Failure, complain, print},
    cluster::{ApiError, Reader, Scope, Suspension, other_holders},
    flashjob::spec::job::Job,
    names::SUSPEND_MANAGER,
};
use kube::core::DynamicObject;

use crate::command_line::{Common, Exit, PROGRAM};

/// Options of `stop`.
#[derive(clap::Args, Debug)]
#[command(
    group = ArgGroup::new("meant").args(["all", "classes"]).required(true),
    after_help = "Examples:\n  \
    kubectl flashjob stop --all\n  \
    kubectl flashjob stop --class esp32 --class linux-boards\n  \
    kubectl flashjob stop --all --dry-run\n\n\
    Nothing new of any FlashJob of these classes starts; flashes that are under way end. One FlashJob alone is stopped by suspend.\n\n\
    Rights: list and patch flashclasses, which the ClusterRole flashclass-admin gives; to say how many devices are in flight, list \
    flashjobs in the whole cluster.\n\n\
    Exit codes: 0 all of them are suspended, 1 at least one is not or something failed, 2 wrong usage."
)]
pub struct Stop {
    #[command(flatten)]
    which: Which,
}

/// Which classes, and how.
#[derive(clap::Args, Debug)]
pub struct Which {
    /// Every FlashClass.
    #[arg(long, help_heading = "Stop switch")]
    all: bool,

    /// FlashClass of this name; may be given several times.
    #[arg(long = "class", value_name = "NAME", help_heading = "Stop switch")]
    classes: Vec<String>,

    /// Ask the API server whether it would do it, and change nothing.
    #[arg(long, help_heading = "Stop switch")]
    dry_run: bool,
}

impl Stop {
    /// Suspends the classes.
    ///
    /// # Errors
    /// When the classes cannot be read. A class that cannot be suspended does not keep the others from it.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        self.which.order(common, Suspension::Stop).await
    }
}

impl Which {
    /// Carries out an order about these classes.
    ///
    /// # Errors
    /// When the classes cannot be read. A class for which it fails does not keep the others from it.
    pub async fn order(&self, common: &Common, suspension: Suspension) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let (classes, missing) = chosen(cluster.flash_classes().await?, self);
        if classes.is_empty() && missing.is_empty() {
            print("there is no FlashClass: without one nothing starts\n")?;
            return Ok(Exit::Done);
        }
        let ordered = cluster.suspend_classes(&classes, suspension, self.dry_run);
        let answers = ordered.await;
        let in_flight = match suspension {
            // Counted after the order was given: it does not wait for that.
            Suspension::Stop => in_flight(&cluster.reader).await,
            Suspension::Release | Suspension::Overrule => Ok(BTreeMap::new()),
        };
        let mut done = missing.is_empty();
        for (class, answer) in classes.iter().zip(&answers) {
            done &= self.tell(class, answer, suspension, in_flight.as_ref().ok())?;
        }
        for name in &missing {
            complain(&format!(
                "flashclass/{name} does not exist; list those that do with: kubectl get flashclasses"
            ));
        }
        if let Err(error) = in_flight {
            complain(&format!(
                "what is in flight, and ends, is not known: {error}"
            ));
        }
        Ok(if done { Exit::Done } else { Exit::Failed })
    }

    /// Says what became of a class. Returns whether it is what was ordered.
    fn tell(
        &self,
        class: &DynamicObject,
        answer: &Result<DynamicObject, ApiError>,
        suspension: Suspension,
        in_flight: Option<&BTreeMap<String, InFlight>>,
    ) -> Result<bool, Failure> {
        let name = class.metadata.name.as_deref().unwrap_or_default();
        let now = match answer {
            Ok(now) => now,
            Err(error) => {
                complain(&format!("flashclass/{name} failed: {error}"));
                return Ok(false);
            }
        };
        let mut line = format!("flashclass/{name} {}", outcome(class, now, suspension));
        if let (Suspension::Stop, Some(in_flight)) = (suspension, in_flight) {
            line += &ends(in_flight.get(name).copied().unwrap_or_default());
        }
        let dry = if self.dry_run { " (dry run)" } else { "" };
        print(&format!("{line}{dry}\n"))?;
        Ok(is_suspended(now) == (suspension == Suspension::Stop))
    }
}

/// The classes that are meant, and the names of which there is none.
fn chosen(classes: Vec<DynamicObject>, which: &Which) -> (Vec<DynamicObject>, Vec<String>) {
    if which.all {
        return (classes, Vec::new());
    }
    let is = |class: &DynamicObject, name: &String| class.metadata.name.as_ref() == Some(name);
    let names = which.classes.iter();
    let missing = names.filter(|name| !classes.iter().any(|class| is(class, name)));
    let missing = missing.cloned().collect();
    let meant = classes
        .into_iter()
        .filter(|class| which.classes.iter().any(|name| is(class, name)));
    (meant.collect(), missing)
}

fn is_suspended(class: &DynamicObject) -> bool {
    class.data["spec"]["suspend"] == true
}

/// What became of a class.
fn outcome(before: &DynamicObject, now: &DynamicObject, suspension: Suspension) -> String {
    let name = now.metadata.name.as_deref().unwrap_or_default();
    let by = |managers: Vec<&str>| match managers.as_slice() {
        [] => "somebody".to_owned(),
        some => some.join(" and "),
    };
    let overruled = || {
        let managers = other_holders(before, SUSPEND_MANAGER);
        if managers.is_empty() {
            String::new()
        } else {
            format!(", against {}, which may set it again", by(managers))
        }
    };
    match (suspension, is_suspended(before), is_suspended(now)) {
        (Suspension::Stop, true, true) => "was suspended already".into(),
        (Suspension::Stop, false, true) => format!("suspended{}", overruled()),
        (Suspension::Stop, _, false) => "is not suspended: something took it back at once".into(),
        (Suspension::Release | Suspension::Overrule, false, false) => "was not suspended".into(),
        (Suspension::Release, true, false) => "resumed".into(),
        (Suspension::Overrule, true, false) => format!("resumed{}", overruled()),
        (Suspension::Release | Suspension::Overrule, _, true) => format!(
            "stays suspended by {}; let it go on with: {PROGRAM} resume --class {name} --force",
            by(other_holders(now, SUSPEND_MANAGER))
        ),
    }
}

/// FlashJobs with devices in flight, and how many those are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InFlight {
    jobs: usize,
    devices: i64,
}

fn ends(in_flight: InFlight) -> String {
    let InFlight { jobs, devices } = in_flight;
    match devices {
        0 => "; nothing of it is in flight".into(),
        _ => format!("; {devices} devices of {jobs} FlashJobs are in flight and end by themselves"),
    }
}

/// What is in flight, by class: that of the round.
async fn in_flight(reader: &Reader) -> Result<BTreeMap<String, InFlight>, ApiError> {
    let listed = reader.list::<Guarded<FlashJob>>(&Scope::All, "");
    let jobs = listed.await?;
    Ok(by_class(jobs.iter().filter_map(Job::parse)))
}

fn by_class(jobs: impl Iterator<Item = Job>) -> BTreeMap<String, InFlight> {
    let mut found: BTreeMap<String, InFlight> = BTreeMap::new();
    for job in jobs {
        let devices = job.status.counts.map_or(0, |counts| counts.in_flight);
        let stamped = job.status.flash_class.filter(|_| devices > 0);
        if let Some(class) = stamped {
            let of_class = found.entry(class.name).or_default();
            of_class.jobs += 1;
            of_class.devices += devices;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn class(suspend: &Value, managers: &[&str]) -> DynamicObject {
        let managers: Vec<Value> = managers
            .iter()
            .map(|manager| {
                json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:suspend": {}}}})
            })
            .collect();
        let other = json!({"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:windows": {}}}});
        let all = [managers, vec![other]].concat();
        serde_json::from_value(json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass",
            "metadata": {"name": "esp32", "managedFields": all},
            "spec": {"suspend": suspend},
        }))
        .unwrap()
    }

    #[rstest]
    #[case::stopped(Suspension::Stop, class(&Value::Null, &[]), class(&json!(true), &[SUSPEND_MANAGER]), "suspended")]
    #[case::stopped_already(Suspension::Stop, class(&json!(true), &["kubectl"]), class(&json!(true), &["kubectl"]), "was suspended already")]
    #[case::against_others(Suspension::Stop, class(&json!(false), &["flux"]), class(&json!(true), &[SUSPEND_MANAGER]),
        "suspended, against flux, which may set it again")]
    #[case::resumed(Suspension::Release, class(&json!(true), &[SUSPEND_MANAGER]), class(&Value::Null, &[]), "resumed")]
    #[case::not_suspended(Suspension::Release, class(&Value::Null, &[]), class(&Value::Null, &[]), "was not suspended")]
    #[case::by_others(Suspension::Release, class(&json!(true), &[SUSPEND_MANAGER, "kubectl-patch"]), class(&json!(true), &["kubectl-patch"]),
        "stays suspended by kubectl-patch; let it go on with: kubectl flashjob resume --class esp32 --force")]
    #[case::overruled(Suspension::Overrule, class(&json!(true), &["kubectl-patch"]), class(&json!(false), &[SUSPEND_MANAGER]),
        "resumed, against kubectl-patch, which may set it again")]
    fn what_is_said_of_a_class(
        #[case] suspension: Suspension,
        #[case] before: DynamicObject,
        #[case] now: DynamicObject,
        #[case] words: &str,
    ) {
        assert_eq!(outcome(&before, &now, suspension), words);
    }

    #[test]
    fn what_is_in_flight_is_counted_by_the_class_of_the_round() {
        let job = |name: &str, class: &str, in_flight: i64| {
            let guard: Guarded<FlashJob> = serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": "lab", "uid": name, "resourceVersion": "1"},
                "spec": {"uuid": ["a"], "firmware": "f:1", "version": "1", "flashClassName": "another"},
                "status": {"flashClass": {"name": class, "uid": "u", "generation": 1}, "counts": {"inFlight": in_flight}},
            }))
            .unwrap();
            Job::parse(&guard).unwrap()
        };
        let jobs = vec![
            job("a", "esp32", 3),
            job("b", "esp32", 2),
            job("c", "esp32", 0),
            job("d", "linux", 1),
        ];
        let found = by_class(jobs.into_iter());
        let counts = |jobs, devices| InFlight { jobs, devices };
        assert_eq!(found["esp32"], counts(2, 5));
        assert_eq!(found["linux"], counts(1, 1));
        assert_eq!(
            ends(found["esp32"]),
            "; 5 devices of 2 FlashJobs are in flight and end by themselves"
        );
        assert_eq!(ends(InFlight::default()), "; nothing of it is in flight");
    }

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        stop: Stop,
    }

    #[rstest]
    #[case::all(&["--all"], true)]
    #[case::one(&["--class", "esp32"], true)]
    #[case::several(&["--class", "esp32", "--class", "linux", "--dry-run"], true)]
    #[case::none(&[], false)]
    #[case::both(&["--all", "--class", "esp32"], false)]
    #[case::a_job(&["my-job"], false)]
    fn all_classes_or_some_have_to_be_named(#[case] arguments: &[&str], #[case] understood: bool) {
        let line = [&["stop"], arguments].concat();
        assert_eq!(Line::try_parse_from(line).is_ok(), understood);
    }

    #[test]
    fn a_name_that_no_class_has_is_missing() {
        let line = ["stop", "--class", "esp32", "--class", "linux"];
        let which = Line::try_parse_from(line).unwrap().stop.which;
        let (meant, missing) = chosen(vec![class(&Value::Null, &[])], &which);
        assert_eq!((meant.len(), missing), (1, vec!["linux".to_owned()]));
    }
}
