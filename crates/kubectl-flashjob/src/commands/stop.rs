//! `kubectl flashjob stop`, and `resume` of what it has stopped: suspends classes, all of them in an emergency, and lets them go on.

use std::collections::BTreeMap;

use clap::ArgGroup;
use flashjob_operator::{
    api::{FlashJob, Guarded},
    cli::terminal::{Failure, complain, print},
    cluster::{ApiError, Reader, Scope, Suspension},
    flashjob::spec::job::Job,
    steer::stop::{InFlight, by_class, is_suspended, outcome},
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
        let mut line = format!("flashclass/{name} {}", said(class, now, suspension));
        if let (Suspension::Stop, Some(in_flight)) = (suspension, in_flight) {
            let of_class = in_flight.get(name).copied().unwrap_or_default();
            line += "; ";
            line += &of_class.ends();
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

/// What became of a class, and what helps where it is not what was ordered.
fn said(before: &DynamicObject, now: &DynamicObject, suspension: Suspension) -> String {
    let name = now.metadata.name.as_deref().unwrap_or_default();
    match (outcome(before, now, suspension), suspension) {
        (Ok(words), _) | (Err(words), Suspension::Stop) => words,
        (Err(words), Suspension::Release | Suspension::Overrule) => {
            format!("{words}; let it go on with: {PROGRAM} resume --class {name} --force")
        }
    }
}

/// What is in flight, by class: that of the round.
async fn in_flight(reader: &Reader) -> Result<BTreeMap<String, InFlight>, ApiError> {
    let listed = reader.list::<Guarded<FlashJob>>(&Scope::All, "");
    let jobs = listed.await?;
    Ok(by_class(jobs.iter().filter_map(Job::parse)))
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

    #[test]
    fn a_class_that_others_keep_suspended_goes_on_by_force() {
        let stopped = class(&json!(true), &["kubectl-patch"]);
        let words = said(&stopped, &stopped, Suspension::Release);
        let expected = "stays suspended by kubectl-patch; let it go on with: kubectl flashjob resume --class esp32 --force";
        assert_eq!(words, expected);
        let resumed = class(&Value::Null, &[]);
        assert_eq!(said(&stopped, &resumed, Suspension::Release), "resumed");
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
