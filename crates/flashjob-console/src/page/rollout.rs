//! The page of a new rollout: devices are filtered and picked, the job is planned, then created. Reads only: the plan and the job are asked
//! of the API, by a script.

use std::net::Ipv4Addr;

use axum::{
    extract::{Path, Query},
    response::Response,
};
use flashjob_operator::{
    api::{DeviceSelector, FlashClass, FlashJob, Guarded, Instance},
    cli::fleet::{DeviceRow, Filter, rows},
    cluster::{ApiError, ErrorKind, Reader, Scope},
    device::{Inventory, Selector},
    display,
    flashjob::spec::job::Job,
};
use kube::core::DeserializeGuard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::Namespaced,
    view::{have, words},
};

/// Most devices that are shown to pick from.
const MOST: usize = 500;
/// Most classes that are offered.
const CLASSES: usize = 100;

/// Which devices are shown. A form sends what was not filled in as an empty text.
#[derive(Deserialize, Serialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Shown {
    device: String,
    application: String,
    version: String,
    configuration: String,
    property: String,
    q: String,
    everywhere: String,
}

/// The devices that a filter means.
#[derive(Default)]
struct Found {
    devices: Vec<DeviceRow>,
    /// The filter as a job's selector has it.
    selector: Option<DeviceSelector>,
    /// What is wrong with the filter.
    fault: Option<String>,
    /// Why no device is shown, or not all.
    unseen: Vec<String>,
}

/// The page.
pub async fn page(
    caller: Result<Caller, Problem>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(shown): Query<Shown>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let namespace = namespace.as_str();
    let reader = caller.reader();
    let (may_create, found, classes) = tokio::join!(
        caller.allowed("create", namespace, ""),
        found(&reader, caller.own_addresses(), namespace, &shown),
        classes(&reader)
    );
    let may_create = may_create?;
    let Found {
        devices,
        selector,
        fault,
        unseen,
    } = found?;
    let usable = devices.iter().filter(|row| row.problem.is_none());
    let usable: Vec<_> = usable.collect();
    let cells: Vec<Value> = usable.iter().take(MOST).map(|row| cell(row)).collect();
    // A job's selector cannot search for text.
    let selector = selector.filter(|_| shown.q.trim().is_empty());
    html(
        "rollout.html",
        &json!({
            "title": format!("New rollout in {namespace}"), "namespace": namespace, "shown": shown, "mayCreate": may_create,
            "devices": cells, "matching": usable.len(), "unfit": devices.len() - usable.len(), "most": MOST, "fault": fault,
            "unseen": unseen, "selector": selector.map(|selector| json!(selector).to_string()), "classes": classes,
        }),
    )
}

/// What a row shows of a device.
fn cell(row: &DeviceRow) -> Value {
    let text = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        display::line(text, display::LINE).into_owned()
    };
    let busy = row.busy.as_ref();
    json!({
        "uuid": row.uuid, "endpoint": text(&row.endpoint), "device": text(&row.device), "application": text(&row.application),
        "version": text(&row.version), "instance": row.instance, "busy": busy.map(|busy| &busy.job),
    })
}

/// The devices that are meant, as far as the caller may list them.
async fn found(
    reader: &Reader,
    own_addresses: Vec<Ipv4Addr>,
    namespace: &str,
    shown: &Shown,
) -> Result<Found, Problem> {
    let (selector, parsed) = match selector(shown) {
        Ok(parsed) => parsed,
        Err(fault) => {
            return Ok(Found {
                fault: Some(fault),
                ..Found::default()
            });
        }
    };
    let everywhere = !shown.everywhere.is_empty();
    let own = Scope::Namespaces([namespace.to_owned()].into());
    let scope = if everywhere { Scope::All } else { own };
    let (listed, jobs) = tokio::join!(
        reader.list::<DeserializeGuard<Instance>>(&scope, ""),
        reader.list::<Guarded<FlashJob>>(&scope, "")
    );
    let mut unseen = Vec::new();
    let instances = match listed {
        Ok(listed) => listed,
        Err(error) => {
            unseen.push(why(&error, everywhere, namespace)?);
            Vec::new()
        }
    };
    let jobs = jobs.unwrap_or_else(|error| {
        unseen.push(format!("Which devices are busy is not known: {error}"));
        Vec::new()
    });
    let jobs: Vec<Job> = jobs.iter().filter_map(Job::parse).collect();
    let inventory = Inventory::of(&instances, own_addresses);
    let mut devices = rows((&instances, &inventory), &jobs, parsed.as_ref(), &[]);
    let words = words(&shown.q);
    devices.retain(|row| has(row, &words));
    Ok(Found {
        devices,
        selector,
        fault: None,
        unseen,
    })
}

/// Whether each of these words, in small letters, is in one of a device's texts.
fn has(row: &DeviceRow, words: &[String]) -> bool {
    let told = [&row.endpoint, &row.device, &row.application, &row.version];
    let told = told.into_iter().flatten().map(String::as_str);
    have(told.chain([row.uuid.as_str(), &row.instance]), words)
}

/// Why Instances are not shown.
///
/// # Errors
/// When the API server was not reached, or does not know the caller.
fn why(error: &ApiError, everywhere: bool, namespace: &str) -> Result<String, Problem> {
    let place = if everywhere {
        "in the whole cluster".to_owned()
    } else {
        format!("in namespace {namespace}")
    };
    match error.kind {
        ErrorKind::NotFound => Ok("The cluster has no Akri: no device is discovered.".to_owned()),
        ErrorKind::Forbidden => Ok(format!(
            "You may not list instances.akri.sh {place}: no device is shown. You can name devices by their UUIDs."
        )),
        _ => Err(Problem::bad_gateway(error.to_string())),
    }
}

/// The filter as a job's selector has it; none where there is none.
fn selector(shown: &Shown) -> Result<(Option<DeviceSelector>, Option<Selector>), String> {
    let said = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut properties = Vec::new();
    if let Some(property) = said(&shown.property) {
        let (key, value) = property
            .split_once('=')
            .ok_or("Property: write it as KEY=VALUE, such as FLOOR=3")?;
        properties.push((key.to_owned(), value.to_owned()));
    }
    let filter = Filter {
        device: said(&shown.device),
        application: said(&shown.application),
        configurations: said(&shown.configuration).into_iter().collect(),
        properties,
        version: said(&shown.version),
    };
    let Some(selector) = filter.selector() else {
        return Ok((None, None));
    };
    let parsed = Selector::parse(&selector).map_err(|error| error.to_string())?;
    Ok((Some(selector), Some(parsed)))
}

/// Names of the classes, where the caller may list them.
async fn classes(reader: &Reader) -> Vec<String> {
    let listed = reader.list_all::<Guarded<FlashClass>>().await;
    let listed = listed.unwrap_or_default().into_iter();
    let name = |guard: Guarded<FlashClass>| guard.0.ok()?.metadata.name;
    listed.filter_map(name).take(CLASSES).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn row(uuid: &str, version: &str) -> DeviceRow {
        let row = json!({
            "HOST_ENDPOINT": "192.0.2.7", "DEVICE": "esp32s3", "APPLICATION_TYPE": "thermo", "VERSION": version,
        });
        let instances = [serde_json::from_value(json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": "Lamp-1", "namespace": "demo", "uid": uuid},
            "spec": {"configurationName": "lamps", "nodes": [], "brokerProperties": row},
        }))
        .unwrap()];
        let inventory = Inventory::of(&instances, []);
        rows((&instances, &inventory), &[], None, &[]).remove(0)
    }

    #[rstest]
    #[case::nothing(&[], true)]
    #[case::a_part_of_the_name(&["lamp"], true)]
    #[case::two_words_in_two_texts(&["esp32", "1.2"], true)]
    #[case::one_word_that_it_has_not(&["esp32", "oven"], false)]
    fn a_device_is_found_by_all_words(#[case] words: &[&str], #[case] expected: bool) {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        assert_eq!(has(&row("u-1", "1.2.0"), &words), expected);
    }

    #[rstest]
    #[case::no_property("FLOOR", "", "KEY=VALUE")]
    #[case::no_range("", "seven", "seven")]
    fn a_filter_that_cannot_be_read_is_said(
        #[case] property: &str,
        #[case] version: &str,
        #[case] words: &str,
    ) {
        let shown = Shown {
            property: property.into(),
            version: version.into(),
            ..Shown::default()
        };
        let fault = selector(&shown).unwrap_err();
        assert!(fault.contains(words), "{fault}");
    }

    #[test]
    fn a_filter_is_a_selector_and_none_is_none() {
        assert_eq!(selector(&Shown::default()).unwrap(), (None, None));
        let shown = Shown {
            device: " esp32s3 ".into(),
            version: "<1.2.0".into(),
            ..Shown::default()
        };
        let (selector, _) = selector(&shown).unwrap();
        let expected = json!({
            "matchProperties": {"DEVICE": "esp32s3"},
            "matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": ["<1.2.0"]}],
        });
        assert_eq!(json!(selector), expected);
    }
}
