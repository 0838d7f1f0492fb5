//! What keys do.

use rstest::rstest;

use super::*;
use crate::view::fixtures::rollout;

fn live() -> Live {
    Live::of(Box::new(rollout()), false)
}

fn press(live: &mut Live, code: KeyCode) -> Option<Order> {
    live.press(KeyEvent::from(code))
}

fn awaiting() -> Live {
    let mut live = live();
    if let Some(step) = &mut live.job.status.step {
        step.state = "AwaitingApproval".into();
    }
    live
}

fn said(live: &Live) -> String {
    let lines = live.words(200);
    lines.iter().map(|line| line.text() + "\n").collect()
}

#[rstest]
#[case::q(KeyEvent::from(KeyCode::Char('q')), Some(Order::Quit))]
#[case::control_c(
    KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
    Some(Order::Quit)
)]
#[case::p(KeyEvent::from(KeyCode::Char('p')), Some(Order::Suspend))]
#[case::with_control_it_is_another_key(
    KeyEvent::new(KeyCode::Char('p'), KeyModifiers::CONTROL),
    None
)]
#[case::unknown(KeyEvent::from(KeyCode::Char('z')), None)]
fn a_key_gives_an_order(#[case] key: KeyEvent, #[case] order: Option<Order>) {
    assert_eq!(live().press(key), order);
}

#[test]
fn control_c_leaves_from_anywhere() {
    let mut live = live();
    live.open(crate::live::Journal::of("Log".into()));
    let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(live.press(key), Some(Order::Quit));
}

#[rstest]
#[case::yes('y', Some(Order::Approve("1.2".into())))]
#[case::no('n', None)]
#[case::quitting_is_no_answer('q', None)]
fn a_step_is_approved_after_a_question(#[case] answer: char, #[case] order: Option<Order>) {
    let mut live = awaiting();
    assert_eq!(press(&mut live, KeyCode::Char('a')), None);
    let question = "Approve step 1.2 (tenth): 8 of 12 devices done, 2 failed? y: yes";
    assert!(said(&live).starts_with(question), "{}", said(&live));
    assert_eq!(press(&mut live, KeyCode::Char(answer)), order);
    assert_eq!(said(&live), "");
}

#[test]
fn where_nothing_waits_for_approval_it_is_said_until_the_next_key() {
    let mut live = live();
    assert_eq!(press(&mut live, KeyCode::Char('a')), None);
    let words = "nothing waits for approval: step 1.2 (tenth) is Running";
    assert!(said(&live).starts_with(words), "{}", said(&live));
    press(&mut live, KeyCode::Char('z'));
    assert_eq!(said(&live), "");
}

#[test]
fn a_suspended_job_goes_on_after_a_question() {
    let mut live = live();
    live.job.spec.as_mut().unwrap().suspend = Some(true);
    assert_eq!(press(&mut live, KeyCode::Char('p')), None);
    assert!(said(&live).contains("go on?"), "{}", said(&live));
    assert_eq!(press(&mut live, KeyCode::Char('y')), Some(Order::Resume));
}

#[rstest]
#[case::the_first_with_a_pod(0, "flash-00000000-0000-4000-8000-000000000008-x7k2p")]
#[case::the_first_that_is_pointed_at(1, "flash-00000000-0000-4000-8000-000000000008-x7k2p")]
#[case::the_second(2, "flash-00000000-0000-4000-8000-000000000009-x7k2p")]
fn the_log_is_that_of_the_device_that_is_pointed_at(#[case] downs: usize, #[case] of: &str) {
    let mut live = live();
    for _ in 0..downs {
        press(&mut live, KeyCode::Down);
    }
    match press(&mut live, KeyCode::Char('l')) {
        Some(Order::Read { pod, title }) => {
            assert_eq!(pod, of);
            assert!(title.ends_with(of), "{title}");
        }
        order => panic!("{order:?}"),
    }
}

#[test]
fn a_device_without_a_pod_has_no_log() {
    let mut live = live();
    for _ in 0..9 {
        press(&mut live, KeyCode::Down);
    }
    assert_eq!(press(&mut live, KeyCode::Char('l')), None);
    assert_eq!(said(&live), "device #10 192.0.2.11:80 has no Pod yet\n");
    live.job.status.devices.clear();
    live.selected = None;
    press(&mut live, KeyCode::Char('l'));
    assert_eq!(said(&live), "no device in flight has a Pod\n");
}
