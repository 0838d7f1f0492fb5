//! The classes: what administrators allow and how much of it is in use, when, and the stop switch. Reads only: orders go to the API.

use std::collections::BTreeMap;

use axum::{extract::Query, response::Response};
use flashjob_operator::{
    api::{FlashClass, Instance},
    cluster::{Scope, clock::now},
    device::Inventory,
    display,
    flashjob::spec::job::Job,
    steer::stop::{InFlight, by_class},
};
use futures::{StreamExt, stream};
use kube::{api::DynamicObject, core::DeserializeGuard};
use serde_json::{Value, json};

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Page, all_jobs, classes, dynamic, flashjob, whole},
    view::{ClassFacts, class, class_order, usage, weeks},
};

/// FlashJobs of one page that is read, and pages that are read.
const JOBS: u32 = 20;
const PAGES: usize = 50;
/// Questions about rights that are asked at the same time.
const AT_ONCE: usize = 8;

/// What is in use, as far as the caller may read it.
struct InUse {
    jobs: Vec<Job>,
    by_class: Option<BTreeMap<String, InFlight>>,
    inventory: Option<Inventory>,
    unseen: Option<String>,
}

/// The page.
pub async fn list(
    caller: Result<Caller, Problem>,
    Query(part): Query<Page>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let answer = caller.ask(classes().list(&part.parameters()?)).await?;
    let mut list = answer.object;
    let items = match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let objects: Vec<DynamicObject> = items.iter().filter_map(|item| dynamic(item).ok()).collect();
    let (in_use, stoppable) = tokio::join!(in_use(&caller), stoppable(&caller, &objects));
    let shown = objects.iter().zip(stoppable);
    let shown: Vec<_> = shown
        .map(|(object, may)| entry(object, may, &in_use))
        .collect();
    let next = list["metadata"]["continue"].as_str();
    html(
        "classes.html",
        &json!({
            "title": "Classes", "classes": shown, "next": next.unwrap_or_default(), "now": display::time(now()),
            "unseen": in_use.unseen,
        }),
    )
}

/// Whether the caller may stop each of these classes.
async fn stoppable(caller: &Caller, classes: &[DynamicObject]) -> Vec<bool> {
    let names = classes.iter().map(|class| class.metadata.name.clone());
    let names: Vec<String> = names.map(Option::unwrap_or_default).collect();
    let asked = names
        .into_iter()
        .map(|name| async move { caller.may_stop(&name).await });
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// A class in words, with what of its limits is in use and what a person may order.
fn entry(object: &DynamicObject, may_stop: bool, in_use: &InUse) -> Value {
    let name = object.metadata.name.clone().unwrap_or_default();
    let in_flight = in_use.by_class.as_ref();
    let in_flight = in_flight.map(|all| all.get(&name).copied().unwrap_or_default());
    let order = may_stop.then(|| class_order(object, in_flight));
    let read = serde_json::to_value(object).and_then(serde_json::from_value::<FlashClass>);
    let (facts, used, week) = match read {
        Ok(known) => (
            class(&known),
            usage(&known, &in_use.jobs, in_use.inventory.as_ref()),
            weeks(&known.spec.windows, now()),
        ),
        // One that this version cannot read is there by its name, and can still be stopped.
        Err(error) => {
            let facts = ClassFacts {
                name,
                refused: Some(display::prose(&error.to_string(), display::PHRASE).into_owned()),
                ..ClassFacts::default()
            };
            (facts, Vec::new(), Vec::new())
        }
    };
    json!({"facts": facts, "usage": used, "weeks": week, "order": order})
}

/// The jobs of the whole cluster, and the devices in flight.
async fn in_use(caller: &Caller) -> InUse {
    let mut jobs: Vec<Job> = Vec::new();
    let place = all_jobs();
    let read = whole(caller, &place, JOBS, PAGES, |object| {
        jobs.extend(
            flashjob(object)
                .filter(|job| job.status.counts.is_some_and(|counts| counts.in_flight > 0)),
        );
    });
    if let Err(problem) = read.await {
        let words = format!(
            "How much of the limits is in use is not shown: {}",
            problem.detail
        );
        return InUse {
            jobs: Vec::new(),
            by_class: None,
            inventory: None,
            unseen: Some(words),
        };
    }
    let by_class = Some(by_class(jobs.iter()));
    let (inventory, unseen) = if jobs.is_empty() {
        (None, None)
    } else {
        let reader = caller.reader();
        let listed = reader.list::<DeserializeGuard<Instance>>(&Scope::All, "");
        match listed.await {
            Ok(instances) => (Some(Inventory::of(&instances, Vec::new())), None),
            Err(error) => {
                let words =
                    format!("What devices in flight share with others is not shown: {error}");
                (None, Some(words))
            }
        }
    };
    InUse {
        jobs,
        by_class,
        inventory,
        unseen,
    }
}
