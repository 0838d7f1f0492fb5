mod gates;
mod kept;
mod waiting;

use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::flashjob::{
    observe::wait_queue::PATIENCE,
    plan::limits::capacity::{Full, Places},
};
use crate::{
    api::{LimitBy, Reason},
    device::{Footprint, select},
    flashclass::{Limit, Terms},
    flashjob::{
        controller::remember::remember,
        fixtures::{
            Scene, address, at, classes, endpoint, instance_with, job_of, record, running, service,
            spec, take_in, uuid,
        },
        observe::{
            cache::Cache,
            objects::{AttemptKey, Identity},
            selection::Selection,
        },
        plan::Plan,
        spec::job::Job,
        status,
    },
    identifiers::Uuid,
};
use helm_release::Status;

/// A device of the lab: its gateway, where it shows one, and the nodes that see it.
type Place = (Option<&'static str>, &'static [&'static str]);

/// Jobs that share a cluster: each has its own devices and class; ledger, line and inventory are of all.
struct Lab {
    cache: Cache,
    scenes: Vec<Scene>,
    begun: usize,
    now: i64,
}

fn instance(index: usize, (gateway, nodes): Place) -> crate::api::Instance {
    let mut properties =
        json!({"HOST_ENDPOINT": endpoint(index), "DEVICE": "esp32s3", "VERSION": "0.1.0"});
    if let Some(gateway) = gateway {
        properties["GATEWAY"] = json!(gateway);
    }
    let mut instance = instance_with(uuid(index).as_str(), &properties);
    instance.spec.nodes = nodes.iter().map(ToString::to_string).collect();
    instance
}

fn terms(class: &str, limits: &Value) -> Terms {
    let classes =
        classes(&[json!({"metadata": {"name": class}, "spec": {"inFlightLimits": limits}})]);
    let class = Arc::clone(classes.get(class).unwrap());
    class.rules.as_ref().unwrap();
    Terms {
        classes: vec![class],
        namespaces: vec![None],
        ..Terms::default()
    }
}

fn by_gateway(max: usize) -> Value {
    json!([{"by": "Property", "property": "GATEWAY", "max": max}])
}

fn by_node(max: usize) -> Value {
    json!([{"by": "Node", "max": max}])
}

impl Lab {
    fn new() -> Self {
        let mut cache = Cache::default();
        cache.akri_installed = true;
        Self {
            cache,
            scenes: Vec::new(),
            begun: 0,
            now: 100,
        }
    }

    /// A job of its own class, with devices at these places. Returns its number.
    fn job(&mut self, limits: &Value, parallelism: i32, places: &[Place]) -> usize {
        let number = self.scenes.len();
        let first = self
            .scenes
            .iter()
            .map(|scene| scene.roster.as_ref().unwrap().devices().len());
        let first: usize = first.sum();
        for (index, place) in places.iter().enumerate() {
            self.cache.inventory.apply(&instance(first + index, *place));
        }
        let uuids: Vec<Uuid> = (first..first + places.len()).map(uuid).collect();
        let mut wanted = spec(0);
        wanted["uuid"] = json!(uuids);
        wanted["parallelism"] = json!(parallelism);
        let mut scene = Scene::of(&wanted);
        let mut object = job_of(&wanted, None).to_object();
        object.metadata.uid = Some(format!("job-{number}"));
        object.metadata.name = Some(format!("lamps-{number}"));
        let fresh = Job::of_answer(object.clone()).unwrap();
        let roster = Selection::new(1, select(&uuids, &self.cache.inventory));
        let effective = crate::flashjob::fixtures::effective_of(&fresh);
        object.status = Some(status::open_round(
            &fresh,
            &roster,
            "hash",
            effective,
            at(0),
        ));
        scene.job = Job::of_answer(object).unwrap();
        scene.roster = Some(roster);
        scene.terms = terms(&format!("class-{number}"), limits);
        self.scenes.push(scene);
        number
    }

    fn limit(&mut self, job: usize, limits: &Value) {
        self.scenes[job].terms = terms(&format!("class-{job}"), limits);
    }

    /// Brings the scene up to what all jobs share.
    fn plan(&mut self, job: usize) -> Plan {
        let scene = &mut self.scenes[job];
        std::mem::swap(&mut scene.ledger, &mut self.cache.ledger);
        std::mem::swap(&mut scene.inventory, &mut self.cache.inventory);
        scene.line = self.cache.line.clone();
        let plan = scene.plan(self.now);
        std::mem::swap(&mut scene.ledger, &mut self.cache.ledger);
        std::mem::swap(&mut scene.inventory, &mut self.cache.inventory);
        remember(&mut self.cache, &scene.job, &plan, at(self.now));
        plan
    }

    /// A pass: what may begin is launched at once. Returns the UUIDs.
    fn pass(&mut self, job: usize) -> Vec<Uuid> {
        let plan = self.plan(job);
        for (key, ..) in &plan.release {
            self.cache.ledger.see_gone(&format!("record/{}", key.id));
        }
        for begin in &plan.begin {
            self.begun += 1;
            let identity = Identity {
                key: AttemptKey {
                    job_uid: format!("job-{job}").into(),
                    id: format!("a{}", self.begun).into(),
                },
                uuid: begin.uuid.clone(),
                endpoint: Some(begin.device.endpoint.to_string()),
                footprint: Some(Arc::new(begin.shared.clone())),
                ..crate::flashjob::fixtures::identity(0, "")
            };
            self.cache.ledger.begin_action(&identity);
        }
        plan.begin.into_iter().map(|begin| begin.uuid).collect()
    }

    /// Every step becomes a Pod that runs.
    fn launch(&mut self) {
        let steps: Vec<Identity> = self
            .cache
            .ledger
            .all()
            .filter(|(_, attempt)| attempt.acting)
            .map(|(_, attempt)| attempt.identity.clone())
            .collect();
        for who in steps {
            take_in(
                &mut self.cache.ledger,
                Some(record(&who, Status::Deployed, true)),
                Some(service(&who, address())),
                Some(running(&who)),
            );
            self.cache.ledger.end_action(&who.key);
        }
    }

    fn in_flight(&self) -> Vec<Uuid> {
        let mut uuids: Vec<Uuid> = self
            .cache
            .ledger
            .in_flight()
            .map(|attempt| attempt.identity.uuid.clone())
            .collect();
        uuids.sort();
        uuids
    }

    /// A device ended and succeeded: nothing is left of it.
    fn end(&mut self, uuid: &Uuid) {
        let found = self
            .cache
            .ledger
            .all()
            .find(|(_, attempt)| attempt.identity.uuid == *uuid);
        let (key, attempt) = found
            .map(|(key, attempt)| (key.clone(), attempt.clone()))
            .unwrap();
        let records = attempt
            .records
            .values()
            .map(|record| record.sight.uid.clone());
        let service = attempt.service.map(|service| service.sight.uid);
        let pod = attempt.pod.map(|pod| pod.sight.uid);
        for uid in records.chain(service).chain(pod) {
            self.cache.ledger.see_gone(&uid);
        }
        self.cache.ledger.end_action(&key);
        let job = self
            .scenes
            .iter_mut()
            .find(|scene| scene.job.uid == key.job_uid)
            .unwrap();
        let index = job.roster.as_ref().unwrap().index_of(uuid).unwrap();
        job.job.finals.succeeded.insert(index);
    }
}

fn uuids(indexes: &[usize]) -> Vec<Uuid> {
    indexes.iter().copied().map(uuid).collect()
}

const A: Place = (Some("gw-a"), &["n1"]);
const B: Place = (Some("gw-b"), &["n2"]);
const NONE: Place = (None, &[]);
const BLANK: Place = (Some(" "), &[]);
const N1_N2: Place = (None, &["n1", "n2"]);
const N2_N3: Place = (None, &["n2", "n3"]);
const N3: Place = (None, &["n3"]);

#[rstest]
#[case::one_gateway(by_gateway(2), &[A, A, A, A], &[0, 1])]
#[case::nobody_is_held_up_by_the_device_before(by_gateway(1), &[A, A, A, B, B], &[0, 3])]
#[case::those_without_one_share_a_group(by_gateway(1), &[NONE, NONE, A], &[0, 2])]
#[case::an_empty_value_is_none(by_gateway(1), &[BLANK, NONE], &[0])]
#[case::on_each_of_its_nodes(by_node(1), &[N1_N2, N2_N3, N3], &[0, 2])]
#[case::seen_by_no_node(by_node(1), &[NONE, NONE], &[0])]
#[case::the_configuration_of_all(json!([{"by": "Configuration", "max": 3}]), &[A, B, A, B], &[0, 1, 2])]
#[case::every_limit_counts(json!([{"by": "Node", "max": 5}, {"by": "Property", "property": "GATEWAY", "max": 1}]), &[A, A, B], &[0, 2])]
#[case::no_limit(json!([]), &[A, A, A], &[0, 1, 2])]
fn the_choice_of_one_pass_counts_at_once(
    #[case] limits: Value,
    #[case] places: &[Place],
    #[case] begin: &[usize],
) {
    let mut lab = Lab::new();
    let job = lab.job(&limits, 10, places);
    assert_eq!(lab.pass(job), uuids(begin));
    assert!(lab.pass(job).is_empty(), "they count from then on");
}

#[test]
fn devices_of_all_jobs_count_and_each_class_bounds_what_its_own_jobs_start() {
    let mut lab = Lab::new();
    let wide = lab.job(&by_gateway(3), 10, &[A, A, B]);
    let strict = lab.job(&by_gateway(2), 10, &[A, A]);
    let open = lab.job(&json!([]), 10, &[A, A]);
    assert_eq!(lab.pass(wide), uuids(&[0, 1, 2]));
    assert!(lab.pass(strict).is_empty());
    assert_eq!(lab.pass(open).len(), 2, "no limit of its own");
    lab.end(&uuid(0));
    lab.end(&uuid(5));
    assert!(lab.pass(strict).is_empty(), "two of others are left");
    lab.end(&uuid(6));
    assert_eq!(lab.pass(strict), uuids(&[3]));
}

#[test]
fn a_device_in_flight_counts_where_it_was_when_it_began_whatever_became_of_its_instances() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(1), 10, &[A, A, B]);
    assert_eq!(lab.pass(job), uuids(&[0, 2]));
    lab.launch();
    lab.cache.inventory.delete(&uuid(0));
    assert!(
        lab.pass(job).is_empty(),
        "its Instance is gone, its flash is not"
    );
    lab.cache.inventory.apply(&instance(0, B));
    assert!(
        lab.pass(job).is_empty(),
        "found elsewhere, it is still counted"
    );
    lab.end(&uuid(0));
    assert_eq!(lab.pass(job), uuids(&[1]));
}

#[test]
fn a_device_with_several_instances_counts_on_what_each_of_them_shows() {
    let mut lab = Lab::new();
    let job = lab.job(&by_node(1), 10, &[A, B, A]);
    let mut other = instance(0, B);
    other.metadata.uid = Some("of-another-node".into());
    lab.cache.inventory.apply(&other);
    assert_eq!(lab.pass(job), uuids(&[0]), "n1 and n2 are both in use");
    let attempt = lab.cache.ledger.in_flight().next().unwrap();
    let nodes = &attempt.identity.footprint.as_ref().unwrap().nodes;
    assert_eq!(nodes.iter().collect::<Vec<_>>(), ["n1", "n2"]);
}

#[test]
fn an_attempt_of_which_nothing_is_known_counts_on_everything() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(2), 10, &[A, A, A]);
    let unknown = Identity {
        key: AttemptKey {
            job_uid: "gone".into(),
            id: "x".into(),
        },
        footprint: None,
        ..crate::flashjob::fixtures::identity(90, "x")
    };
    lab.cache.ledger.see_pod(running(&unknown));
    assert_eq!(lab.pass(job), uuids(&[0]));
    let said = lab.plan(job).pace.crowd.unwrap();
    assert!(
        said.message.contains("1 of them counted on everything"),
        "{said:?}"
    );
}

#[test]
fn a_limit_that_is_lowered_stops_nothing_and_lets_nothing_start_until_there_is_room() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(3), 10, &[A, A, A, A]);
    lab.pass(job);
    lab.launch();
    lab.limit(job, &by_gateway(1));
    let plan = lab.plan(job);
    assert!(plan.release.is_empty() && plan.begin.is_empty(), "{plan:?}");
    lab.end(&uuid(0));
    lab.end(&uuid(1));
    assert!(lab.pass(job).is_empty());
    lab.end(&uuid(2));
    assert_eq!(lab.pass(job), uuids(&[3]));
}

#[test]
fn of_those_that_are_not_launched_a_lowered_limit_gives_the_last_ones_up_without_a_try_lost() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(3), 10, &[A, A, A]);
    lab.pass(job);
    let reserved: Vec<Identity> = lab
        .cache
        .ledger
        .in_flight()
        .map(|attempt| attempt.identity.clone())
        .collect();
    for who in &reserved {
        let pod = (who.uuid == uuid(2)).then(|| running(who));
        let status = if pod.is_some() {
            Status::Deployed
        } else {
            Status::PendingInstall
        };
        let records = Some(record(who, status, pod.is_some()));
        take_in(
            &mut lab.cache.ledger,
            records,
            Some(service(who, address())),
            pod,
        );
        lab.cache.ledger.end_action(&who.key);
    }
    lab.limit(job, &by_gateway(2));
    let plan = lab.plan(job);
    let given_up: Vec<_> = plan
        .release
        .iter()
        .map(|(_, index, waiting)| (*index, waiting.reason, waiting.tries, waiting.until))
        .collect();
    let now = at(lab.now);
    assert_eq!(
        given_up,
        [(Some(1), Reason::GroupFull, 0, now)],
        "the one in flight and the first of the others stay"
    );
}

#[test]
fn a_device_that_is_found_at_another_gateway_before_its_pod_begins_anew() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(1), 10, &[A, B]);
    lab.pass(job);
    let who = lab
        .cache
        .ledger
        .in_flight()
        .next()
        .unwrap()
        .identity
        .clone();
    take_in(
        &mut lab.cache.ledger,
        Some(record(&who, Status::PendingInstall, false)),
        Some(service(&who, address())),
        None,
    );
    lab.cache.ledger.end_action(&who.key);
    lab.cache.inventory.apply(&instance(0, (Some(""), &["n1"])));
    assert!(
        lab.plan(job).release.is_empty(),
        "an empty property is no news"
    );
    lab.cache
        .inventory
        .apply(&instance(0, (Some("gw-c"), &["n1"])));
    let plan = lab.plan(job);
    let [(_, Some(0), waiting)] = plan.release.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(waiting.reason, Reason::GroupFull);
    assert!(
        waiting.message.contains("is now with GATEWAY=gw-c"),
        "{waiting:?}"
    );
}

#[test]
fn a_job_that_only_limits_keep_from_starting_says_so_and_thousands_are_summarised() {
    let mut lab = Lab::new();
    let places: Vec<Place> = (0..200)
        .map(|index| if index % 2 == 0 { A } else { B })
        .collect();
    let job = lab.job(&by_gateway(2), 10, &places);
    lab.pass(job);
    let plan = lab.plan(job);
    let listed = plan
        .views
        .iter()
        .filter(|view| view.reason == Reason::GroupFull);
    assert_eq!((listed.count(), plan.queued), (6, 190));
    let crowd = plan.pace.crowd.as_ref().unwrap();
    assert_eq!(
        crowd.message,
        "98 wait: FlashClass class-0 allows at most 2 devices in flight with GATEWAY=gw-a (spec.inFlightLimits, counted over all \
         FlashJobs) and 2 are; the next begins when one of them has ended; 98 wait: FlashClass class-0 allows at most 2 devices \
         in flight with GATEWAY=gw-b (spec.inFlightLimits, counted over all FlashJobs) and 2 are; the next begins when one of \
         them has ended"
    );
    assert_eq!(plan.pace.waits_for().unwrap().reason, Reason::GroupFull);
}

#[test]
fn groups_that_are_not_told_one_by_one_are_counted() {
    const GATEWAYS: [&str; 5] = ["gw-1", "gw-2", "gw-3", "gw-4", "gw-5"];
    let places = |times: usize| -> Vec<Place> {
        let all = GATEWAYS
            .iter()
            .flat_map(|name| vec![(Some(*name), &["n1"][..]); times]);
        all.collect()
    };
    let said = |times: usize| {
        let mut lab = Lab::new();
        let job = lab.job(&by_gateway(1), 10, &places(times));
        assert_eq!(lab.pass(job).len(), GATEWAYS.len());
        lab.plan(job).pace.crowd.map(|crowd| crowd.message)
    };
    assert_eq!(said(1), None, "nobody waits");
    let message = said(2).unwrap();
    assert_eq!(message.matches("1 wait: ").count(), 3, "{message}");
    assert!(
        message.ends_with("; 2 more wait for 2 other groups that are full"),
        "{message}"
    );
    let mut lab = Lab::new();
    let few = lab.job(&by_gateway(1), 10, &places(2)[..6]);
    lab.pass(few);
    let message = lab.plan(few).pace.crowd.unwrap().message;
    assert!(!message.contains("more wait for"), "{message}");
}

#[test]
fn no_more_than_thirty_devices_that_wait_for_limits_are_listed_one_by_one() {
    const GATEWAYS: [&str; 11] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    let all = GATEWAYS.iter();
    let places: Vec<Place> = all
        .flat_map(|name| vec![(Some(*name), &["n1"][..]); 4])
        .collect();
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(1), 40, &places);
    assert_eq!(lab.pass(job).len(), 11);
    let plan = lab.plan(job);
    let listed = plan
        .views
        .iter()
        .filter(|view| view.reason == Reason::GroupFull);
    assert_eq!((listed.count(), plan.queued), (30, 3));
}

#[rstest]
#[case::that_others_of_it_use(2, false)]
#[case::that_it_cannot_use(3, true)]
fn a_job_waits_for_a_limit_only_where_it_has_a_slot(#[case] parallelism: i32, #[case] waits: bool) {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(1), parallelism, &[A, A, B]);
    let plan = lab.plan(job);
    assert_eq!(plan.begin.len(), 2);
    assert_eq!(plan.pace.crowd.is_some(), waits, "{:?}", plan.pace.crowd);
}

#[test]
fn as_many_devices_stand_in_the_line_as_could_begin_at_once() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(1), 2, &[A, A, A, A]);
    assert_eq!(lab.plan(job).line.len(), 2);
}

#[test]
fn a_job_whose_slots_are_all_in_use_does_not_wait_for_a_limit() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(2), 3, &[A, A, A, B, B]);
    assert_eq!(lab.pass(job), uuids(&[0, 1, 3]));
    assert_eq!(lab.plan(job).pace.crowd, None);
}

#[test]
fn a_device_that_needs_two_places_has_them_kept_once_it_has_waited_for_long() {
    let mut lab = Lab::new();
    let both: Place = (None, &["n1", "n2"]);
    let one: Place = (None, &["n1"]);
    let two: Place = (None, &["n2"]);
    let patient = lab.job(&by_node(1), 10, &[both]);
    let quick = lab.job(&by_node(1), 10, &[one, two, one, two, one, two]);
    assert_eq!(lab.pass(quick), uuids(&[1, 2]));
    assert!(lab.pass(patient).is_empty());
    lab.end(&uuid(1));
    assert!(lab.pass(patient).is_empty());
    assert_eq!(
        lab.pass(quick),
        uuids(&[3]),
        "nobody is held up by who cannot begin anyway"
    );
    lab.now += PATIENCE.as_secs();
    lab.end(&uuid(2));
    assert!(lab.pass(quick).is_empty());
    let plan = lab.plan(quick);
    let mut views = plan.views.iter();
    let words = &views
        .find(|view| view.reason == Reason::GroupFull)
        .unwrap()
        .message;
    assert!(
        words.contains("kept for a device of FlashJob lab/lamps-0"),
        "{words}"
    );
    lab.end(&uuid(3));
    assert!(lab.pass(quick).is_empty());
    assert_eq!(lab.pass(patient), uuids(&[0]));
    lab.end(&uuid(0));
    lab.pass(patient);
    assert_eq!(lab.pass(quick), uuids(&[4, 5]));
}

#[test]
fn a_device_under_a_lower_limit_finds_its_place_though_another_class_allows_more() {
    let mut lab = Lab::new();
    let strict = lab.job(&by_gateway(1), 10, &[A]);
    let wide = lab.job(&by_gateway(3), 10, &[A, A, A, A, A]);
    assert_eq!(lab.pass(wide).len(), 3);
    assert!(lab.pass(strict).is_empty());
    lab.now += PATIENCE.as_secs();
    for index in 1..=3 {
        lab.end(&uuid(index));
        assert!(lab.pass(wide).is_empty());
    }
    assert_eq!(lab.pass(strict), uuids(&[0]));
    assert_eq!(lab.pass(wide).len(), 2);
}

#[test]
fn who_leaves_the_line_keeps_no_place_and_the_others_are_told() {
    let mut lab = Lab::new();
    let patient = lab.job(&by_node(1), 10, &[(None, &["n1", "n2"])]);
    let quick = lab.job(
        &by_node(1),
        10,
        &[(None, &["n1"]), (None, &["n2"]), (None, &["n1"])],
    );
    lab.pass(quick);
    lab.pass(patient);
    lab.now += PATIENCE.as_secs();
    lab.end(&uuid(1));
    assert!(lab.pass(quick).is_empty());
    lab.cache.take_freed();
    lab.scenes[patient].edit(|spec| spec.suspend = Some(true));
    lab.pass(patient);
    assert!(lab.cache.take_freed(), "others may begin now");
    assert_eq!(lab.pass(quick), uuids(&[3]));
}

#[test]
fn a_device_that_waits_for_a_slot_meanwhile_keeps_its_turn() {
    let mut lab = Lab::new();
    let job = lab.job(&by_gateway(1), 2, &[A, A, B, B]);
    assert_eq!(lab.pass(job), uuids(&[0, 2]));
    let other = lab.job(&json!([]), 1, &[A]);
    assert_eq!(lab.pass(other).len(), 1);
    lab.end(&uuid(2));
    lab.pass(job);
    let since = lab.cache.line.find(&"job-0".into(), 1).unwrap().since;
    lab.now += 30;
    lab.pass(job);
    assert_eq!(lab.in_flight().len(), 3, "both slots are in use again");
    assert_eq!(
        lab.cache.line.find(&"job-0".into(), 1).unwrap().since,
        since
    );
}

#[rstest]
#[case::nobody(None, "and 2 are; the next begins when one of them has ended")]
#[case::somebody(Some("lab/lamps".to_owned()), "; 2 are, and the next place is kept for a device of FlashJob lab/lamps")]
fn what_is_said_names_the_limit_the_value_and_the_class(
    #[case] kept_for: Option<String>,
    #[case] end: &str,
) {
    let limit = Limit {
        class: "esp32".into(),
        by: LimitBy::Node,
        property: None,
        max: 2,
    };
    let full = Full {
        group: limit.groups(&Footprint::default()).remove(0),
        limit,
        used: 2,
        unknown: 0,
        kept_for,
    };
    let message = full.message();
    let begin =
        "FlashClass esp32 allows at most 2 devices in flight seen by no node (spec.inFlightLimits";
    assert!(
        message.starts_with(begin) && message.contains(end),
        "{message}"
    );
}

/// What happens in a random history.
#[derive(Clone, Debug)]
enum Happening {
    Pass(usize),
    Launch,
    End(usize),
    Limit(usize, usize),
    Vanish(usize),
    Later(i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0_usize..2).prop_map(Happening::Pass),
        1 => Just(Happening::Launch),
        3 => (0_usize..20).prop_map(Happening::End),
        1 => (0_usize..2, 1_usize..4).prop_map(|(job, max)| Happening::Limit(job, max)),
        1 => (0_usize..16).prop_map(Happening::Vanish),
        1 => (0_i64..90).prop_map(Happening::Later),
    ]
}

const PLACES: [Place; 6] = [
    A,
    B,
    NONE,
    (Some("gw-a"), &["n1", "n2"]),
    (Some("gw-b"), &["n1", "n2", "n3"]),
    (None, &["n3"]),
];

fn both(max: usize) -> Value {
    json!([{"by": "Property", "property": "GATEWAY", "max": max}, {"by": "Node", "max": max + 1}, {"by": "Configuration", "max": 5}])
}

impl Lab {
    /// Devices in flight in the fullest group of a limit that a device belongs to, and how many may be.
    fn load(&self, job: usize, uuid: &Uuid) -> Vec<(usize, usize)> {
        let in_flight: Vec<_> = self.cache.ledger.in_flight().collect();
        let own = in_flight
            .iter()
            .find(|attempt| attempt.identity.uuid == *uuid);
        let own = own.unwrap().identity.footprint.clone().unwrap();
        let limits = self.scenes[job].terms.in_flight_limits();
        let loads = limits.flat_map(|limit| {
            let groups = limit.groups(&own);
            let in_flight = &in_flight;
            groups.into_iter().map(move |group| {
                let of_group = in_flight.iter().filter(|attempt| {
                    let footprint = attempt.identity.footprint.as_ref().unwrap();
                    limit.groups(footprint).contains(&group)
                });
                (of_group.count(), limit.max)
            })
        });
        loads.collect()
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Pass(job) => {
                for uuid in self.pass(*job) {
                    for (load, max) in self.load(*job, &uuid) {
                        assert!(
                            load <= max,
                            "{uuid} began as one of {load}, of at most {max}"
                        );
                    }
                }
            }
            Happening::Launch => self.launch(),
            Happening::End(which) => {
                let in_flight = self.in_flight();
                if !in_flight.is_empty() {
                    self.end(&in_flight[which % in_flight.len()].clone());
                }
            }
            Happening::Limit(job, max) => self.limit(*job, &both(*max)),
            Happening::Vanish(index) => {
                self.cache.inventory.delete(&uuid(*index));
                self.cache
                    .inventory
                    .apply(&instance(*index, PLACES[index % PLACES.len()]));
            }
            Happening::Later(seconds) => self.now += seconds,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// No device begins that would be one too many, and in the end every device has had its turn.
    #[test]
    fn no_limit_is_ever_exceeded_and_nobody_waits_for_ever(
        places in prop::collection::vec(0_usize..PLACES.len(), 16),
        history in prop::collection::vec(happening(), 0..80),
    ) {
        let mut lab = Lab::new();
        let places: Vec<Place> = places.into_iter().map(|place| PLACES[place]).collect();
        lab.job(&both(1), 6, &places[..8]);
        lab.job(&both(2), 3, &places[8..]);
        for happening in &history {
            lab.happen(happening);
        }
        for _ in 0..40 {
            lab.now += 5;
            lab.happen(&Happening::Pass(0));
            lab.happen(&Happening::Pass(1));
            lab.happen(&Happening::End(0));
        }
        let done = lab.scenes.iter().map(|scene| scene.job.finals.succeeded.len());
        prop_assert_eq!(done.sum::<usize>(), 16);
    }
}

#[test]
fn places_are_not_counted_where_nothing_is_limited() {
    let places = Places::new([], [None, None]);
    assert_eq!(places.full(&Footprint::default(), None), None);
}
