//! Pods that wait, start, or do not.

use super::*;

#[rstest]
#[case::scheduler(Some("Unschedulable"), Reason::Unschedulable)]
#[case::pull_back_off(Some("ImagePullBackOff"), Reason::ImagePullFailed)]
#[case::pull_error(Some("ErrImagePull"), Reason::ImagePullFailed)]
#[case::image_name(Some("InvalidImageName"), Reason::ImagePullFailed)]
#[case::creating(Some("ContainerCreating"), Reason::PodPending)]
#[case::nothing_said(None, Reason::PodPending)]
fn a_pod_that_waits_says_why_in_the_api_s_own_words(
    #[case] said: Option<&str>,
    #[case] reason: Reason,
) {
    let container = ContainerSight::Waiting {
        reason: said.map(str::to_owned),
        message: Some("0/3 nodes".into()),
    };
    let decision = deciding(
        &with_pod(ObservedPod {
            container,
            ..a_pod()
        }),
        &wish(),
        1,
    );
    assert_eq!(decision.reason, reason);
    assert!(decision.message.ends_with("0/3 nodes"), "{decision:?}");
}

#[test]
fn a_pod_that_does_not_start_is_given_up_after_its_deadline() {
    let waiting = with_pod(a_pod());
    let before = deciding(&waiting, &wish(), 299);
    assert_eq!((before.release, before.wake_at), (None, Some(at(300))));
    let after = deciding(&waiting, &wish(), 300);
    assert_eq!(
        (after.action, after.release.unwrap().0),
        (None, Reason::PodNotStarted)
    );
}

#[test]
fn a_pod_that_started_is_never_given_up_before_its_deadline_and_the_nodes_grace() {
    let flashing = with_pod(a_running());
    let before = deciding(&flashing, &wish(), 699);
    assert_eq!(
        (before.action, before.release, before.wake_at),
        (None, None, Some(at(700)))
    );
    assert_eq!(
        deciding(&flashing, &wish(), 700).action,
        Some(Action::CheckNode)
    );
}

#[test]
fn a_deleted_pod_that_still_runs_is_waited_for() {
    let mut leaving = a_running();
    leaving.sight.deleting = Some(at(5));
    let decision = deciding(&with_pod(leaving), &wish(), 6);
    assert_eq!(
        (decision.action, decision.release, decision.wake_at),
        (None, None, Some(at(700)))
    );
}

#[test]
fn an_unstarted_pod_is_deleted_only_as_it_was_seen_and_nothing_else_goes_before_it_has_ended() {
    let decision = decide(&with_pod(a_pod()), &wish(), &releasing(), &BOUNDS, at(300));
    assert_eq!(
        removal_of(&decision),
        Removal {
            pod: Some(PodRemoval::Unstarted),
            ..Removal::default()
        }
    );
}

#[test]
fn a_pod_that_started_while_it_was_being_given_up_is_followed_to_its_end() {
    let decision = decide(
        &with_pod(a_running()),
        &wish(),
        &releasing(),
        &BOUNDS,
        at(301),
    );
    assert_eq!((decision.action, decision.reason), (None, Reason::Flashing));
    let decision = decide(
        &with_pod(an_ended()),
        &wish(),
        &releasing(),
        &BOUNDS,
        at(301),
    );
    assert_eq!(decision.action, Some(Action::ReadVerdict));
}

#[test]
fn an_unstarted_pod_on_a_dead_node_does_not_hold_its_device_for_ever() {
    let mut leaving = a_pod();
    leaving.sight.deleting = Some(at(300));
    let stuck = with_pod(leaving);
    let waits = decide(&stuck, &wish(), &releasing(), &BOUNDS, at(301));
    assert_eq!((waits.action, waits.wake_at), (None, Some(at(700))));
    assert_eq!(
        decide(&stuck, &wish(), &releasing(), &BOUNDS, at(700)).action,
        Some(Action::CheckNode)
    );
    let lost = Memory {
        lost: ["a".into()].into(),
        ..releasing()
    };
    assert_eq!(
        decide(&stuck, &wish(), &lost, &BOUNDS, at(1001)).action,
        Some(Action::ReadVerdict),
        "it may have started unseen"
    );
    let stored = ending(false, Reason::NodeLost, 1001);
    let removal = removal_of(&decide(&stuck, &stored, &lost, &BOUNDS, at(1002)));
    assert_eq!(
        (removal.pod, removal.untrack),
        (Some(PodRemoval::Lost), true),
        "a Pod that is being deleted needs grace 0, too"
    );
}

#[rstest]
#[case::a_container_before_it_failed(Some("PodInitializing"), None, true)]
#[case::its_node_refused_it(None, Some("Pod was rejected: no room"), true)]
#[case::its_container_was_being_made(Some("ContainerCreating"), None, false)]
#[case::the_node_stopped_it(None, Some("The node was low on resource: memory"), false)]
fn a_pod_that_ended_is_given_up_only_if_its_flash_cannot_have_begun(
    #[case] waits: Option<&str>,
    #[case] message: Option<&str>,
    #[case] given_up: bool,
) {
    let pod = ObservedPod {
        phase: "Failed".into(),
        started: Some(at(1)),
        message: message.map(str::to_owned),
        container: ContainerSight::Waiting {
            reason: waits.map(str::to_owned),
            message: Some("its container mesh-init ended with exit code 1".into()),
        },
        ..a_pod()
    };
    let decision = deciding(&with_pod(pod), &wish(), 10);
    if given_up {
        let (reason, words) = decision.release.unwrap();
        assert_eq!((decision.action, reason), (None, Reason::PodNotStarted));
        let said = message.unwrap_or("its container mesh-init ended with exit code 1");
        assert!(words.ends_with(said), "{words}");
    } else {
        assert_eq!(decision.action, Some(Action::ReadVerdict));
    }
}
