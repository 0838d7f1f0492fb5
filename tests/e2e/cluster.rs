//! The cluster room against a real API server: lease, fence, preconditions of writes, and what refusals mean.

use std::{sync::Arc, time::Duration};

use flashjob_operator::{
    cluster::{
        Clients, DeleteCondition, Deleted, Election, ErrorKind, Fence, Kinds, LeaseTimes, Lost,
        NotLeader, ObjectKey, Reader, Scope, Writer,
        watch::{self, WatchEvent},
    },
    names,
    telemetry::Metrics,
};
use futures::StreamExt;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Config,
    api::{DynamicObject, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use testbed::{ControlPlane, Space, seconds};

const TIMEOUT: Duration = Duration::from_millis(900);
const TIMES: LeaseTimes = LeaseTimes {
    duration: Duration::from_secs(3),
    renew_deadline: Duration::from_secs(2),
    renew_period: Duration::from_millis(300),
    poll_period: Duration::from_millis(200),
    settle_period: TIMEOUT,
};

async fn clients(space: &Space, fence: &Arc<Fence>, timeout: Duration) -> Clients {
    let kubeconfig = Kubeconfig::read_from(space.control_plane.kubeconfig("admin")).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Clients::new(config, Arc::clone(fence), timeout).unwrap()
}

fn writer(clients: &Clients) -> Writer {
    Writer::new(
        clients.write.clone(),
        Kinds::default(),
        Duration::from_secs(10),
        Metrics::default(),
    )
}

async fn open_writer(space: &Space) -> Writer {
    writer(&clients(space, &Arc::new(Fence::always_open()), seconds(10)).await)
}

fn pod(space: &Space, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": space.name, "name": name, "finalizers": ["example.com/other", names::TRACKING_FINALIZER]},
        "spec": {"restartPolicy": "Never", "schedulerName": "nobody",
                 "containers": [{"name": "c", "image": "registry.example.com/x"}]},
    })
}

struct Candidate {
    election: Election,
    fence: Arc<Fence>,
    writer: Writer,
}

async fn candidate(space: &Space) -> Candidate {
    let fence = Arc::new(Fence::new(TIMES.grace()));
    let clients = clients(space, &fence, TIMEOUT).await;
    let election = Election::new(
        clients.lease.clone(),
        &space.name,
        TIMES,
        TIMEOUT,
        Arc::clone(&fence),
    );
    let writer = writer(&clients);
    Candidate {
        election,
        fence,
        writer,
    }
}

fn is_open(candidate: &Candidate) -> bool {
    candidate
        .fence
        .is_held(flashjob_operator::cluster::clock::boot_time())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leader_at_a_time_and_the_next_one_after_a_kill_or_a_release() {
    let space = Space::new("lease").await;
    let (one, two) = (candidate(&space).await, candidate(&space).await);
    let mut first = one.election.win().await;
    let second = two.election.win();
    tokio::pin!(second);
    // As long as the first renews, the second waits.
    tokio::select! {
        lost = first.keep() => panic!("{lost}"),
        _ = &mut second => panic!("two leaders"),
        () = tokio::time::sleep(TIMES.duration * 2) => {}
    }
    assert!(is_open(&one) && !is_open(&two));
    let killed = std::time::Instant::now();
    drop(first); // as kill -9 leaves it: the Lease stays as it is
    assert!(!is_open(&one));
    let second = second.await;
    let took = killed.elapsed();
    assert!(
        took > TIMES.duration / 2 && took < TIMES.duration + TIMES.poll_period + TIMEOUT * 2,
        "{took:?}"
    );
    let lease: Api<Lease> = Api::namespaced(space.client.clone(), &space.name);
    let spec = lease.get(names::LEASE).await.unwrap().spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some(second.identity()));
    assert_eq!(spec.lease_transitions, Some(1));
    // Given up in good order: nobody waits for the lease to expire.
    second.release().await.unwrap();
    assert!(!is_open(&two));
    let released = std::time::Instant::now();
    let _third = one.election.win().await;
    assert!(
        released.elapsed() < TIMES.duration / 2,
        "{:?}",
        released.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_or_taken_lease_is_lost_and_closes_the_fence() {
    let space = Space::new("lost").await;
    let leases: Api<Lease> = Api::namespaced(space.client.clone(), &space.name);
    let one = candidate(&space).await;
    let mut leadership = one.election.win().await;
    leases
        .delete(names::LEASE, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(leadership.keep().await, Lost::Deleted);
    assert!(!is_open(&one));
    let mut leadership = one.election.win().await;
    let taken = json!({"spec": {"holderIdentity": "somebody"}});
    leases
        .patch(names::LEASE, &PatchParams::default(), &Patch::Merge(taken))
        .await
        .unwrap();
    assert_eq!(leadership.keep().await, Lost::Taken("somebody".into()));
    assert!(!is_open(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_a_renewal_changed_whose_answer_nobody_saw_is_given_up_all_the_same() {
    let space = Space::new("unseen").await;
    let leases: Api<Lease> = Api::namespaced(space.client.clone(), &space.name);
    let one = candidate(&space).await;
    let leadership = one.election.win().await;
    let renewed = json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
    leases
        .patch(
            names::LEASE,
            &PatchParams::default(),
            &Patch::Merge(renewed),
        )
        .await
        .unwrap();
    leadership.release().await.unwrap();
    let lease = leases.get(names::LEASE).await.unwrap();
    let holder = lease.spec.unwrap().holder_identity.unwrap_or_default();
    assert_eq!(holder, "", "the next one need not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_lease_nothing_is_sent_and_a_lease_that_is_not_renewed_ends_by_itself() {
    let space = Space::new("fence").await;
    let one = candidate(&space).await;
    let refused = one
        .writer
        .create::<DynamicObject>(&pod(&space, "never"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotLeader);
    assert!(refused.message.contains(&NotLeader.to_string()));
    let leadership = one.election.win().await;
    one.writer
        .create::<DynamicObject>(&pod(&space, "once"))
        .await
        .unwrap();
    tokio::time::sleep(TIMES.renew_deadline).await; // nobody calls keep
    let refused = one
        .writer
        .create::<DynamicObject>(&pod(&space, "never"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotLeader);
    drop(leadership);
    let births = space.control_plane.audit().pod_births(&space.name);
    assert_eq!(
        births.into_iter().collect::<Vec<_>>(),
        [("once".to_owned(), 1)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_and_deletes_touch_only_the_object_that_was_meant() {
    let space = Space::new("writes").await;
    let writer = open_writer(&space).await;
    let created = writer
        .create::<DynamicObject>(&pod(&space, "a"))
        .await
        .unwrap();
    let uid = created.metadata.uid.unwrap();
    let again = writer
        .create::<DynamicObject>(&pod(&space, "a"))
        .await
        .unwrap_err();
    assert_eq!(again.kind, ErrorKind::AlreadyExists);
    let key = ObjectKey::pod(&space.name, "a");
    let other = DeleteCondition::uid("00000000-0000-4000-8000-000000000000");
    assert!(writer.delete(&key, &other).await.unwrap_err().is_conflict());
    let stale = DeleteCondition {
        resource_version: Some("1".into()),
        ..DeleteCondition::uid(&uid)
    };
    assert!(writer.delete(&key, &stale).await.unwrap_err().is_conflict());
    let gone = ObjectKey::pod(&space.name, "b");
    assert_eq!(
        writer
            .delete(&gone, &DeleteCondition::uid(&uid))
            .await
            .unwrap(),
        Deleted::Gone
    );

    // Finalizers keep the Pod; each goes only from the object as it was seen.
    assert_eq!(
        writer
            .delete(&key, &DeleteCondition::uid(&uid))
            .await
            .unwrap(),
        Deleted::Deleting
    );
    let both = [
        "example.com/other".to_owned(),
        names::TRACKING_FINALIZER.to_owned(),
    ];
    let one = [names::TRACKING_FINALIZER.to_owned()];
    let mine = names::TRACKING_FINALIZER;
    assert!(
        writer
            .remove_finalizer(&key, &uid, &one, mine)
            .await
            .unwrap_err()
            .is_conflict()
    );
    assert!(
        writer
            .remove_finalizer(&key, "0", &both, mine)
            .await
            .unwrap_err()
            .is_conflict()
    );
    writer
        .remove_finalizer(&key, &uid, &both, mine)
        .await
        .unwrap();
    let pods: Api<Pod> = Api::namespaced(space.client.clone(), &space.name);
    let left = pods.get("a").await.unwrap();
    assert_eq!(left.metadata.finalizers.unwrap(), ["example.com/other"]);
    writer
        .remove_finalizer(
            &key,
            &uid,
            &["example.com/other".into()],
            "example.com/other",
        )
        .await
        .unwrap();
    writer
        .remove_finalizer(&key, &uid, &both, mine)
        .await
        .unwrap(); // gone: no error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_applied_again_without_a_conflict_and_a_job_gets_its_finalizer_once() {
    let space = Space::new("apply").await;
    let writer = open_writer(&space).await;
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": space.name, "name": "s"},
        "spec": {"ports": [{"port": 4433}], "selector": {"app": "x"}},
    });
    let first = writer.apply::<DynamicObject>(&service).await.unwrap();
    service["spec"]["selector"]["app"] = "y".into();
    let second = writer.apply::<DynamicObject>(&service).await.unwrap();
    assert_eq!(first.metadata.uid, second.metadata.uid);
    assert_eq!(second.data["spec"]["selector"]["app"], "y");
    let (key, uid) = (
        ObjectKey::service(&space.name, "s"),
        second.metadata.uid.unwrap(),
    );
    assert_eq!(
        writer
            .delete(&key, &DeleteCondition::uid(&uid))
            .await
            .unwrap(),
        Deleted::Gone
    );

    space.control_plane.operator_kubeconfig(); // its chart brings the CRD
    let job = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"namespace": space.name, "name": "j"},
        "spec": {"uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"], "firmware": "registry.example.com/f:1", "version": "1"},
    });
    let job = writer.create::<DynamicObject>(&job).await.unwrap();
    let (uid, version) = (
        job.metadata.uid.unwrap(),
        job.metadata.resource_version.unwrap(),
    );
    let key = ObjectKey::flash_job(&space.name, "j");
    let held: DynamicObject = writer
        .add_finalizer(&key, &uid, &version, &[], names::FINALIZER)
        .await
        .unwrap();
    assert_eq!(held.metadata.finalizers.unwrap(), [names::FINALIZER]);
    let stale = writer
        .add_finalizer::<DynamicObject>(&key, &uid, &version, &[], "example.com/late")
        .await
        .unwrap_err();
    assert!(stale.is_conflict(), "{stale}");

    // A status goes only into the object that was read.
    let reader = Reader::new(space.client.clone(), seconds(10));
    space.kubectl(&["annotate", "flashjob", "j", "example.com/mine=kept"]);
    let read: flashjob_operator::api::FlashJob =
        reader.get(&space.name, "j").await.unwrap().unwrap();
    let managers = read.metadata.managed_fields.clone();
    let mut status = read.status.unwrap_or_default();
    status.message = Some("first".into());
    let written = writer.replace_status(&read.metadata, &status).await;
    let written = written.unwrap().0.unwrap();
    assert_eq!(written.status.unwrap().message.as_deref(), Some("first"));
    assert_eq!(written.spec, read.spec, "a status alone is written");
    let after: flashjob_operator::api::FlashJob =
        reader.get(&space.name, "j").await.unwrap().unwrap();
    assert_eq!(after.metadata.annotations, read.metadata.annotations);
    let kept = after.metadata.managed_fields.unwrap_or_default();
    for manager in managers.unwrap_or_default() {
        assert!(kept.contains(&manager), "{manager:?}");
    }
    let stale = writer.replace_status(&read.metadata, &status).await;
    assert!(stale.unwrap_err().is_conflict());
    writer
        .remove_finalizer(&key, &uid, &[names::FINALIZER.into()], names::FINALIZER)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart() {
    let space = Space::new("refused").await;
    let writer = open_writer(&space).await;
    let kind = async |object: &Value| {
        writer
            .create::<DynamicObject>(object)
            .await
            .unwrap_err()
            .kind
    };

    let mut invalid = pod(&space, "invalid");
    invalid["spec"]["restartPolicy"] = "Sometimes".into();
    assert!(
        matches!(kind(&invalid).await, ErrorKind::Invalid { fields } if fields == ["spec.restartPolicy"])
    );

    let large = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": space.name, "name": "large"},
        "stringData": {"x": "x".repeat(1_100_000)},
    });
    assert_eq!(kind(&large).await, ErrorKind::TooLarge);

    let unknown = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"namespace": space.name, "name": "n"}});
    assert!(matches!(kind(&unknown).await, ErrorKind::Invalid { .. }));

    let mut nowhere = pod(&space, "nowhere");
    nowhere["metadata"]["namespace"] = "does-not-exist".into();
    assert_eq!(kind(&nowhere).await, ErrorKind::NotFound);

    space.kubectl(&[
        "label",
        "namespace",
        &space.name,
        "pod-security.kubernetes.io/enforce=baseline",
    ]);
    let mut privileged = pod(&space, "privileged");
    privileged["spec"]["hostNetwork"] = true.into();
    assert_eq!(kind(&privileged).await, ErrorKind::AdmissionDenied);

    let tries = std::cell::Cell::new(0);
    space.kubectl(&["create", "quota", "none", "--hard=pods=0"]);
    space
        .eventually("the quota to hold", seconds(20), async || {
            // Until the API server has seen the quota, Pods are let in.
            tries.set(tries.get() + 1);
            let error = writer
                .create::<DynamicObject>(&pod(&space, &format!("over-{}", tries.get())))
                .await
                .err()?;
            (error.kind == ErrorKind::QuotaExceeded).then_some(())
        })
        .await;

    space.kubectl(&["delete", "namespace", &space.name, "--wait=false"]);
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": space.name, "name": "late"}});
    space
        .eventually("the namespace to end", seconds(20), async || {
            let kind = writer
                .create::<DynamicObject>(&config_map)
                .await
                .err()?
                .kind;
            matches!(kind, ErrorKind::NamespaceTerminating | ErrorKind::NotFound).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_lacks_rights() {
    let space = Space::new("stranger").await;
    space.kubectl(&["create", "serviceaccount", "stranger"]);
    let kubeconfig = Kubeconfig::read_from(space.control_plane.kubeconfig("admin")).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    config.auth_info.impersonate = Some(format!("system:serviceaccount:{}:stranger", space.name));
    let clients = Clients::new(config, Arc::new(Fence::always_open()), seconds(10)).unwrap();
    let error = writer(&clients)
        .create::<DynamicObject>(&pod(&space, "a"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_installed_later_is_seen_within_seconds() {
    // One of its own: on the shared one, other tests install Akri's kind.
    let control_plane = ControlPlane::start("late-kind");
    let client = control_plane.client("admin").await;
    let mut instances = watch::instances(&client, &Scope::All);
    let mut next = async |wanted: fn(&WatchEvent<_>) -> bool| {
        let seen = async { while !wanted(&instances.next().await.unwrap().event) {} };
        tokio::time::timeout(seconds(20), seen).await.unwrap();
    };
    for _ in 0..4 {
        next(|event| matches!(event, WatchEvent::NotInstalled)).await;
    }
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "instances.akri.sh"},
        "spec": {
            "group": "akri.sh", "scope": "Namespaced", "names": {"plural": "instances", "kind": "Instance"},
            "versions": [{"name": "v0", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    control_plane.feed(&["apply"], &crd.to_string()).unwrap();
    let installed = std::time::Instant::now();
    next(|event| matches!(event, WatchEvent::Listed)).await;
    assert!(
        installed.elapsed() < seconds(10),
        "{:?}",
        installed.elapsed()
    );
}
