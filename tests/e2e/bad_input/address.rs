//! The address that a device was told is its own until its flash has ended: a device goes on dialling it, and whoever else gets it
//! is dialled in its place.

use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PropagationPolicy};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    PATIENCE, Stage, device_of,
    hands::{in_flight_by, sent_once},
    healthy, says,
};
use testbed::{Params, fleet::AddressKind};

/// Who takes the Service of a running flash away.
#[derive(Clone, Copy, Debug)]
enum Hand {
    /// `kubectl delete service`
    Kubectl,
    /// `helm uninstall`
    Helm,
    /// `kubectl delete flashjob --cascade=foreground`, as Argo CD does
    Cascade,
}

impl Hand {
    async fn deletes(self, stage: &Stage, uuid: &str, service: &str) {
        match self {
            Self::Kubectl => {
                let services = stage.api("v1", "Service");
                let background = DeleteParams::background();
                services.delete(service, &background).await.unwrap();
            }
            Self::Helm => {
                stage.space.helm(&["uninstall", &format!("flash-{uuid}")]);
            }
            Self::Cascade => {
                let foreground = DeleteParams {
                    propagation_policy: Some(PropagationPolicy::Foreground),
                    ..DeleteParams::default()
                };
                stage.jobs().delete("job", &foreground).await.unwrap();
            }
        }
    }
}

/// The only Service: its name and its address.
async fn served(stage: &Stage) -> (String, Value) {
    let services = stage.api("v1", "Service");
    let mut all = services.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(all.len(), 1, "{all:#?}");
    let service = all.remove(0);
    let ingress = service.data["status"]["loadBalancer"]["ingress"][0].clone();
    (service.metadata.name.unwrap(), ingress)
}

#[rstest]
#[tokio::test]
async fn whoever_deletes_the_service_of_a_flash_its_address_is_kept_until_the_verdict(
    #[values(Hand::Kubectl, Hand::Helm, Hand::Cascade)] hand: Hand,
    #[values("native", "helm")] engine: &str,
) {
    let name = format!("address-{engine}-{hand:?}").to_lowercase();
    let (stage, uuid, _) = in_flight_by(engine, &name, 8.0).await;
    let (service, address) = served(&stage).await;
    assert!(address["ip"].is_string(), "{address}");
    hand.deletes(&stage, &uuid, &service).await;
    let services = stage.api("v1", "Service");
    let leaving = stage
        .space
        .eventually("deletion of the Service", PATIENCE, async || {
            let found = services.get_opt(&service).await.ok()?;
            let found = found.expect("it is held as long as the flash runs");
            found.metadata.deletion_timestamp.is_some().then_some(found)
        })
        .await;
    assert_eq!(
        leaving.data["status"]["loadBalancer"]["ingress"][0],
        address
    );
    if let Hand::Cascade = hand {
        stage.nothing_left().await;
        let journal = stage.fleet.journal();
        let sent = Some(testbed::Outcome::Sent);
        assert_eq!((journal.len(), journal[0].outcome), (1, sent));
    } else {
        sent_once(&stage, &uuid).await;
    }
    assert_eq!(
        stage.births("services"),
        1,
        "what a person deleted is not made again"
    );
}

#[tokio::test]
async fn the_next_device_does_not_get_an_address_that_a_running_flash_was_told() {
    let stage = Stage::healthy("address-next", 2, 120.0, &[]).await;
    let uuids = stage.fleet.uuids();
    let told = |pod: &str| {
        let query = "-o=jsonpath={.spec.containers[0].env[?(@.name==\"EXTERNAL_IP\")].value}";
        stage.space.kubectl(&["get", "pod", pod, query])
    };
    stage.flash("job", &uuids[..1], Value::Null).await;
    let first = stage.flashing(&uuids[0]).await;
    let (service, address) = served(&stage).await;
    assert_eq!(told(&first), address["ip"]);
    Hand::Kubectl.deletes(&stage, &uuids[0], &service).await;
    stage.flash("next", &uuids[1..], Value::Null).await;
    let second = stage.flashing(&uuids[1]).await;
    // The pool gives out the lowest address that is free.
    assert_ne!(told(&second), address["ip"]);
    assert_eq!(told(&first), address["ip"], "it still runs");
}

#[tokio::test]
async fn a_service_whose_finalizer_was_stripped_is_held_again_while_its_flash_runs() {
    let (stage, uuid, _) = in_flight_by("native", "address-strip", 8.0).await;
    let (service, _) = served(&stage).await;
    let services = stage.api("v1", "Service");
    let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let parameters = PatchParams::default();
    services.patch(&service, &parameters, &bare).await.unwrap();
    stage
        .space
        .eventually("finalizer of the Service", PATIENCE, async || {
            let found = services.get(&service).await.ok()?;
            let finalizers = found.metadata.finalizers?;
            (finalizers == ["flashjob.nbfc.io/tracking"]).then_some(())
        })
        .await;
    sent_once(&stage, &uuid).await;
}

/// Patches the addresses of a Service, as a load balancer does.
async fn give(stage: &Stage, service: &str, ips: &[&str]) {
    let ingress: Vec<Value> = ips
        .iter()
        .map(|ip| json!({"ip": ip, "ipMode": "VIP"}))
        .collect();
    let status = Patch::Merge(json!({"status": {"loadBalancer": {"ingress": ingress}}}));
    let services = stage.api("v1", "Service");
    let parameters = PatchParams::default();
    let given = services.patch_status(service, &parameters, &status).await;
    given.unwrap();
}

/// Waits for a warning of this reason; its words, and how often it was told.
async fn warned(stage: &Stage, reason: &str) -> (String, usize) {
    let events = stage.api("events.k8s.io/v1", "Event");
    stage
        .space
        .eventually(&format!("event {reason}"), PATIENCE, async || {
            let all = events.list(&ListParams::default()).await.ok()?.items;
            let of = |event: &&DynamicObject| {
                event.data["reason"] == reason && event.data["type"] == "Warning"
            };
            let told: Vec<_> = all.iter().filter(of).collect();
            let note = told.first()?.data["note"].as_str()?.to_owned();
            let again =
                |event: &&DynamicObject| event.data["series"]["count"].as_u64().unwrap_or(1);
            let times = told.iter().map(again).sum::<u64>();
            Some((note, usize::try_from(times).ok()?))
        })
        .await
}

#[tokio::test]
async fn a_service_that_is_deleted_under_a_running_flash_is_told_once_and_explained() {
    let (stage, uuid, _) = in_flight_by("native", "address-told", 8.0).await;
    let (service, _) = served(&stage).await;
    Hand::Kubectl.deletes(&stage, &uuid, &service).await;
    let told = stage
        .stands("job", &uuid, "Flashing", "ServiceDeleted")
        .await;
    says(&told, &[&service, "until the flash has ended"]);
    let explained = std::process::Command::new(testbed::plugin())
        .env("KUBECONFIG", stage.space.control_plane.kubeconfig("admin"))
        .args(["explain", "job", &uuid, "-n", &stage.space.name])
        .output()
        .unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    for word in ["ServiceDeleted", "kubectl describe services"] {
        assert!(explained.contains(word), "no {word} in:\n{explained}");
    }
    sent_once(&stage, &uuid).await;
    let (note, times) = warned(&stage, "ServiceDeleted").await;
    assert!(note.contains(&uuid), "{note}");
    assert_eq!(times, 1, "once a transition: {note}");
}

#[tokio::test]
async fn a_running_flash_whose_service_gets_another_address_says_so_once() {
    let params = Params {
        never_ends_share: 1.0,
        ..healthy(1, 1.0)
    };
    let stage = Stage::new("address-moves", params, &["--cool-down-seconds=0"]).await;
    let uuid = stage.fleet.uuids().remove(0);
    let spec = json!({"activeDeadlineSecondsPerDevice": 30});
    stage.flash("job", std::slice::from_ref(&uuid), spec).await;
    stage.stands("job", &uuid, "Flashing", "Flashing").await;
    let (service, address) = served(&stage).await;
    let old = address["ip"].as_str().unwrap();
    give(&stage, &service, &["203.0.113.9"]).await;
    let (note, times) = warned(&stage, "AddressLost").await;
    for word in [&uuid, &service, old, "203.0.113.9"] {
        assert!(note.contains(word), "{note}");
    }
    assert_eq!(times, 1, "{note}");
    let status = stage.finished("job").await;
    let device = device_of(&status, &uuid).unwrap();
    assert_eq!(device["reason"], "DeadlineExceeded", "{device:#}");
    says(&device, &["cannot dial in any more", "203.0.113.9"]);
}

#[tokio::test]
async fn an_address_that_a_flash_loses_is_told_though_it_ends_before_a_status_may_say_so() {
    let params = Params {
        never_ends_share: 1.0,
        ..healthy(1, 1.0)
    };
    let arguments = ["--cool-down-seconds=0"];
    let mut stage = Stage::new("address-overtaken", params, &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    let spec = json!({"activeDeadlineSecondsPerDevice": 20});
    stage.flash("job", std::slice::from_ref(&uuid), spec).await;
    stage.stands("job", &uuid, "Flashing", "Flashing").await;
    let (service, _) = served(&stage).await;
    stage.operator.kill();
    give(&stage, &service, &["203.0.113.9"]).await;
    let ended = ["get", "pods", "-o=jsonpath={.items[*].status.phase}"];
    stage
        .space
        .eventually("end of the Pod", PATIENCE, async || {
            (stage.space.kubectl(&ended) == "Failed").then_some(())
        })
        .await;
    let user = stage.space.control_plane.operator_kubeconfig();
    stage.operator = stage.space.operator_again(user, "operator", &arguments);
    let (note, times) = warned(&stage, "AddressLost").await;
    assert!(
        note.contains(&uuid) && note.contains("203.0.113.9"),
        "{note}"
    );
    assert_eq!(times, 1, "{note}");
    let status = stage.finished("job").await;
    let device = device_of(&status, &uuid).unwrap();
    assert_eq!(device["reason"], "DeadlineExceeded", "{device:#}");
    says(&device, &["cannot dial in any more", "203.0.113.9"]);
}

#[tokio::test]
async fn of_two_services_with_one_address_the_second_waits_and_names_the_first() {
    let params = Params {
        address_kind: AddressKind::Never,
        ..healthy(2, 6.0)
    };
    let stage = Stage::new("address-twice", params, &["--cool-down-seconds=0"]).await;
    let uuids = stage.fleet.uuids();
    stage.flash("first", &uuids[..1], Value::Null).await;
    stage
        .stands("first", &uuids[0], "AwaitingAddress", "AddressPending")
        .await;
    let (one, _) = served(&stage).await;
    give(&stage, &one, &["203.0.113.5"]).await;
    stage.flashing(&uuids[0]).await;
    stage.flash("second", &uuids[1..], Value::Null).await;
    stage
        .stands("second", &uuids[1], "AwaitingAddress", "AddressPending")
        .await;
    let services = stage.api("v1", "Service");
    let all = services.list(&ListParams::default()).await.unwrap().items;
    let names = all.into_iter().filter_map(|service| service.metadata.name);
    let two = names.into_iter().find(|name| *name != one).unwrap();
    give(&stage, &two, &["203.0.113.5"]).await;
    let waits = stage
        .stands("second", &uuids[1], "Reserved", "AddressInUse")
        .await;
    says(&waits, &["203.0.113.5", &uuids[0], "first"]);
    for job in ["first", "second"] {
        let status = stage.finished(job).await;
        assert_eq!(status["counts"]["succeeded"], 1, "{status:#}");
    }
    let journal = stage.fleet.journal();
    assert_eq!(journal.len(), 2, "{journal:#?}");
    assert!(journal[0].end.unwrap() <= journal[1].start, "{journal:#?}");
}

#[rstest]
#[tokio::test]
async fn a_release_that_is_uninstalled_before_its_pod_begins_anew_and_loses_no_attempt(
    #[values("native", "helm")] engine: &str,
) {
    let params = Params {
        address_delay_seconds: 12.0,
        ..healthy(1, 0.5)
    };
    let arguments = ["--retry-base-seconds=1", "--engine", engine];
    let stage = Stage::new(&format!("uninstalled-{engine}"), params, &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    stage
        .stands("job", &uuid, "AwaitingAddress", "AddressPending")
        .await;
    stage.space.helm(&["uninstall", &format!("flash-{uuid}")]);
    let (note, _) = warned(&stage, "Uninstalled").await;
    assert!(note.contains("no attempt is lost"), "{note}");
    let status = stage.finished("job").await;
    let device = device_of(&status, &uuid).unwrap();
    assert_eq!(device["reason"], "FirmwareSent", "{device:#}");
    assert_eq!((stage.flashes(&uuid), &device["attempts"]), (1, &json!(1)));
    stage.delete("job").await;
    stage.nothing_left().await;
}
